package peer

import (
	"context"
	"maps"
	"slices"
	"time"

	"yodel/wire"
)

// request is a message that waits for its answer. It goes again, with the same number, in a new session.
type request struct {
	msg []byte
	s   *session // in which it was made
	// once makes it end with its session: it is not sent again, and done is not called.
	once bool
	// done gets the answer, or why there is none; it is called once.
	done func(now time.Time, m *wire.Message, err error)
}

// requests are those that wait. Numbers start at 1; 0 means Hello in a Refused.
type requests struct {
	last uint64
	open map[uint64]*request
}

func (q *requests) add(r *request, encode func(id uint64) []byte) (id uint64) {
	q.last++
	r.msg = encode(q.last)
	if q.open == nil {
		q.open = make(map[uint64]*request)
	}
	q.open[q.last] = r
	return q.last
}

// answered removes a request whose answer this is; nil when nobody waits for it, or it is none: of another kind, about another room, or
// against the protocol.
func (q *requests) answered(id uint64, m *wire.Message) *request {
	if r := q.open[id]; r == nil || !isAnswer(r.msg, m) {
		return nil
	}
	return q.take(id)
}

// isAnswer tells that m can be the answer to a request.
func isAnswer(request []byte, m *wire.Message) bool {
	asked, err := wire.Decode(request)
	if err != nil {
		return false
	}
	switch k := m.GetKind().(type) {
	case *wire.Message_Joined:
		return asked.GetJoin() != nil && k.Joined.GetRoom() == asked.GetJoin().GetRoom() && len(k.Joined.GetLogId()) == idLength
	case *wire.Message_Left:
		return asked.GetLeave() != nil && k.Left.GetRoom() == asked.GetLeave().GetRoom()
	case *wire.Message_NickSet:
		return asked.GetSetNick() != nil
	case *wire.Message_TalkGranted:
		return asked.GetTalk() != nil && k.TalkGranted.GetRoom() == asked.GetTalk().GetRoom()
	case *wire.Message_Pong:
		return asked.GetPing() != nil
	case *wire.Message_Members:
		return asked.GetWho() != nil && k.Members.GetRoom() == asked.GetWho().GetRoom()
	case *wire.Message_RoomList:
		return asked.GetRooms() != nil
	case *wire.Message_Succeeded:
		return asked.GetSucceed() != nil
	}
	return false
}

// take removes a request that was answered; nil when nobody waits for it any more.
func (q *requests) take(id uint64) *request {
	r := q.open[id]
	delete(q.open, id)
	return r
}

// forget removes a request whose caller has gone.
func (q *requests) forget(id uint64) { delete(q.open, id) }

// inOrder gives those that wait in the order in which they were made.
func (q *requests) inOrder() []*request {
	list := make([]*request, 0, len(q.open))
	for _, id := range slices.Sorted(maps.Keys(q.open)) {
		list = append(list, q.open[id])
	}
	return list
}

// endSession drops the requests that belong to a session that is over.
func (q *requests) endSession(s *session) {
	maps.DeleteFunc(q.open, func(_ uint64, r *request) bool { return r.once && r.s == s })
}

// fail ends all requests.
func (q *requests) fail(now time.Time, err error) {
	for _, r := range q.inOrder() {
		if !r.once {
			r.done(now, nil, err)
		}
	}
	clear(q.open)
}

// result is what a call brings.
type result[T any] struct {
	value T
	err   error
}

// call runs start on the client's loop and waits for the reply, for ctx, or for the end of the client. start may reply
// at once or keep reply for later; only the first reply counts. If it returns a cancel function, that is run on the
// loop when ctx has ended first, and may still reply; otherwise the reply is then ctx's error.
func call[T any](ctx context.Context, c *Client, start func(now time.Time, reply func(T, error)) (cancel func())) (T, error) {
	var zero T
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	replies := make(chan result[T], 1)
	reply := func(v T, err error) {
		select {
		case replies <- result[T]{v, err}:
		default:
		}
	}
	var cancel func()
	if err := c.post(ctx, func(now time.Time) { cancel = start(now, reply) }); err != nil {
		return zero, err
	}
	select {
	case r := <-replies:
		return r.value, r.err
	case <-c.over:
		return orOver(c, replies)
	case <-ctx.Done():
	}
	//nolint:contextcheck // the caller's context has ended
	_ = c.post(context.Background(), func(time.Time) {
		if cancel != nil {
			cancel()
		}
		reply(zero, ctx.Err())
	})
	select {
	case r := <-replies:
		return r.value, r.err
	case <-c.over:
		return orOver(c, replies)
	}
}

// orOver prefers a reply that came to the end of the client.
func orOver[T any](c *Client, replies <-chan result[T]) (T, error) {
	select {
	case r := <-replies:
		return r.value, r.err
	default:
		var zero T
		return zero, c.overErr()
	}
}

// ask sends a request of one answer and waits for it.
func ask[T any](ctx context.Context, c *Client, encode func(id uint64) []byte, read func(*wire.Message, time.Time) T) (T, error) {
	return call(ctx, c, func(now time.Time, reply func(T, error)) func() {
		id := c.engine.request(now, encode, func(now time.Time, m *wire.Message, err error) {
			if err != nil {
				var zero T
				reply(zero, err)
				return
			}
			reply(read(m, now), nil)
		})
		return func() { c.engine.requests.forget(id) }
	})
}
