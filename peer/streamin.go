package peer

import (
	"math/bits"
	"slices"
	"time"

	"github.com/pion/rtp"

	"yodel/peer/audio"
	"yodel/wire"
	"yodel/wire/repair"
)

const (
	// maxStreams bounds the streams of one session that are heard or waited for: in a room with a long delay that is all that was
	// said in the last minute.
	maxStreams = audio.MaxAnnounced
	// startGrace is how long after its expected arrival the first packet of a talk counts as lost.
	startGrace = 100 * time.Millisecond
	// endGrace is the same for the last one, from the packet that came before it.
	endGrace = 100 * time.Millisecond
	// lingerFor is how long a stream that is over still takes packets.
	lingerFor = 2 * time.Second
	// liveSpare is how much of the depth must be left, in a live room, when a packet comes that was asked for: it is missed when the next one comes, and
	// asked for so much later.
	liveSpare = 20 * time.Millisecond
	// In a pause what should have come is asked for in steps, pauseSteps times; at the steps 1, 2, 4 and 8 there is a report, too.
	pauseStep  = 250 * time.Millisecond
	pauseSteps = 8
)

// streamIn is the receiving end of one talker's stream: it feeds the hearing, and finds out what to ask for again.
type streamIn struct {
	id      uint32 // in the playout, because SSRCs of two sessions may be the same
	ssrc    uint32
	room    string
	h       *Hearing
	payload uint8

	unwrap   wire.Unwrapper
	requests repair.Requester
	first    uint64    // by the announcement
	firstTS  uint32    // its timestamp
	startAt  time.Time // when the first packet counts as lost; zero: not known, or it has come
	depth    time.Duration
	delay    time.Duration
	sentIn   time.Duration // how long the daemon keeps a packet before it sends it
	highest  uint64
	top      time.Time // arrival of the highest packet
	origin   time.Time // arrival of the first sample, as the quickest packet has it
	frame    time.Duration
	begun    bool // the first packet has come or counts as lost
	live     bool // the room has no lead: what is asked for again is mostly too late
	asking   bool // it is not
	red      wire.Redundant
	latest   time.Time // arrival of the latest packet, or the announcement
	steps    int       // of the present pause
	waits    []wait
	ended    bool
	last     uint64 // once ended
	lastAt   time.Time
	length   time.Duration // once ended
	stats    wire.Reception
	early    time.Duration // the session's, of its reports
	tellAt   time.Time     // when the first report about the stream is due; zero: it has gone, or nothing has come
}

// wait is a packet that came after a hole: when it is played, the hole is past repair.
type wait struct {
	seq uint64
	due time.Time
}

// newStreamIn makes the stream of an announcement. expected is when its first packet should come; zero: not known.
func newStreamIn(now, expected time.Time, x *wire.TalkStart, r *room) *streamIn {
	h := r.hearing
	in := &streamIn{
		ssrc: x.GetSsrc(), room: x.GetRoom(), h: h, payload: uint8(min(x.GetPayloadType(), 255)), firstTS: x.GetFirstTimestamp(),
		latest: now, depth: h.depthNow(), delay: r.delay, sentIn: max(r.delay-h.leadNow(), 0),
	}
	in.live = h.leadNow() == 0
	in.stats.Clock, _ = wire.ClockRate(in.payload)
	in.first, _ = in.unwrap.Unwrap(uint16(x.GetFirstSeq()))
	if !expected.IsZero() {
		in.startAt = expected.Add(startGrace)
	}
	return in
}

// packet takes one packet of the stream.
func (in *streamIn) packet(now, arrived time.Time, header *rtp.Header, payload []byte) {
	seq, ok := in.unwrap.Unwrap(header.SequenceNumber)
	if !ok || !in.unpack(header.PayloadType, payload) {
		return
	}
	in.begin(now)
	in.latest, in.steps = now, 0
	in.received(now, seq, header.Timestamp, arrived)
	in.copies(now, seq, header.Timestamp, arrived)
	in.place(header.Timestamp, arrived, in.red.Primary)
	if seq >= in.highest {
		in.highest, in.top = seq, arrived
		in.expect(seq, arrived)
	}
	in.depth = in.h.push(arrived, audio.Packet{
		SSRC: in.id, Seq: header.SequenceNumber, Timestamp: header.Timestamp, PayloadType: in.payload, Payload: in.red.Primary,
	})
}

