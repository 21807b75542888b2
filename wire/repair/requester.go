package repair

import (
	"slices"
	"time"
)

const (
	// reorderWait is how long a gap is left alone: most late packets are reordered, not lost.
	reorderWait = 20 * time.Millisecond
	// minAskAgain keeps requests apart where the round trip is very short.
	minAskAgain = 40 * time.Millisecond
	// apart is the least time between two requests, which are for all packets whose turn has come: however many
	// are lost, requests are no more than the packets of a stream.
	apart = 20 * time.Millisecond
	// calmAsks is how many requests for one packet wait for their answer. When they failed, the path is bad and time runs short:
	// the next ones are twice as frequent.
	calmAsks = 2
	// fastAsks is after how many requests for one packet the time between them doubles, up to slowest: the sender has not got it
	// either. Before that even the longest lead of a room, 1.5 s, is over. While nothing at all comes the path may be dead, and
	// the time doubles from the second request on: so the few resends of a packet are not used up in a black-out of a second.
	fastAsks = 32
	slowest  = 320 * time.Millisecond
	// maxAsks bounds the requests for one packet. Requests are lost too, so it is more than the resends that are allowed.
	maxAsks = 64
	// maxMissing bounds the holes that are kept; a longer gap keeps only its newest end.
	maxMissing = 512
)

// Requester knows which packets of one stream are missing and when to ask for them.
// The zero value is ready; the first packet that it hears of starts the stream.
type Requester struct {
	started  bool
	gaveUp   bool // the beginning is past
	first    uint64
	highest  uint64 // all up to here have come or are in missing, or were given up
	missing  []hole // in order of seq
	lost     uint64
	repaired uint64
	heard    uint64    // packets that came, whatever they were
	quiet    time.Time // until when nothing is asked for, after a request
}

type hole struct {
	seq  uint64
	next time.Time // when to ask
	asks int

	heard uint64 // packets that had come at the last request
	idle  int    // latest requests after which nothing came
}

// Start tells that the stream begins with the packet seq, so that its loss shows.
func (q *Requester) Start(now time.Time, seq uint64) {
	switch {
	case !q.started:
		q.started, q.first, q.highest = true, seq, seq
		q.missing = append(q.missing, hole{seq: seq, next: now.Add(reorderWait)})
	case seq < q.first:
		q.lower(now, seq)
	}
}

// Received tells that a packet has come. It is true when the packet fills a hole or is new, false when it was
// there before or had been given up.
func (q *Requester) Received(now time.Time, seq uint64) bool {
	q.heard++
	switch {
	case !q.started:
		q.started, q.first, q.highest = true, seq, seq
		return true
	case seq > q.highest:
		q.extend(now, seq)
		q.missing = q.missing[:len(q.missing)-1] // seq itself is there
		return true
	case seq < q.first:
		q.lower(now, seq)
	}
	i, found := q.find(seq)
	if found {
		if q.missing[i].asks > 0 {
			q.repaired++
		}
		q.missing = slices.Delete(q.missing, i, i+1)
	}
	return found
}

// lower moves the beginning back to seq: the first packets of a stream were reordered, or its start became known late, as after a black-out
// that swallowed it. The packets from seq to the one before the first are holes; lost are those for which there is no room, and
// all when the beginning is past.
func (q *Requester) lower(now time.Time, seq uint64) {
	room := uint64(max(maxMissing-len(q.missing), 0))
	if q.gaveUp {
		room = 0
	}
	from := q.first - min(room, q.first-seq)
	q.lost += from - seq
	early := make([]hole, 0, q.first-from)
	for s := from; s < q.first; s++ {
		early = append(early, hole{seq: s, next: now.Add(reorderWait)})
	}
	q.missing = slices.Insert(q.missing, 0, early...)
	q.first = seq
}

// Through tells that the packets up to last have been sent: those that have not come are missing.
func (q *Requester) Through(now time.Time, last uint64) {
	if q.started && last > q.highest {
		q.extend(now, last)
	}
}

// extend adds holes for all packets after the highest one, up to and with seq.
func (q *Requester) extend(now time.Time, seq uint64) {
	from := q.highest + 1
	if seq-from >= maxMissing {
		q.lost += seq - maxMissing + 1 - from
		from = seq - maxMissing + 1
	}
	if over := len(q.missing) + int(seq-from) + 1 - maxMissing; over > 0 {
		over = min(over, len(q.missing))
		q.lost += uint64(over)
		q.missing = slices.Delete(q.missing, 0, over)
	}
	for s := from; s <= seq; s++ {
		q.missing = append(q.missing, hole{seq: s, next: now.Add(reorderWait)})
	}
	q.highest = seq
}

// Missing appends the sequence numbers to ask for now. rtt is the round trip to the sender: a packet is
// asked for again when an answer to the last request could have come, and after two requests in vain in half of that time.
func (q *Requester) Missing(now time.Time, rtt time.Duration, dst []uint16) []uint16 {
	if now.Before(q.quiet) {
		return dst
	}
	asked := len(dst)
	keep := q.missing[:0]
	for _, h := range q.missing {
		if !h.next.After(now) {
			if h.asks == maxAsks {
				q.lost++
				continue
			}
			dst = append(dst, uint16(h.seq))
			h.asked(now, rtt, q.heard)
		}
		keep = append(keep, h)
	}
	q.missing = keep
	if len(dst) > asked {
		q.quiet = now.Add(apart)
	}
	return dst
}

// asked notes a request. heard is how many packets have come by now.
func (h *hole) asked(now time.Time, rtt time.Duration, heard uint64) {
	if h.idle++; h.asks == 0 || heard != h.heard {
		h.idle = 0
	}
	h.asks++
	h.heard = heard
	h.next = now.Add(h.spacing(rtt))
}

// spacing is the time from the last request to the next.
func (h *hole) spacing(rtt time.Duration) time.Duration {
	again := rtt + rtt/4
	if h.asks > calmAsks && h.idle == 0 {
		again /= 2
	}
	again = max(again, minAskAgain)
	doublings := max(h.asks-fastAsks, 0) + max(h.idle-1, 0)
	return max(again, min(again<<min(doublings, 8), slowest))
}

// Deadline is when Missing has something to say next; the zero time means never.
func (q *Requester) Deadline() time.Time {
	var first time.Time
	for _, h := range q.missing {
		if first.IsZero() || h.next.Before(first) {
			first = h.next
		}
	}
	if !first.IsZero() && first.Before(q.quiet) {
		return q.quiet
	}
	return first
}

// GiveUp drops the holes before seq: what comes now would be too late.
func (q *Requester) GiveUp(before uint64) {
	i, _ := q.find(before)
	q.lost += uint64(i)
	q.missing = slices.Delete(q.missing, 0, i)
	q.gaveUp = q.gaveUp || before > q.first
}

// Outstanding is how many packets are missing and not given up.
func (q *Requester) Outstanding() int { return len(q.missing) }

// Lost is how many packets have been given up.
func (q *Requester) Lost() uint64 { return q.lost }

// Repaired is how many packets have come that were asked for.
func (q *Requester) Repaired() uint64 { return q.repaired }

func (q *Requester) find(seq uint64) (int, bool) {
	return slices.BinarySearchFunc(q.missing, seq, func(h hole, s uint64) int {
		switch {
		case h.seq < s:
			return -1
		case h.seq > s:
			return 1
		}
		return 0
	})
}
