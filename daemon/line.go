package daemon

import (
	"time"
	"unsafe"

	"yodel/wire"
	"yodel/wire/repair"
)

const (
	// keepFor is how long after its due time a packet can still be resent.
	keepFor = 2 * time.Second
	// liveGrace is how long after its turn a packet of a live room is still passed on.
	liveGrace = 200 * time.Millisecond
	// longFrame is the longest time that one packet is taken to last.
	longFrame = 20 * time.Millisecond
	// slotSize is what a slot takes without its packet.
	slotSize = int(unsafe.Sizeof(slot{}))
)

// verdict is what a line makes of a packet.
type verdict uint8

const (
	accepted verdict = iota
	duplicate
	late // it could not be heard in time any more
)

// slot is one packet in the line.
type slot struct {
	seq    uint64
	packet *packet   // nil: not there
	due    time.Time // when it is to be heard
	sent   bool
}

// line is the delay line of one stream: it takes a talker's packets as they come, cuts duplicates,
// restores order, asks for what is missing, and gives each packet out once its time has come. A packet is due at
//
//	the arrival anchor of its talkspurt + its RTP timestamp's distance from it + the delay
//
// and goes out lead earlier, at the nearest instant of the grid; in a live room (delay 0) at once. It is a state machine: time is an argument.
type line struct {
	clock       int // Hz of the RTP timestamp
	delay, lead time.Duration
	grid        grid

	unwrap wire.Unwrapper
	asks   repair.Requester
	anchor anchor

	slots   []slot // a ring of lineSlots at most, by sequence number; grows as needed
	base    uint64 // lowest one that can be in slots
	next    uint64 // lowest one that has not had its turn
	top     uint64 // one over the highest that came
	lates   []uint64
	past    uint64    // the packets before it are too late to be heard
	pastDue time.Time // when the one before it was due
	turnDue time.Time // when the newest packet in order is to be heard
	lastDue time.Time // the latest that a packet is to be heard
	bytes   int
	packets int // in slots
	started bool
	sent    bool // something has had its turn
	ended   bool
	endedAt time.Time
	last    uint64         // of the talkspurt, when ended
	stats   wire.Reception // of the packets accepted
	copied  [copiedKept]uint64
}

// copiedKept is how many packets are remembered, by sequence number, that were made of copies.
const copiedKept = 64

// start begins a talkspurt with the packet first.
func (l *line) start(now time.Time, first uint16) {
	seq, ok := l.unwrap.Unwrap(first)
	if !ok {
		return
	}
	l.asks.Start(now, seq)
	l.begin(seq)
}

func (l *line) begin(seq uint64) {
	if !l.started {
		l.started = true
		l.base, l.next, l.top = seq, seq, seq
		l.anchor.clock, l.stats.Clock = l.clock, l.clock
		l.stats.Begin(seq)
	}
}

// end tells the last packet of the talkspurt.
func (l *line) end(now time.Time, last uint16) {
	if !l.started || l.ended {
		return
	}
	seq, ok := l.peek(last)
	if !ok || seq >= l.top+maxJump || seq < l.base {
		seq = max(l.top, l.base+1) - 1
	}
	l.last = seq
	l.ended, l.endedAt = true, now
	l.asks.Through(now, l.last)
}

// jumps tells whether a packet is so far ahead of the newest one that the line cannot take it.
func (l *line) jumps(seq16 uint16) bool {
	seq, ok := l.peek(seq16)
	return ok && l.started && seq >= l.top+maxJump
}

// arrive takes a packet that does not jump, and came at a time that may be a round before now; the line keeps a copy.
func (l *line) arrive(now time.Time, a *arrival) verdict {
	seq, ok := l.peek(a.seq)
	if !ok || l.started && seq+maxJump < l.next || l.ended && seq > l.last {
		return late
	}
	_, _ = l.unwrap.Unwrap(a.seq) // as peek has told
	l.begin(seq)
	if seq < l.base {
		if seq+lineSlots/2 < l.top || l.sent {
			return late
		}
		l.base, l.next = seq, min(seq, l.next)
		if len(l.slots) == 0 {
			l.top = seq
		}
	}
	inOrder := seq >= l.top
	repaired := l.asks.Repaired()
	if !l.asks.Received(now, seq) {
		if l.copied[seq%copiedKept] == seq && !a.copied {
			l.copied[seq%copiedKept] = 0
			l.stats.Came()
		}
		return duplicate
	}
	due := l.anchor.due(a.at, a.timestamp, inOrder).Add(l.delay)
	if inOrder && l.delay > 0 {
		if due = latest(due, l.turnDue.Add(leastApart)); due.After(a.at.Add(l.delay + maxAstray)) {
			return late
		}
		l.turnDue = due
	}
	if seq < l.next && a.at.After(due.Add(l.grace())) {
		return late
	}
	l.put(slot{seq: seq, packet: newPacket(a.plain), due: due})
	if seq < l.next {
		l.lates = append(l.lates, seq)
	}
	switch {
	case a.copied:
		l.copied[seq%copiedKept] = seq
		l.stats.Resent(seq)
	case l.asks.Repaired() > repaired:
		l.stats.Resent(seq)
	default:
		l.stats.Received(seq, a.timestamp, a.at)
	}
	return accepted
}

// lacks tells whether a packet since the beginning of the talkspurt has not come.
func (l *line) lacks(seq16 uint16) bool {
	seq, ok := l.peek(seq16)
	return ok && l.started && seq >= l.base && seq < l.top && l.at(seq) == nil
}

// peek extends a sequence number without taking note of it.
func (l *line) peek(seq uint16) (extended uint64, ok bool) {
	u := l.unwrap
	return u.Unwrap(seq)
}

