package peer

import (
	"bytes"
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"yodel/wire"
)

// Outgoing is a message to be published.
type Outgoing struct {
	Room      string // need not have been joined
	Body      []byte
	Media     string // media type; empty: text/plain
	Transient bool   // relayed to those who are there, never stored
}

// Receipt tells that a message is in the room log, or was relayed if it is transient.
type Receipt struct {
	Room string
	ID   uint64
	Pos  uint64    // 0 for a transient message
	At   time.Time // the daemon's clock
}

// Publication is a message on its way. It may be used by any number of goroutines.
type Publication struct {
	room, media string
	body        []byte
	encoded     []byte // while it is the next to be sent
	transient   bool

	id, order uint64 // the loop's, until Publish has returned
	done      chan struct{}
	receipt   Receipt // once done is closed
	err       error
}

// Publish queues a message and returns once there is room for it: while 512 messages or 256 KiB wait for receipts it blocks. It is sent
// when the daemon's credit allows, after those before it, and again 100 ms to 2 s later as long as the daemon says that it can not take it now
// (CODE_BUSY, CODE_STOPPING). The body is copied. ErrEmpty, ErrTooLong, ErrMedia and an illegal room come at once. When ctx ends first nothing is
// sent. The message is sent again with the same id after a reconnect, and stored once.
func (c *Client) Publish(ctx context.Context, out Outgoing) (*Publication, error) {
	taken, err := c.PublishAll(ctx, []Outgoing{out})
	if err != nil {
		return nil, err
	}
	return taken[0], nil
}

// PublishAll is Publish for several messages, in order; those that are there together share datagrams. With an error it gives those that were taken
// nevertheless: the error is about the message behind them, and nothing from that one on is sent.
func (c *Client) PublishAll(ctx context.Context, out []Outgoing) ([]*Publication, error) {
	var fault error
	for i := range out {
		if fault = c.checkOutgoing(out[i]); fault != nil {
			out = out[:i]
			break
		}
	}
	if len(out) == 0 {
		return nil, fault
	}
	taken, err := call(ctx, c, func(now time.Time, reply func([]*Publication, error)) func() {
		return c.engine.publish(now, out, func(taken []*Publication) {
			if len(taken) < len(out) {
				reply(taken, ctx.Err())
				return
			}
			reply(taken, nil)
		})
	})
	if err == nil {
		err = fault
	}
	return taken, err
}

// publish puts messages at the end of the line. admitted is called when there was room for all of them, or with those for which there was when the
// rest are taken back.
func (e *engine) publish(now time.Time, out []Outgoing, admitted func([]*Publication)) (cancel func()) {
	taken := make([]*Publication, 0, len(out))
	for _, o := range out {
		p := &Publication{room: o.Room, media: o.Media, body: bytes.Clone(o.Body), transient: o.Transient, done: make(chan struct{})}
		e.outbox.enter(&admission{p: p, owner: &taken, admitted: func() {
			if taken = append(taken, p); len(taken) == len(out) {
				admitted(taken)
			}
		}})
	}
	e.admit(now)
	return func() {
		e.outbox.leave(&taken)
		admitted(taken)
	}
}

func (c *Client) checkOutgoing(out Outgoing) error {
	if err := checkRoom(out.Room); err != nil {
		return err
	}
	if !utf8.ValidString(out.Media) {
		return fmt.Errorf("%w: %q is not UTF-8", ErrMedia, out.Media)
	}
	if len(out.Body) == 0 {
		return ErrEmpty
	}
	if limit := c.shared.maxBody(); len(out.Body) > limit {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLong, len(out.Body), limit)
	}
	return nil
}

// Done is closed when Receipt has its answer.
func (p *Publication) Done() <-chan struct{} { return p.done }

// ID is the publish id under which the message goes.
func (p *Publication) ID() uint64 { return p.id }

// Receipt waits for the daemon's receipt. Errors: a *RefusedError, ErrLost or ErrClosed when the session ended without
// one, or ctx's.
func (p *Publication) Receipt(ctx context.Context) (Receipt, error) {
	select {
	case <-p.done:
		return p.receipt, p.err
	default:
	}
	select {
	case <-p.done:
		return p.receipt, p.err
	case <-ctx.Done():
		return Receipt{}, ctx.Err()
	}
}

// admit takes the messages that there is room for, and sends what it may.
func (e *engine) admit(now time.Time) {
	for a, ok := e.outbox.admit(); ok; a, ok = e.outbox.admit() {
		a.admitted()
	}
	e.publishUnsent(now)
}

// publishUnsent sends the messages for which there is credit, in order.
func (e *engine) publishUnsent(now time.Time) {
	if e.s == nil || !e.outbox.pause.over(now) {
		return
	}
	for msg, ok := e.outbox.next(); ok && e.s.publishes.Spend(len(msg)); msg, ok = e.outbox.next() {
		e.outbox.sent()
		e.send(now, msg)
	}
}

// publishAgain sends all messages that have no receipt, in a new session.
func (e *engine) publishAgain(now time.Time) {
	e.outbox.newSession()
	e.admit(now)
}

// receipted takes the daemon's receipt.
func (e *engine) receipted(now time.Time, r *wire.Receipt) {
	if p := e.outbox.settle(r.GetId()); p != nil {
		p.receipt = Receipt{Room: r.GetRoom(), ID: r.GetId(), Pos: r.GetPos(), At: timeOf(r.GetAtUnixNs())}
		close(p.done)
		e.outbox.pause.next = 0
	}
	e.admit(now)
}

// unpublished takes the daemon's refusal of a message. One that says "not now" is no outcome: the message is sent again.
func (e *engine) unpublished(now time.Time, id uint64, err *RefusedError) {
	if err.Code == wire.Code_CODE_BUSY || err.Code == wire.Code_CODE_STOPPING {
		e.outbox.again(now, id)
		return
	}
	if p := e.outbox.settle(id); p != nil {
		p.err = err
		close(p.done)
	}
	e.admit(now)
}

// failPublications ends the wait for all receipts.
func (e *engine) failPublications(err error) {
	for _, p := range e.outbox.inOrder() {
		e.outbox.settle(p.id)
		p.err = err
		close(p.done)
	}
	e.outbox.unsent, e.outbox.waiting = nil, nil // their callers see that the client is over
}
