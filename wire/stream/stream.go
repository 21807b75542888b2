package stream

import (
	"fmt"
	"time"

	"yodel/wire"
)

// Config names the two sides of a stream.
type Config struct {
	// Local and Remote are the SSRCs of what this side sends and of what it receives.
	Local, Remote uint32
	// FirstSeq is the number of the first packet that this side sends: random and below 2^15, so that losing the first
	// packets can not hide a wrap from SRTP (RFC 3711, 3.3.1).
	FirstSeq uint64
	// Random gives numbers that the other side cannot guess: by them now and then a packet number is skipped, which shows a receiver that
	// acknowledges what it did not get. nil: none is skipped.
	Random func() uint64
	// Pool bounds what the stream holds beyond HeldAlone together with other streams; nil: MaxHeld is its only bound. Close gives back what it had.
	Pool *Pool
}

// Kind tells what AppendPacket appended.
type Kind uint8

// The kinds of packets that a stream sends.
const (
	None Kind = iota // nothing to send now
	RTP              // a message packet
	RTCP             // a report
)

// Stream is one side of the message streams of a session, both ways. It has no clock, no goroutine and no lock: see the package
// documentation for the caller's duties.
type Stream struct {
	cfg   Config
	start time.Time // of the RTP timestamps and the arrivals
	heard time.Time // when the other side was last heard
	err   error

	out     outbox
	sent    sentPackets
	skips   skips
	rtt     rtt
	reno    reno
	history history
	brake   brake

	lossTimer time.Time // when the oldest packet in doubt is lost; zero: none in doubt
	backoff   int32     // probe timeouts since the last acknowledgement
	probes    int32     // probes to send whatever the window says
	earlyNext int64     // the first packet number that may be an early probe

	in   inbox
	acks acks

	stats Stats
}

// New makes a stream that was heard just now.
func New(cfg Config, now time.Time) *Stream {
	s := &Stream{cfg: cfg, start: now, heard: now}
	s.in.pool = cfg.Pool
	s.sent.first = int64(cfg.FirstSeq)
	s.skips.init(cfg.Random, s.sent.first)
	s.history.init(s.sent.first)
	s.brake.init(s.sent.first)
	s.rtt.init()
	s.reno.init()
	return s
}

// Send queues a message. It is delivered once and in order or the stream dies; nothing is dropped, so the caller watches Queued.
// The stream keeps msg and only reads it: the caller must not change it any more, and may give it to other streams too.
// Errors: ErrTooLong, ErrDead.
func (s *Stream) Send(msg []byte) error {
	if s.err != nil {
		return s.err
	}
	if len(msg) > wire.MaxMessage {
		return fmt.Errorf("%w: %d bytes > %d", ErrTooLong, len(msg), wire.MaxMessage)
	}
	s.out.add(msg)
	return nil
}

// Receive gives the next message in order; ok is false when there is none yet. The bytes are the caller's.
func (s *Stream) Receive() (msg []byte, ok bool) {
	return s.in.pop()
}

// Close forgets what was received and not taken, and takes nothing more. Only a stream with a Pool needs it; nil has nothing.
func (s *Stream) Close() {
	if s == nil {
		return
	}
	s.in.hold(-s.in.held)
	s.in = inbox{}
	if s.err == nil {
		s.err = ErrDead
	}
}

// Ready tells whether Receive has a message.
func (s *Stream) Ready() bool { return s.in.ready.n > 0 }

// Queued is how many bytes of messages are not acknowledged whole yet, sent or not, for the caller's back-pressure.
func (s *Stream) Queued() int { return s.out.bytes }

// Idle tells that every message was acknowledged whole.
func (s *Stream) Idle() bool { return s.out.messages.n == 0 }

// Waiting is for how long the oldest message that was sent has not been acknowledged whole: a receiver that is only slow acknowledges what it has room
// for. 0: there is none.
func (s *Stream) Waiting(now time.Time) time.Duration {
	if s.Idle() {
		return 0
	}
	if sent := s.out.messages.at(s.out.messages.first).sent; !sent.IsZero() {
		return now.Sub(sent)
	}
	return 0
}