func (l *line) grace() time.Duration {
	if l.delay == 0 {
		return liveGrace
	}
	return 0
}

// sendAt is when a packet has its turn.
func (l *line) sendAt(s *slot) time.Time {
	if l.delay == 0 {
		return time.Time{}
	}
	return l.grid.nearest(s.due.Add(-l.lead))
}

// pop gives the next packet whose turn has come; nil when there is none. The slot is valid until the next call
// of any method.
func (l *line) pop(now time.Time) *slot {
	for len(l.lates) > 0 {
		s := l.at(l.lates[0])
		l.lates = l.lates[1:]
		if s != nil && !s.sent {
			s.sent = true
			return s
		}
	}
	for seq := l.next; seq < l.top; seq++ {
		s := l.at(seq)
		if s == nil {
			continue
		}
		if l.sendAt(s).After(now) {
			return nil
		}
		l.next = seq + 1
		l.sent, s.sent = true, true
		return s
	}
	return nil
}

// sentPacket gives a packet that has been sent and is still kept, for a resend.
func (l *line) sentPacket(seq16 uint16) *slot {
	if !l.started {
		return nil
	}
	seq, ok := l.peek(seq16)
	if !ok {
		return nil
	}
	s := l.at(seq)
	if s == nil || !s.sent {
		return nil
	}
	return s
}

// tidy gives up on what is too late and frees what nobody can ask for any more.
func (l *line) tidy(now time.Time) {
	l.pass(now)
	for l.base < min(l.next, l.past) { // a hole before past may still be filled
		s := l.at(l.base)
		if s != nil && s.due.Add(keepFor).After(now) {
			return
		}
		l.drop(l.base)
		l.base++
	}
}

// pass gives up on the missing packets that lie before one whose time is over. Of those at the end of a talkspurt, which no
// packet follows, only the last one before them tells the time.
func (l *line) pass(now time.Time) {
	for seq := max(l.past, l.base); seq < l.top; seq++ {
		s := l.at(seq)
		if s == nil {
			continue
		}
		if s.due.Add(l.grace()).After(now) {
			return
		}
		l.past, l.pastDue = seq+1, s.due
		l.asks.GiveUp(seq)
	}
	if l.ended && now.After(l.until()) {
		l.asks.GiveUp(l.last + 1)
	}
}

// until is when what is missing of a talkspurt that has ended is given up at the latest: the talker has it no longer.
func (l *line) until() time.Time {
	until := l.endedAt.Add(l.delay + keepFor)
	if l.past > 0 && l.last >= l.past {
		until = earliest(until, l.pastDue.Add(time.Duration(l.last-l.past+1)*longFrame+l.grace()))
	}
	return until
}

// giveUp ends the talkspurt with what has come: the talker is gone.
func (l *line) giveUp() {
	if !l.started {
		return
	}
	l.ended = true
	if l.top > 0 {
		l.last = max(l.base, l.top-1)
	}
	l.asks.GiveUp(l.top + maxJump)
}

// complete tells that the talkspurt is over and nothing of it is awaited any more.
func (l *line) complete() bool {
	return l.ended && l.asks.Outstanding() == 0
}

// drained tells that the talkspurt is over, sent, and kept no longer.
func (l *line) drained() bool {
	return l.complete() && l.base >= l.top
}

// lost is how many packets of the talkspurt will never come.
func (l *line) lost() uint64 { return l.asks.Lost() }

// deadline is when pop or missing has something to do; zero for never.
func (l *line) deadline() time.Time {
	d := l.asks.Deadline()
	for seq := l.next; seq < l.top; seq++ {
		if s := l.at(seq); s != nil {
			d = earliest(d, l.sendAt(s))
			break
		}
	}
	if l.ended && l.base < l.top { // one turn for all that is kept; timestamps may run backwards, so it need not be the last packet's
		d = earliest(d, l.lastDue.Add(keepFor))
	}
	return d
}

// earliest gives the earlier of two times of which zero means never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// latest gives the later of two times.
func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func (l *line) at(seq uint64) *slot {
	if len(l.slots) == 0 || seq < l.base || seq >= l.top {
		return nil
	}
	s := &l.slots[seq%uint64(len(l.slots))]
	if s.packet == nil || s.seq != seq {
		return nil
	}
	return s
}

// put stores a slot; the oldest ones go when the ring is full.
func (l *line) put(s slot) {
	if l.top = max(l.top, s.seq+1); s.due.After(l.lastDue) {
		l.lastDue = s.due
	}
	for l.top-l.base > lineSlots {
		l.drop(l.base)
		l.base++
	}
	l.next = max(l.next, l.base)
	l.grow(int(l.top - l.base))
	l.drop(s.seq)
	l.slots[s.seq%uint64(len(l.slots))] = s
	l.bytes += len(s.packet.data)
	l.packets++
}

// grow makes the ring hold n slots.
func (l *line) grow(n int) {
	size := max(64, len(l.slots))
	for size < n {
		size *= 2
	}
	if size == len(l.slots) {
		return
	}
	old := l.slots
	l.slots = make([]slot, size)
	l.bytes += (size - len(old)) * slotSize
	for _, s := range old {
		if s.packet != nil {
			l.slots[s.seq%uint64(size)] = s
		}
	}
}

func (l *line) drop(seq uint64) {
	if s := l.at(seq); s != nil {
		l.bytes -= len(s.packet.data)
		l.packets--
		s.packet.release()
		*s = slot{}
	}
}

// free gives all buffers back.
func (l *line) free() {
	for seq := l.base; seq < l.top; seq++ {
		l.drop(seq)
	}
	l.base, l.next = l.top, l.top
	l.slots, l.bytes = nil, 0
}
