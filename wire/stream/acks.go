package stream

import (
	"time"

	"github.com/pion/rtcp"

	"yodel/wire"
)

// ackEvery is how many packets may wait for a report (RFC 9000, 13.2.2: "SHOULD send an ACK frame after receiving at least two
// ack-eliciting packets").
const ackEvery = 2

// On a path that has brought calmAfter packets in order, one report is for up to calmEvery packets or what comes in calmDelay: each wakes somebody, and
// tells nothing that the next would not (RFC 9000, 13.2.2: "may send ACK frames less frequently").
const (
	calmAfter = 100
	calmEvery = 10
	calmDelay = 8 * time.Millisecond
)

// acks remembers which packets arrived and when a report is due.
type acks struct {
	// arrivals are from the oldest packet that the sender waits for to the highest that arrived: the time since the stream's
	// start, at least 1; 0 for a packet that is missing.
	arrivals ring[time.Duration]
	started  bool

	calm     int       // packets in order since one was not, up to calmAfter
	waiting  int       // packets since the last report
	deadline time.Time // of the report about them; zero: none
	due      bool
}

// arrival is a message packet that arrived.
type arrival struct {
	number   int64
	distance int // to the oldest number that the sender waits for
	at       time.Duration
	news     bool // it carried something new
}

// number extends the sequence number of a packet; the first one is taken as it is.
func (a *acks) number(seq uint16) int64 {
	if !a.started {
		return int64(seq)
	}
	return wire.Nearest(a.arrivals.end()-1, seq)
}

// take notes an arrival.
func (a *acks) take(now time.Time, p arrival) {
	oldest := p.number - int64(p.distance)
	if !a.started {
		a.started = true
		a.arrivals.first = oldest
	}
	a.forgetBefore(oldest)
	if p.number < a.arrivals.first {
		return // the sender does not wait for it any more
	}
	// RFC 9000, 13.2.1: "an endpoint SHOULD generate and send an ACK frame without delay when it receives an ack-eliciting packet
	// either: when the received packet has a packet number less than another ack-eliciting packet that has been received, or
	// when [it] has a packet number larger than the highest-numbered [...] and there are missing packets between".
	// A packet with nothing new is a probe or a needless copy: the last report may have been lost.
	if p.number != a.arrivals.end() || !p.news {
		a.due, a.calm = true, 0
	}
	for a.arrivals.end() <= p.number {
		*a.arrivals.push() = 0
	}
	slot := a.arrivals.at(p.number)
	if *slot == 0 {
		*slot = max(p.at, 1)
	}
	a.calm = min(a.calm+1, calmAfter)
	a.waiting++
	a.remind(now)
	switch {
	case a.waiting < ackEvery:
	case a.calm < calmAfter || a.waiting >= calmEvery:
		a.due = true
	default:
		if soon := now.Add(calmDelay); soon.Before(a.deadline) {
			a.deadline = soon
		}
	}
}

// remind lets a report go within maxAckDelay.
func (a *acks) remind(now time.Time) {
	// RFC 9000, 13.2.1: "MUST acknowledge all ack-eliciting [...] packets within its advertised max_ack_delay".
	if a.deadline.IsZero() {
		a.deadline = now.Add(maxAckDelay)
	}
}

// forgetBefore forgets the packets that the sender does not wait for any more.
func (a *acks) forgetBefore(oldest int64) {
	for a.arrivals.n > 0 && a.arrivals.first < oldest {
		a.arrivals.pop()
	}
	if a.arrivals.n == 0 {
		a.arrivals.first = max(a.arrivals.first, oldest)
	}
}

// hurry has the report that waits, if there is one, go now.
func (a *acks) hurry() { a.due = a.due || !a.deadline.IsZero() }

func (a *acks) advance(now time.Time) {
	if !a.deadline.IsZero() && !now.Before(a.deadline) {
		a.deadline = time.Time{}
		a.due = true
	}
}

// appendReport appends the report that is due.
func (s *Stream) appendReport(now time.Time, dst []byte) []byte {
	a := &s.acks
	a.waiting, a.deadline, a.due = 0, time.Time{}, false
	var metrics [wire.MaxInFlight]rtcp.CCFeedbackMetricBlock
	report := wire.Report{
		Sender:    s.cfg.Local,
		Media:     s.cfg.Remote,
		Begin:     uint16(a.arrivals.first),
		Timestamp: wire.ReportTimestamp(now),
		Metrics:   metrics[:a.arrivals.n],
	}
	for i := range report.Metrics {
		if at := *a.arrivals.at(a.arrivals.first + int64(i)); at != 0 {
			report.Metrics[i] = wire.Arrived(now.Sub(s.start) - at)
		}
	}
	dst, err := report.Append(dst)
	if err != nil {
		panic(err) // take keeps no more than wire.MaxInFlight
	}
	return dst
}
