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

// maxTotalLost is the greatest cumulative number of packets lost (24 bits, signed).
const maxTotalLost = 1<<23 - 1

// block makes the report block since the last one.
func (r *receiver) block(ssrc uint32) rtcp.ReceptionReport {
	expected := r.highest - r.base + 1
	lost := uint64(0)
	if expected > r.got {
		lost = expected - r.got
	}
	now, before := expected-r.expectedBefore, r.got-r.gotBefore
	fraction := uint8(0)
	if now > before {
		fraction = uint8(min((now-before)<<8/now, 255))
	}
	r.expectedBefore, r.gotBefore = expected, r.got
	return rtcp.ReceptionReport{
		SSRC: ssrc, FractionLost: fraction, TotalLost: uint32(min(lost, maxTotalLost)),
		LastSequenceNumber: uint32(r.highest), Jitter: uint32(r.jitter),
	}
}