// Incomplete is for how long at least messages are held that are not whole or wait for one before them, and twice as long at most. A sender sends the
// oldest first, so even a slow path makes no long time of it. 0: there are none, or there is something to take.
func (s *Stream) Incomplete(now time.Time) time.Duration {
	if s.Ready() || s.in.gaps.since.IsZero() {
		return 0
	}
	return now.Sub(s.in.gaps.since)
}

// Messages is how many messages are not acknowledged whole yet, sent or not. Each costs some 100 bytes besides those that Queued counts.
func (s *Stream) Messages() int { return s.out.messages.n }

// Err is ErrDead once the other side was silent for wire.DeadAfter, else nil. A dead stream sends nothing and takes nothing;
// what was received whole can still be taken with Receive.
func (s *Stream) Err() error { return s.err }

// RTT gives the smoothed and the least round-trip time; both are 0 before the first measurement, and the least is until the next one
// after Revive and persistent congestion.
func (s *Stream) RTT() (smoothed, least time.Duration) {
	if !s.rtt.measured() {
		return 0, 0
	}
	return s.rtt.smoothed, s.rtt.least
}

// lossKnown is the fate of how many packets makes a loss that can be told.
const lossKnown = 8

// Loss is the part of the latest packets sent, of up to 512, that were lost: 0 to 1. known is false while there were few.
func (s *Stream) Loss() (lost float64, known bool) {
	h := &s.history
	if h.known() < lossKnown {
		return 0, false
	}
	return float64(h.long) / float64(min(h.known(), longHistory)), true
}

// Heard tells that an authentic packet of the session came, of whatever kind: the other side is alive.
func (s *Stream) Heard(now time.Time) {
	if s.err == nil && now.After(s.heard) {
		s.heard = now
	}
}

// Revive tells that an authentic packet showed that the path carries packets, perhaps after it did not, or that it is another path: what
// waits is probed at once if its timeout has grown, and the least round-trip time is measured anew, as a longer path would else look like a
// queue for ever. It does little when nothing was wrong, so that the caller need not know.
func (s *Stream) Revive(now time.Time) {
	s.Heard(now)
	if s.err != nil {
		return
	}
	s.rtt.forgetLeast()
	s.brake.forget()
	if s.backoff > 0 && s.sent.inFlight > 0 {
		s.backoff, s.probes = 0, probesPerTimeout
	}
}

// Acknowledge has the report about what came go with the next packets, when it is known that nothing more follows that it could wait for: an answer
// that is sent anyway, and the report, leave together and not after one another.
func (s *Stream) Acknowledge() { s.acks.hurry() }

// Advance does what is due at now: it finds lost packets, allows probes and reports, and declares death. Packets to send
// come from AppendPacket afterwards.
func (s *Stream) Advance(now time.Time) {
	if s.err != nil {
		return
	}
	if silence := now.Sub(s.heard); silence >= wire.DeadAfter {
		s.die(silence)
		return
	}
	s.acks.advance(now)
	s.advanceLoss(now)
}

// die forgets all but what can still be received.
func (s *Stream) die(silence time.Duration) {
	s.err = fmt.Errorf("%w for %v", ErrDead, silence.Round(time.Second))
	s.out, s.sent, s.acks = outbox{}, sentPackets{}, acks{}
	s.in.dropPartial()
}

// Deadline is when Advance must be called next: at the latest wire.DeadAfter after the last sign of life. It may have passed.
// The zero time, of a dead stream, means never.
func (s *Stream) Deadline() time.Time {
	if s.err != nil {
		return time.Time{}
	}
	deadline := s.heard.Add(wire.DeadAfter)
	for _, t := range [...]time.Time{s.acks.deadline, s.lossDeadline()} {
		if !t.IsZero() && t.Before(deadline) {
			deadline = t
		}
	}
	return deadline
}
