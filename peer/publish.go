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
// when the daemon's credit allows, after those before it. The body is
// copied. ErrEmpty, ErrTooLong, ErrMedia and an illegal room come at once. When ctx ends first nothing is
// sent. The message is sent again with the same id after a reconnect, and stored once.
func (c *Client) Publish(ctx context.Context, out Outgoing) (*Publication, error) {
	if err := c.checkOutgoing(out); err != nil {
		return nil, err
	}
	return call(ctx, c, func(now time.Time, reply func(*Publication, error)) func() {
		return c.engine.publish(now, out, func(p *Publication) { reply(p, nil) })
	})
}

// publish puts a message at the end of the line. admitted is called when there is room for it.
func (e *engine) publish(now time.Time, out Outgoing, admitted func(*Publication)) (cancel func()) {
	p := &Publication{
		room: out.Room, media: out.Media, body: bytes.Clone(out.Body), transient: out.Transient, done: make(chan struct{}),
	}
	a := &admission{p: p, admitted: func() { admitted(p) }}
	e.outbox.enter(a)
	e.admit(now)
	return func() { e.outbox.leave(a) }
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
	if e.s == nil {
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
	}
	e.admit(now)
}

// unpublished takes the daemon's refusal of a message.
func (e *engine) unpublished(now time.Time, id uint64, err error) {
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
