package daemon

import (
	"time"

	"github.com/pion/rtcp"
)

// reception is what the daemon tells a talker about its packets (RFC 3550, 6.4.1).
type reception struct {
	begun   bool
	jitter  float64 // in units of the RTP clock
	transit uint32  // of the packet before: arrival less timestamp, in units of the RTP clock

	expectedBefore, gotBefore uint64 // at the last report

	senderTime uint32 // the middle of the NTP timestamp of the last sender report; 0: there was none
	senderAt   time.Time
}

// maxTotalLost is the greatest cumulative number of packets lost (24 bits, signed).
const maxTotalLost = 1<<23 - 1

// received notes the arrival of a packet for the jitter (RFC 3550, A.8).
func (r *reception) received(now time.Time, timestamp uint32, clock int) {
	transit := uint32(now.UnixMicro()*int64(clock)/1e6) - timestamp
	d := int64(int32(transit - r.transit))
	if r.begun {
		r.jitter += (float64(max(d, -d)) - r.jitter) / 16
	}
	r.begun, r.transit = true, transit
}

// sender notes a sender report of the talker.
func (r *reception) sender(now time.Time, ntp uint64) {
	r.senderTime, r.senderAt = uint32(ntp>>16), now
}

// block makes the report block since the last one, of what has come to the line.
func (r *reception) block(now time.Time, l *line) rtcp.ReceptionReport {
	expected := l.top - l.first
	b := rtcp.ReceptionReport{
		LastSequenceNumber: uint32(l.top - 1), Jitter: uint32(r.jitter),
		TotalLost: uint32(min(expected-min(l.got, expected), maxTotalLost)),
	}
	if news, got := expected-r.expectedBefore, l.got-r.gotBefore; news > got {
		b.FractionLost = uint8(min((news-got)<<8/news, 255))
	}
	r.expectedBefore, r.gotBefore = expected, l.got
	if r.senderTime != 0 {
		b.LastSenderReport = r.senderTime
		b.Delay = uint32(now.Sub(r.senderAt).Seconds() * 65536)
	}
	return b
}
