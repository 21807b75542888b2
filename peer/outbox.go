package peer

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"yodel/wire"
)

// What may wait for receipts at once; who publishes more is held back.
const (
	maxUnreceipted      = 512
	maxUnreceiptedBytes = 256 << 10
)

// outbox holds the messages that have no receipt yet, and those that wait for room.
type outbox struct {
	ids     ids
	count   uint64 // of admitted ones, for their order
	open    map[uint64]*Publication
	bytes   int            // of their bodies
	unsent  []*Publication // those of open that wait for credit in this session, in order; some may be settled meanwhile
	pause   pause          // in which nothing is sent
	waiting []*admission
}

// pause is the wait after the daemon has said that it can not take a message now. It doubles until there is a receipt.
type pause struct {
	until time.Time // zero: there is none
	next  time.Duration
}

const (
	firstPause = 100 * time.Millisecond
	maxPause   = 2 * time.Second
)

// begin begins one, unless one has begun: the messages that were under way are refused one after the other.
func (p *pause) begin(now time.Time) {
	if p.until.IsZero() {
		p.next = min(max(2*p.next, firstPause), maxPause)
		p.until = now.Add(p.next)
	}
}

// over tells that messages may be sent, and ends a pause whose time has come.
func (p *pause) over(now time.Time) bool {
	if !now.Before(p.until) {
		p.until = time.Time{}
	}
	return p.until.IsZero()
}

// admission is a message whose publisher waits for room.
type admission struct {
	p        *Publication
	owner    any // which call it belongs to
	admitted func()
}

// hasRoom tells if one more message of n bytes may be sent. A message that is alone always may.
func (o *outbox) hasRoom(n int) bool {
	return len(o.open) == 0 || len(o.open) < maxUnreceipted && o.bytes+n <= maxUnreceiptedBytes
}

// enter puts a message at the end of the line.
func (o *outbox) enter(a *admission) { o.waiting = append(o.waiting, a) }

// leave takes the messages of a call out of the line, but for those that have been admitted.
func (o *outbox) leave(owner any) {
	o.waiting = slices.DeleteFunc(o.waiting, func(a *admission) bool { return a.owner == owner })
}

// admit takes the next message out of the line, gives it its id and lets it wait for credit, if there is room.
func (o *outbox) admit() (*admission, bool) {
	if len(o.waiting) == 0 || !o.hasRoom(len(o.waiting[0].p.body)) {
		return nil, false
	}
	a := o.waiting[0]
	o.waiting[0] = nil
	o.waiting = o.waiting[1:]
	if o.open == nil {
		o.open = make(map[uint64]*Publication)
	}
	p := a.p
	p.id = o.ids.take()
	p.order = o.count
	o.count++
	o.open[p.id] = p
	o.bytes += len(p.body)
	o.unsent = append(o.unsent, p)
	return a, true
}

// next gives the encoded message that is sent next; it stays until sent.
func (o *outbox) next() (msg []byte, ok bool) {
	for len(o.unsent) > 0 {
		if p := o.unsent[0]; o.open[p.id] == p {
			if p.encoded == nil {
				p.encoded = p.encode()
			}
			return p.encoded, true
		}
		o.unsent = o.unsent[1:]
	}
	o.unsent = nil
	return nil, false
}

// sent takes what next gave out of the line. The stream holds the bytes from then on.
func (o *outbox) sent() {
	o.unsent[0].encoded = nil
	o.unsent = o.unsent[1:]
}

// newSession makes all messages without receipt wait for the credit of a new session.
func (o *outbox) newSession() {
	o.unsent = o.inOrder()
	o.pause = pause{}
}

// again puts a message that the daemon can not take now back into the line, at its place, and lets all wait.
func (o *outbox) again(now time.Time, id uint64) {
	p := o.open[id]
	if p == nil {
		return
	}
	o.pause.begin(now)
	at, there := slices.BinarySearchFunc(o.unsent, p, func(a, b *Publication) int { return cmp.Compare(a.order, b.order) })
	if !there {
		o.unsent = slices.Insert(o.unsent, at, p)
	}
}

// settle removes the message with this id; nil when there is none.
func (o *outbox) settle(id uint64) *Publication {
	p := o.open[id]
	if p != nil {
		delete(o.open, id)
		o.bytes -= len(p.body)
	}
	return p
}

// inOrder gives the messages without receipt in the order in which they were published.
func (o *outbox) inOrder() []*Publication {
	return slices.SortedFunc(maps.Values(o.open), func(a, b *Publication) int { return cmp.Compare(a.order, b.order) })
}

// encode makes the Publish message.
func (p *Publication) encode() []byte {
	return wire.Encode(&wire.Message_Publish{Publish: &wire.Publish{
		Room: p.room, Id: p.id, Type: p.media, Body: p.body, Transient: p.transient,
	}})
}