// unpack takes a payload apart into in.red, and reports whether it is one of the stream's: of its payload type, or of Opus with copies.
func (in *streamIn) unpack(payloadType uint8, payload []byte) bool {
	if payloadType == wire.PayloadRED && in.payload == wire.PayloadOpus {
		return in.red.Parse(payload) == nil && in.red.PayloadType == in.payload
	}
	in.red.Copies, in.red.Primary = in.red.Copies[:0], payload
	return payloadType == in.payload
}

// received counts a packet. One that was asked for does not show what the path is like.
func (in *streamIn) received(now time.Time, seq uint64, timestamp uint32, arrived time.Time) {
	if in.stats.Got() == 0 {
		in.tellAt = now.Add(wire.ReportFirst + reportSpread/2 - in.early)
	}
	repaired := in.requests.Repaired()
	in.requests.Received(now, seq)
	if in.requests.Repaired() > repaired {
		in.stats.Resent(seq)
	} else {
		in.stats.Received(seq, timestamp, arrived)
	}
}

// copies fills holes with the copies that a packet carries.
func (in *streamIn) copies(now time.Time, seq uint64, timestamp uint32, arrived time.Time) {
	for i, c := range in.red.Copies {
		before := uint64(len(in.red.Copies) - i)
		if seq < in.first+before || !in.requests.Received(now, seq-before) {
			continue // of another talkspurt, or there already, or too late
		}
		in.h.push(arrived, audio.Packet{
			SSRC: in.id, Seq: uint16(seq - before), Timestamp: timestamp - c.Offset, PayloadType: in.payload, Payload: c.Payload, Redundant: true,
		})
	}
}

// place finds out when the stream's samples arrive, and how long a packet lasts.
func (in *streamIn) place(timestamp uint32, arrived time.Time, payload []byte) {
	origin := arrived.Add(-time.Duration(int32(timestamp-in.firstTS)) * time.Second / time.Duration(in.stats.Clock))
	if in.origin.IsZero() || origin.Before(in.origin) {
		in.origin = origin
	}
	if in.frame == 0 {
		if samples, err := audio.PacketSamples(in.payload, payload); err == nil {
			in.frame = samplesToTime(int64(samples))
		}
	}
}

// begin starts the search for holes at the first packet that was announced.
func (in *streamIn) begin(now time.Time) {
	if in.begun {
		return
	}
	in.begun, in.startAt = true, time.Time{}
	in.highest, in.top = in.first, now
	in.requests.Start(now, in.first)
}

// expect notes when a packet is played, if there are holes before it.
func (in *streamIn) expect(seq uint64, arrived time.Time) {
	if in.requests.Outstanding() == 0 {
		in.waits = in.waits[:0]
		return
	}
	in.await(wait{seq, arrived.Add(in.depth)})
}

// await remembers when a packet is played. When too many are remembered, the last two become one, which is past repair as soon as the first.
func (in *streamIn) await(w wait) {
	if n := len(in.waits); n == maxWaits {
		in.waits[n-1].seq = w.seq
		return
	}
	in.waits = append(in.waits, w)
}

// end takes the announcement of the end, which may come long before the last packet.
func (in *streamIn) end(now time.Time, x *wire.TalkEnd) {
	last := uint16(x.GetLastSeq())
	in.ended, in.lastAt = true, now
	in.length = time.Duration(x.GetDurationMs()) * time.Millisecond
	in.last = uint64(max(wire.Nearest(int64(max(in.highest, in.first)), last), 0))
	in.h.end(in.id, last)
}

// stop ends a stream whose session is lost: what came is played.
func (in *streamIn) stop() {
	if in.stats.Got() > 0 {
		in.h.end(in.id, uint16(in.highest))
	}
}

