package audio

import (
	"fmt"
	"math"
)

// What a stream is doing.
type streamState uint8

const (
	waiting streamState = iota // for packets, or for the time of the first one
	playing
	done // ended; remembered, so that what still comes is known as late
)

// Rules for packets that do not fit the timeline, in samples.
const (
	jump    = SampleRate              // timestamps off by more than this jumped
	allLate = 200 * SampleRate / 1000 // nothing but late packets for so long: anchor anew
)

// seqMark is a sequence number that was announced, or was not.
type seqMark struct {
	seq   uint16
	known bool
}

// announced is what is known of the packets of a talk.
type announced struct{ first, last seqMark }

// stream is one SSRC: its jitter buffer and its decoder. Sequence numbers and timestamps are extended to 64 bits; timestamps
// count samples at 48 kHz.
type stream struct {
	ssrc        uint32
	payloadType uint8
	perTick     int64 // samples a tick of the RTP clock
	rule        rule
	state       streamState
	stats       Stats
	touched     int64 // position of the last sign of life
	dec         *Decoder
	ring        ring
	way         way

	talk, nextTalk announced // this talk, and the one after it

	any      bool // whether a packet ever came
	maxSeq   int64
	maxStamp uint32 // the RTP timestamp of maxSeq
	maxTS    int64
	dur      int64 // of the last packet, in samples
	lowSeq   int64 // lowest that came while waiting
	minRel   int64 // least arrival − timestamp while waiting

	play
}

// arrival is a packet on its way into a stream.
type arrival struct {
	at  int64
	dur int
	pkt Packet
	seq int64 // extended
	ts  int64 // extended, in samples

	astray bool // of passage
}

// renew makes the stream wait for a talk. What the ring holds belongs to it.
func (s *stream) renew(payloadType uint8, r rule) error {
	perTick, known := ticks(payloadType)
	if !known {
		return fmt.Errorf("%w: %d", ErrPayloadType, payloadType)
	}
	s.dec, s.payloadType, s.perTick, s.rule = nil, payloadType, perTick, r
	s.state, s.stats = waiting, Stats{}
	s.talk, s.nextTalk = s.nextTalk, announced{}
	s.play, s.way = play{}, way{}
	s.gather()
	return nil
}

// begun reports whether packets of the talk have come: it is played, or going to be.
func (s *stream) begun() bool { return s.state == playing || s.state == waiting && s.ring.count > 0 }

// ready makes what a talk needs when its first packet comes.
func (s *stream) ready() (err error) {
	if s.dec == nil {
		s.line = newLine()
		s.dec, err = NewDecoder(s.payloadType)
	}
	return err
}

// gather finds the earliest packet in the ring and the quickest.
func (s *stream) gather() {
	s.lowSeq, s.minRel = math.MaxInt64, math.MaxInt64
	for i := range s.ring.slots {
		if p := s.ring.slots[i].pkt; p != nil {
			s.lowSeq = min(s.lowSeq, p.seq)
			s.minRel = min(s.minRel, p.at-p.ts)
			s.way.note(passage{at: p.at, rel: p.at - p.ts, dur: int64(p.dur)})
			s.stats.Received++
		}
	}
}

// announce takes the first sequence number of a talk. A talk whose end is announced too is followed by it.
func (s *stream) announce(first *uint16) {
	switch {
	case first == nil:
	case s.talk.last.known:
		s.nextTalk = announced{first: seqMark{*first, true}}
	case s.state == waiting:
		s.talk.first = seqMark{*first, true}
	}
}

// finishAt takes the last sequence number of the talk, or of the next. One that was played long ago is from a talk before.
func (s *stream) finishAt(seq uint16) {
	switch {
	case s.state == done || s.state == playing && s.nextSeq > s.extend(seq)+1:
	case s.nextTalk.first.known && int16(seq-s.nextTalk.first.seq) >= 0:
		s.nextTalk.last = seqMark{seq, true}
	default:
		s.talk.last = seqMark{seq, true}
	}
}

// extend unwraps a sequence number to the value nearest to the highest that came.
func (s *stream) extend(seq uint16) int64 {
	if !s.any {
		return 1<<16 + int64(seq)
	}
	return s.maxSeq + int64(int16(seq-uint16(s.maxSeq)))
}

// lastSeq returns the highest sequence number that can belong to this talk.
func (s *stream) lastSeq() int64 {
	if s.talk.last.known {
		return s.extend(s.talk.last.seq)
	}
	return s.maxSeq
}

// isNews reports whether a packet for an ended talk must be from a new one.
func (s *stream) isNews(seq uint16) bool { return s.extend(seq) > max(s.maxSeq, s.lastSeq()) }

