package stream

import (
	"bytes"
	"fmt"
	"math/bits"
	"time"

	"yodel/wire"
)

// MaxHeld is how many bytes a stream holds of messages that are incomplete, out of order or not yet taken by Receive, with what it costs
// to keep account of them. Only the next message in order may go beyond, and only when there is nothing to take: else
// messages ahead of it could shut it out for ever.
const MaxHeld = 1 << 20

// HeldAlone is how many of these bytes a stream may hold although the Pool that it shares with others is full: the longest message, and some.
const HeldAlone = 80 << 10

// Pool bounds what several streams hold together: what each has beyond HeldAlone counts, up to Size bytes. A stream may have as much of them as is
// left (Choudhury and Hahne, Dynamic queue length thresholds for shared-memory packet switches, 1998, with α = 1): one alone has half, and however many
// have theirs, the next one has something too. It is used by one goroutine.
type Pool struct {
	Size int
	held int
}

// shares tells whether a stream may hold as much as after.
func (p *Pool) shares(after int) bool {
	return p == nil || after <= HeldAlone || after-HeldAlone <= p.Size-p.held
}

// note takes a stream's holding after bytes in place of before into account.
func (p *Pool) note(before, after int) {
	if p != nil {
		p.held += max(after-HeldAlone, 0) - max(before-HeldAlone, 0)
	}
}

// heldFor is what a message of that length counts towards MaxHeld: its bytes, a bit a byte to tell which arrived, and the account.
func heldFor(length int) int { return length + length/8 + 64 }

// inMessage is a message that did not arrive whole or waits for one before it.
type inMessage struct {
	data    []byte
	have    []uint64 // set of bytes that arrived; nil when it came in one chunk
	missing int      // bytes
}

// inbox puts chunks together and messages into order.
type inbox struct {
	partial ring[*inMessage] // by number, from the next one to deliver; nil: nothing of it came
	ready   ring[[]byte]     // complete and in order
	held    int
	pool    *Pool // nil: none
	gaps    gaps
}

// gaps are the messages that are not delivered, of those up to the newest that something had come of at a time.
type gaps struct {
	end   int64     // one over that newest
	since time.Time // the time; zero: there are none
}

// watch notes, after each packet, what has to be delivered next; busy: there were messages to take already, so that the other side cannot be blamed.
func (b *inbox) watch(now time.Time, busy bool) {
	switch {
	case b.partial.n == 0:
		b.gaps = gaps{}
	case busy || b.gaps.since.IsZero() || b.partial.first >= b.gaps.end:
		b.gaps = gaps{b.partial.end(), now}
	}
}

// hold counts n bytes more, or less.
func (b *inbox) hold(n int) {
	b.pool.note(b.held, b.held+n)
	b.held += n
}

// take takes a chunk. It tells if the chunk brought anything new. Errors: ErrWindow, ErrTotal, ErrFull.
func (b *inbox) take(c wire.Chunk) (news bool, err error) {
	number, next := int64(c.Message), b.partial.first
	if number < next {
		return false, nil
	}
	if number >= next+sendWindow {
		return false, fmt.Errorf("%w: message %d >= %d + %d", ErrWindow, number, next, sendWindow)
	}
	var m *inMessage
	if b.partial.has(number) {
		m = *b.partial.at(number)
	}
	if m == nil {
		err := b.begin(number, c)
		return err == nil, err
	}
	if len(m.data) != c.Total {
		return false, fmt.Errorf("%w: message %d of %d bytes, then of %d", ErrTotal, number, len(m.data), c.Total)
	}
	news = m.missing > 0 && m.fill(c)
	b.deliver()
	return news, nil
}

// begin takes the first chunk that comes of a message.
func (b *inbox) begin(number int64, c wire.Chunk) error {
	cost := heldFor(c.Total)
	if (b.held+cost > MaxHeld || !b.pool.shares(b.held+cost)) && (number != b.partial.first || b.ready.n > 0) {
		return fmt.Errorf("%w: %d held and %d of message %d > %d", ErrFull, b.held, cost, number, MaxHeld)
	}
	b.hold(cost)
	whole := len(c.Data) == c.Total
	if whole && b.partial.n == 0 && number == b.partial.first {
		*b.ready.push() = bytes.Clone(c.Data)
		b.partial.first++
		return nil
	}
	m := &inMessage{}
	if whole {
		m.data = bytes.Clone(c.Data)
	} else {
		m.data = make([]byte, c.Total)
		m.have = make([]uint64, (c.Total+63)/64)
		m.missing = c.Total
		m.fill(c)
	}
	for b.partial.end() <= number {
		*b.partial.push() = nil
	}
	*b.partial.at(number) = m
	b.deliver()
	return nil
}

// deliver moves what is complete and next in order.
func (b *inbox) deliver() {
	for b.partial.n > 0 {
		slot := b.partial.at(b.partial.first)
		if *slot == nil || (*slot).missing > 0 {
			return
		}
		*b.ready.push() = (*slot).data
		*slot = nil
		b.partial.pop()
	}
}

func (b *inbox) pop() (msg []byte, ok bool) {
	if b.ready.n == 0 {
		return nil, false
	}
	slot := b.ready.at(b.ready.first)
	msg, *slot = *slot, nil
	b.ready.pop()
	b.hold(-heldFor(len(msg)))
	return msg, true
}

// dropPartial forgets what can not be delivered any more.
func (b *inbox) dropPartial() { b.partial = ring[*inMessage]{first: b.partial.first} }

// fill copies a chunk into an incomplete message and tells if any byte of it was missing.
func (m *inMessage) fill(c wire.Chunk) bool {
	copy(m.data[c.Offset:], c.Data)
	before := m.missing
	for at, end := c.Offset, c.Offset+len(c.Data); at < end; {
		low := at % 64
		n := min(64-low, end-at)
		mask := ^uint64(0) >> (64 - n) << low
		m.missing -= bits.OnesCount64(mask &^ m.have[at/64])
		m.have[at/64] |= mask
		at += n
	}
	return m.missing < before
}