// missing appends the sequence numbers to ask for now. In a live room nothing is asked for where an answer would be too late.
func (in *streamIn) missing(now time.Time, rtt time.Duration, dst []uint16) []uint16 {
	if !in.startAt.IsZero() && !now.Before(in.startAt) {
		in.begin(now)
		in.latest = now
	}
	if at := in.tailAt(); !at.IsZero() && !now.Before(at) {
		in.requests.Through(now, in.last)
		in.highest = in.last
		in.await(wait{in.last + 1, now.Add(in.depth)})
	}
	passed := 0
	for passed < len(in.waits) && !now.Before(in.waits[passed].due) {
		in.requests.GiveUp(in.waits[passed].seq)
		passed++
	}
	in.waits = slices.Delete(in.waits, 0, passed)
	if in.asking = !in.live || rtt > 0 && rtt+in.frame+liveSpare <= in.depth; !in.asking {
		return dst
	}
	return in.requests.Missing(now, rtt, dst)
}

// tailAt is when the packets up to the last one count as lost; zero: they do not.
func (in *streamIn) tailAt() time.Time {
	if !in.ended || !in.begun || in.highest >= in.last {
		return time.Time{}
	}
	return in.endsAt().Add(endGrace)
}

// endsAt is when the last packet should have come, of a stream that has ended and begun. The daemon had it when it told of the end, which may
// have been late; and the length tells, but that of which the end did not reach the daemon is too short. In any case the packets that are
// outstanding come one after the other.
func (in *streamIn) endsAt() time.Time {
	at := in.lastAt.Add(in.sentIn)
	if by := in.origin.Add(in.length); !in.origin.IsZero() && by.Before(at) {
		at = by
	}
	if by := in.top.Add(time.Duration(in.last-in.highest) * in.frame); by.After(at) {
		at = by
	}
	return at
}

// pauseAt is when the next step of a pause is: packets are due, and none came. zero: nothing is due.
func (in *streamIn) pauseAt() time.Time {
	if !in.begun || in.steps == pauseSteps || in.ended && in.highest >= in.last {
		return time.Time{}
	}
	return in.latest.Add(time.Duration(in.steps+1) * pauseStep)
}

// pause takes the steps of a pause that have come. It appends the sequence numbers of what should have come since the highest packet and
// would still be of use: the daemon resends what of that it has sent. report tells that it should hear of this end.
func (in *streamIn) pause(now time.Time, dst []uint16) (overdue []uint16, report bool) {
	at := in.pauseAt()
	if at.IsZero() || now.Before(at) {
		return dst, false
	}
	before := in.steps
	in.steps = min(int(now.Sub(in.latest)/pauseStep), pauseSteps)
	report = bits.Len(uint(in.steps)) > bits.Len(uint(before))
	if in.frame == 0 {
		return dst, report
	}
	through := in.highest + uint64(now.Sub(in.top)/in.frame)
	if in.ended {
		through = min(through, in.last)
	}
	past := in.highest + uint64(max(now.Sub(in.top)-in.depth, 0)/in.frame)
	for seq := past + 1; seq <= min(through, past+wire.MaxNack); seq++ {
		dst = append(dst, uint16(seq))
	}
	return dst, report
}

// reportAt is when the first report about the stream is due; zero: it is not. What is over or pauses is reported otherwise.
func (in *streamIn) reportAt() time.Time {
	if in.steps > 0 || in.ended && in.highest >= in.last {
		return time.Time{}
	}
	return in.tellAt
}

// overAt is when the stream can be forgotten; zero: it is not over.
func (in *streamIn) overAt() time.Time {
	switch {
	case !in.ended:
		return time.Time{}
	case in.begun && in.highest >= in.last:
		return in.latest.Add(in.depth + lingerFor)
	case in.latest.After(in.lastAt):
		return in.latest.Add(in.delay + lingerFor)
	}
	return in.lastAt.Add(in.delay + lingerFor)
}

// deadline is when missing or overAt has something to do.
func (in *streamIn) deadline() time.Time {
	var first time.Time
	var asks time.Time
	if in.asking {
		asks = in.requests.Deadline()
	}
	for _, t := range [...]time.Time{asks, in.reportAt(), in.startAt, in.tailAt(), in.pauseAt(), in.overAt()} {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	if len(in.waits) > 0 && (first.IsZero() || in.waits[0].due.Before(first)) {
		first = in.waits[0].due
	}
	return first
}
