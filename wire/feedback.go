package wire

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/pion/rtcp"
)

// Arrival time offsets with a meaning of their own (RFC 8888, 3.1).
const (
	ArrivalOverRange   = 0x1FFE // longer ago than 8189/1024 s
	ArrivalUnavailable = 0x1FFF // not measured, or after the report's timestamp
)

// arrivalUnit is how many units of an arrival time offset are in a second.
const arrivalUnit = 1024

// Report is the congestion control feedback of RFC 8888, 3.1, about one message stream. The i-th metric is about the packet with
// sequence number Begin + i. It is sent alone in its datagram (reduced-size RTCP, RFC 5506).
type Report struct {
	Sender    uint32 // SSRC of the side that reports
	Media     uint32 // SSRC of the stream that it received
	Begin     uint16
	Timestamp uint32 // see ReportTimestamp
	Metrics   []rtcp.CCFeedbackMetricBlock
}

// ReportFrom takes the one report block out of a parsed feedback packet. The metrics are shared with p. The error, ErrFeedback,
// tells of another number of blocks or more than MaxInFlight metrics.
func ReportFrom(p *rtcp.CCFeedbackReport) (Report, error) {
	if len(p.ReportBlocks) != 1 {
		return Report{}, fmt.Errorf("%w: %d report blocks instead of 1", ErrFeedback, len(p.ReportBlocks))
	}
	block := &p.ReportBlocks[0]
	if n := len(block.MetricBlocks); n > MaxInFlight {
		return Report{}, fmt.Errorf("%w: a report about %d packets > %d", ErrFeedback, n, MaxInFlight)
	}
	return Report{
		Sender:    p.SenderSSRC,
		Media:     block.MediaSSRC,
		Begin:     block.BeginSequence,
		Timestamp: p.ReportTimestamp,
		Metrics:   block.MetricBlocks,
	}, nil
}

// Append appends the report as one RTCP packet of at most 1044 bytes, without allocation: pion/rtcp's Marshal makes one a metric
// (34 for 32 packets). The error, ErrFeedback, tells of more than MaxInFlight metrics.
func (r *Report) Append(dst []byte) ([]byte, error) {
	if len(r.Metrics) > MaxInFlight {
		return dst, fmt.Errorf("%w: a report about %d packets > %d", ErrFeedback, len(r.Metrics), MaxInFlight)
	}
	// RFC 8888, 3.1:
	//  0                   1                   2                   3
	//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
	// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
	// |V=2|P| FMT=11  |   PT = 205    |          length               |
	// |                 SSRC of RTCP packet sender                    |
	// |                   SSRC of 1st RTP Stream                      |
	// |          begin_seq            |          num_reports          |
	// |R|ECN|  Arrival time offset    | ...                           .
	// |                 Report Timestamp (32 bits)                    |
	// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
	words := 4 + (len(r.Metrics)+1)/2
	dst = append(dst, 2<<6|rtcp.FormatCCFB, byte(rtcp.TypeTransportSpecificFeedback))
	dst = binary.BigEndian.AppendUint16(dst, uint16(words))
	dst = binary.BigEndian.AppendUint32(dst, r.Sender)
	dst = binary.BigEndian.AppendUint32(dst, r.Media)
	dst = binary.BigEndian.AppendUint16(dst, r.Begin)
	// RFC 8888, 3.1, with erratum 8166: "in the range begin_seq up to, but not including, begin_seq+num_reports".
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(r.Metrics)))
	for _, m := range r.Metrics {
		dst = binary.BigEndian.AppendUint16(dst, metricBits(m))
	}
	// RFC 8888, 3.1: "16 bits of zero padding MUST be added after the last packet metric block".
	if len(r.Metrics)%2 != 0 {
		dst = append(dst, 0, 0)
	}
	return binary.BigEndian.AppendUint32(dst, r.Timestamp), nil
}

func metricBits(m rtcp.CCFeedbackMetricBlock) uint16 {
	// RFC 8888, 3.1: "If the R bit is 0, then the remaining 15 bits [...] are all set to 0".
	if !m.Received {
		return 0
	}
	return 1<<15 | uint16(m.ECN&3)<<13 | m.ArrivalTimeOffset&0x1FFF
}

// Arrived makes the metric of a packet that arrived the given time before the report's timestamp.
func Arrived(ago time.Duration) rtcp.CCFeedbackMetricBlock {
	// RFC 8888, 3.1: "The ATO field is in units of 1/1024 seconds".
	offset := min(ago, time.Minute) * arrivalUnit / time.Second
	switch {
	case ago < 0:
		offset = ArrivalUnavailable
	case offset >= ArrivalOverRange:
		offset = ArrivalOverRange
	}
	return rtcp.CCFeedbackMetricBlock{Received: true, ArrivalTimeOffset: uint16(offset)}
}

// ArrivedAgo gives how long before the report's timestamp a packet arrived; ok is false when the metric does not
// tell a time.
func ArrivedAgo(m rtcp.CCFeedbackMetricBlock) (ago time.Duration, ok bool) {
	if !m.Received || m.ArrivalTimeOffset >= ArrivalOverRange {
		return 0, false
	}
	return time.Duration(m.ArrivalTimeOffset) * time.Second / arrivalUnit, true
}

// ntpOffset is the time from the epoch of NTP (1900) to that of Unix, in seconds (RFC 5905, figure 4).
const ntpOffset = 2_208_988_800

// ReportTimestamp gives the middle 32 bits of the NTP timestamp of now (RFC 8888, 3.1; RFC 3550, 4).
func ReportTimestamp(now time.Time) uint32 {
	seconds := uint64(now.Unix() + ntpOffset)
	fraction := uint64(now.Nanosecond()) << 16 / uint64(time.Second)
	return uint32(seconds<<16 | fraction)
}
