package wire

import (
	"math"
	"time"

	"github.com/pion/rtcp"
)

// maxTotalLost is the greatest cumulative number of packets lost (24 bits, signed).
const maxTotalLost = 1<<23 - 1

// Reception counts what comes of one RTP stream, for the report blocks about it (RFC 3550, 6.4.1, A.3 and A.8). They tell what the path loses:
// a packet that came only because it was asked for is lost in them, as one is whose resend is a stream of its own (RFC 4588). The zero value
// with Clock is ready. It is for one goroutine at a time, and allocates nothing.
type Reception struct {
	Clock int // of the RTP timestamps, in Hz

	begun         bool
	base, highest uint64 // sequence numbers: of the first packet, of the highest that came
	got           uint64 // packets that came by themselves
	repaired      uint64 // those that came when they had been asked for

	expectedBefore, gotBefore uint64 // at the last block

	jitter    float64 // in units of the RTP clock
	timestamp uint32  // of the latest packet
	arrived   time.Time

	senderTime uint32 // the middle of the NTP timestamp of the last sender report; 0: there was none
	senderAt   time.Time
}

// Begin tells the extended sequence number of the first packet, when it is known before a packet has come. So one that is lost at the
// beginning counts.
func (r *Reception) Begin(seq uint64) {
	if !r.begun {
		r.begun, r.base, r.highest = true, seq, seq
	}
}

// Received notes the arrival of a packet that was not asked for, by its extended sequence number. Only new ones are to be told.
func (r *Reception) Received(seq uint64, timestamp uint32, arrived time.Time) {
	r.Begin(seq)
	if r.got > 0 { // D(i-1, i) of A.8
		d := arrived.Sub(r.arrived).Seconds()*float64(r.Clock) - float64(int32(timestamp-r.timestamp))
		r.jitter += (math.Abs(d) - r.jitter) / 16
	}
	r.timestamp, r.arrived = timestamp, arrived
	r.base, r.highest = min(r.base, seq), max(r.highest, seq)
	r.got++
}

// Resent notes a packet that came when it had been asked for, or of which a copy came.
func (r *Reception) Resent(seq uint64) {
	r.Begin(seq)
	r.base, r.highest = min(r.base, seq), max(r.highest, seq)
	r.repaired++
}

// Came notes that a packet came itself that Resent has told of, because a copy of it was there before.
func (r *Reception) Came() {
	r.repaired--
	r.got++
}

// Got is how many packets came, those that had been asked for among them.
func (r *Reception) Got() uint64 { return r.got + r.repaired }

// Repaired is how many came when they had been asked for.
func (r *Reception) Repaired() uint64 { return r.repaired }

// Jitter is the interarrival jitter (RFC 3550, 6.4.1) as a time.
func (r *Reception) Jitter() time.Duration {
	if r.Clock == 0 {
		return 0
	}
	return time.Duration(r.jitter / float64(r.Clock) * float64(time.Second))
}

// SenderReport notes that a sender report with this NTP timestamp came.
func (r *Reception) SenderReport(now time.Time, ntp uint64) {
	r.senderTime, r.senderAt = uint32(ntp>>16), now
}

// Block makes the report block about the stream under its SSRC, since the last one. Before the first packet there is nothing to report.
func (r *Reception) Block(now time.Time, ssrc uint32) rtcp.ReceptionReport {
	expected := r.highest - r.base + 1
	b := rtcp.ReceptionReport{
		SSRC: ssrc, LastSequenceNumber: uint32(r.highest), Jitter: uint32(r.jitter),
		TotalLost: uint32(min(expected-min(r.got, expected), maxTotalLost)),
	}
	if due, came := expected-r.expectedBefore, r.got-r.gotBefore; due > came {
		b.FractionLost = uint8(min((due-came)<<8/due, 255))
	}
	r.expectedBefore, r.gotBefore = expected, r.got
	if r.senderTime != 0 {
		b.LastSenderReport = r.senderTime
		b.Delay = uint32(now.Sub(r.senderAt).Seconds() * (1 << 16))
	}
	return b
}
