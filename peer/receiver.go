package peer

import (
	"time"

	"github.com/pion/rtcp"
)

// receiver counts for the reports (RFC 3550, 6.4.1 and A.3).
type receiver struct {
	clock          int // Hz
	base, highest  uint64
	got            uint64
	expectedBefore uint64
	gotBefore      uint64
	jitter         float64 // in units of the RTP clock
	transit        int64
	lastSR         uint32 // middle of the NTP timestamp of the sender's latest report; 0: none came
	lastSRAt       time.Time
}

func (r *receiver) received(seq uint64, timestamp uint32, arrived time.Time) {
	transit := arrived.UnixMicro()*int64(r.clock)/1e6 - int64(timestamp)
	if r.got == 0 {
		r.base, r.highest, r.transit = seq, seq, transit
	}
	r.got++
	r.base, r.highest = min(r.base, seq), max(r.highest, seq)
	// RFC 3550, A.8: J += (|D(i-1,i)| - J)/16
	d := int64(int32(transit - r.transit))
	r.transit = transit
	r.jitter += (float64(max(d, -d)) - r.jitter) / 16
}

// senderReport notes the sender's report.
func (r *receiver) senderReport(now time.Time, ntp uint64) {
	r.lastSR, r.lastSRAt = uint32(ntp>>16), now
}

// sinceSR is how long ago the sender's latest report came, in units of 1/65536 s (RFC 3550, 6.4.1); 0: none came.
func (r *receiver) sinceSR(now time.Time) uint32 {
	if r.lastSR == 0 {
		return 0
	}
	return uint32(now.Sub(r.lastSRAt) * (1 << 16) / time.Second)
}

// maxTotalLost is the greatest cumulative number of packets lost (24 bits, signed).
const maxTotalLost = 1<<23 - 1

// block makes the report block since the last one.
func (r *receiver) block(now time.Time, ssrc uint32) rtcp.ReceptionReport {
	expected := r.highest - r.base + 1
	lost := uint64(0)
	if expected > r.got {
		lost = expected - r.got
	}
	due, came := expected-r.expectedBefore, r.got-r.gotBefore
	fraction := uint8(0)
	if due > came {
		fraction = uint8(min((due-came)<<8/due, 255))
	}
	r.expectedBefore, r.gotBefore = expected, r.got
	return rtcp.ReceptionReport{
		SSRC: ssrc, FractionLost: fraction, TotalLost: uint32(min(lost, maxTotalLost)),
		LastSequenceNumber: uint32(r.highest), Jitter: uint32(r.jitter),
		LastSenderReport: r.lastSR, Delay: r.sinceSR(now),
	}
}