// push takes a packet of the stream's payload type.
func (s *stream) push(l *pool, a arrival) {
	a.seq = s.extend(a.pkt.Seq)
	if s.any && s.ring.came(a.seq) {
		if !a.pkt.Redundant {
			s.stats.Duplicates++
		}
		return
	}
	a.ts, a.astray = s.extendTS(a), s.any && a.seq < s.maxSeq && !a.pkt.Redundant
	if a.pkt.Stalled && s.way.n > 0 {
		a.at = max(a.at, a.ts+s.way.floor)
	}
	if a.pkt.Redundant {
		if s.useless(&a) {
			return
		}
		s.stats.Recovered++
	}
	s.stats.Received++
	s.touched = max(s.touched, a.at)
	s.noteNewest(a)
	switch {
	case s.state == done:
		s.stats.Late++
		s.ring.mark(a.seq)
	case s.state == waiting && s.fits(&a), s.state == playing && s.inTime(&a):
		s.hold(l, a)
	}
}

// useless reports whether a copy comes too late for its packet, and notes when it came.
func (s *stream) useless(a *arrival) bool {
	switch {
	case s.state == done:
		return true
	case s.state == playing && s.isLate(a) && !s.await(a):
		s.follow(a)
		s.ring.mark(a.seq)
		return true
	}
	return false
}

// isLate reports whether a packet can not be played any more as the talk is anchored.
func (s *stream) isLate(a *arrival) bool { return a.seq < s.nextSeq || a.ts+int64(a.dur) <= s.playTS }

// hold puts the packet into the ring.
func (s *stream) hold(l *pool, a arrival) {
	p := l.get(a.pkt.Payload)
	p.seq, p.ts, p.at, p.dur = a.seq, a.ts, a.at, a.dur
	s.ring.put(p)
}

// extendTS unwraps the timestamp of a packet. One that jumped without reason is placed where a packet that arrives now belongs.
func (s *stream) extendTS(a arrival) int64 {
	if !s.any {
		return int64(a.pkt.Timestamp) * s.perTick
	}
	ts := s.maxTS + int64(int32(a.pkt.Timestamp-s.maxStamp))*s.perTick
	if a.seq <= s.maxSeq || s.state == done {
		return ts
	}
	expected := s.maxTS + (a.seq-s.maxSeq)*s.dur
	now := s.timeFor(a.at)
	if distance(ts, expected) <= jump || ts <= now+jump && ts >= now-s.rule.depth-jump {
		return ts
	}
	return max(now, s.playTS, s.maxTS+s.dur)
}

func distance(a, b int64) int64 { return max(a-b, b-a) }

// timeFor returns the timestamp of a packet that arrives at a position as quickly as the quickest.
func (s *stream) timeFor(at int64) int64 {
	if s.state == playing {
		return at + s.wanted() - s.anchor
	}
	if s.minRel == math.MaxInt64 {
		return s.maxTS + s.dur
	}
	return at - s.minRel
}

// noteNewest remembers the packet with the highest sequence number.
func (s *stream) noteNewest(a arrival) {
	if !s.any || a.seq > s.maxSeq {
		s.any = true
		s.maxSeq, s.maxStamp, s.maxTS, s.dur = a.seq, a.pkt.Timestamp, a.ts, int64(a.dur)
	}
}

// fits takes a packet into account before the talk begins to play, and reports whether it can be held.
func (s *stream) fits(a *arrival) bool {
	low := min(s.lowSeq, a.seq)
	if s.maxSeq-low >= ringSize {
		s.stats.Overflowed++
		return false
	}
	s.lowSeq = low
	s.minRel = min(s.minRel, a.at-a.ts)
	s.follow(a)
	return true
}

// inTime reports whether a packet of a playing talk can still be played, and can be held until then.
func (s *stream) inTime(a *arrival) bool {
	if !s.await(a) && s.isLate(a) {
		if !s.alwaysLate(a) {
			s.follow(a)
			s.stats.Late++
			s.ring.mark(a.seq)
			return false
		}
		s.reanchor(a)
	}
	switch {
	case a.seq-s.nextSeq >= ringSize && s.ring.count == 0: // a long loss
		s.stats.Lost += int(a.seq - s.nextSeq)
		s.nextSeq = a.seq
	case a.seq-s.nextSeq >= ringSize, a.ts+s.anchor > a.at+max(s.rule.depth, s.depth())+holdAhead:
		s.stats.Overflowed++
		return false
	}
	s.late = false
	s.follow(a)
	return true
}

// alwaysLate reports whether nothing but late packets came for so long that the anchor must be wrong.
func (s *stream) alwaysLate(a *arrival) bool {
	switch {
	case s.ring.count > 0:
		s.late = false
	case !s.late:
		s.late, s.lateSince = true, a.at
	default:
		return a.at-s.lateSince >= allLate
	}
	return false
}

// reanchor places a packet, which came late as all before it, where a packet that arrives now belongs. What follows is unwrapped from it.
func (s *stream) reanchor(a *arrival) {
	s.way = way{ring: s.way.ring}
	a.ts = max(s.timeFor(a.at), s.playTS)
	s.nextSeq = min(s.nextSeq, a.seq)
	s.maxSeq, s.maxStamp, s.maxTS, s.dur = a.seq, a.pkt.Timestamp, a.ts, int64(a.dur)
}
