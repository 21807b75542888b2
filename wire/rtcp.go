package wire

import (
	"fmt"
	"time"

	"github.com/pion/rtcp"
)

// Reasons of a BYE (RFC 3550, 6.6) as they travel; presence gives them too when somebody leaves.
const (
	ByeLeft     = "left"
	ByeStopping = "the daemon is stopping"
	ByeTimeout  = "timed out"
	ByeNoHello  = "said no hello"
	ByeSlow     = "too far behind"
	ByeKeys     = "the keys are used up"
	ByeCredit   = "sent more than its credit"
	ByeFull     = "too many sessions"
	ByeFault    = "internal error"
	ByeUnsent   = "acknowledged what was never sent"
	ByeKicked   = "kicked"
	ByeAccess   = "access withdrawn"
	ByeReplaced = "replaced by a new session" // in presence only
)

// MaxNack is how many lost packets one NACK packet covers when they follow on each other: 17 with each of 16 pairs (RFC 4585, 6.2.1).
const MaxNack = 17 * maxNackPairs

// maxNackPairs bounds one NACK packet.
const maxNackPairs = 16

// AppendNack appends a generic NACK (RFC 4585, 6.2.1) for the given sequence numbers of the stream
// media. What does not fit into 16 pairs is left out: it is asked for again.
func AppendNack(dst []byte, sender, media uint32, lost []uint16) ([]byte, error) {
	pairs := rtcp.NackPairsFromSequenceNumbers(lost)
	if len(pairs) > maxNackPairs {
		pairs = pairs[:maxNackPairs]
	}
	nack := rtcp.TransportLayerNack{SenderSSRC: sender, MediaSSRC: media, Nacks: pairs}
	return appendRTCP(dst, &nack)
}

// AppendBye appends a BYE of the sender with a reason (RFC 3550, 6.6).
func AppendBye(dst []byte, sender uint32, reason string) ([]byte, error) {
	return appendRTCP(dst, &rtcp.Goodbye{Sources: []uint32{sender}, Reason: reason})
}

// MinReport is the least size in bytes of a peer's receiver report before protection, so that a hint that the daemon has forgotten the
// session is no longer than the report that it answers.
const MinReport = 56

// AppendReceiverReport appends a receiver report of the sender (RFC 3550, 6.4.2); without blocks it is the keepalive. A peer's has at least
// MinReport bytes: it is filled up with zeros as a profile-specific extension, which its receiver ignores.
func AppendReceiverReport(dst []byte, sender uint32, blocks []rtcp.ReceptionReport) ([]byte, error) {
	rr := rtcp.ReceiverReport{SSRC: sender, Reports: blocks}
	if short := MinReport - rr.MarshalSize(); short > 0 && sender == SSRCPeer {
		rr.ProfileExtensions = make([]byte, short)
	}
	return appendRTCP(dst, &rr)
}

// AppendSenderReport appends a sender report (RFC 3550, 6.4.1).
func AppendSenderReport(dst []byte, sr *rtcp.SenderReport) ([]byte, error) {
	return appendRTCP(dst, sr)
}

// NTPTime gives the NTP timestamp of now for a sender report (RFC 3550, 4); ReportTimestamp gives its middle 32 bits, as a report block
// returns them.
func NTPTime(now time.Time) uint64 {
	seconds := uint64(now.Unix() + ntpOffset)
	fraction := uint64(now.Nanosecond()) << 32 / uint64(time.Second)
	return seconds<<32 | fraction
}

func appendRTCP(dst []byte, p rtcp.Packet) ([]byte, error) {
	b, err := p.Marshal()
	if err != nil {
		return dst, fmt.Errorf("%w: %w", ErrFeedback, err)
	}
	return append(dst, b...), nil
}

// ParseRTCP splits a compound packet and reads the packets that this protocol uses: sender and receiver reports, BYE, generic NACK
// and RFC 8888 reports. Others are skipped unread, because some kinds unfold from few bytes into much work. Reduced-size packets (RFC 5506) are
// allowed.
func ParseRTCP(b []byte) ([]rtcp.Packet, error) {
	var packets []rtcp.Packet
	for len(b) > 0 {
		if len(b) < rtcpHeader {
			return nil, fmt.Errorf("%w: %d bytes where a header should be", ErrFeedback, len(b))
		}
		size := rtcpHeader * (1 + int(b[2])<<8 + int(b[3])) // RFC 3550, 6.4.1: in words, less one
		if b[0]>>6 != 2 || size > len(b) {
			return nil, fmt.Errorf("%w: version %d, %d bytes of %d", ErrFeedback, b[0]>>6, size, len(b))
		}
		if p := newRTCP(b[1], b[0]&0x1f); p != nil {
			if err := p.Unmarshal(b[:size]); err != nil {
				return nil, fmt.Errorf("%w: %d bytes: %w", ErrFeedback, size, err)
			}
			packets = append(packets, p)
		}
		b = b[size:]
	}
	return packets, nil
}

// rtcpHeader is the size of an RTCP header, and of the words in which its length counts (RFC 3550, 6.4.1).
const rtcpHeader = 4

// newRTCP gives an empty packet of a kind that is used, else nil. format is the count or the feedback message type.
func newRTCP(kind, format uint8) rtcp.Packet {
	switch {
	case kind == uint8(rtcp.TypeSenderReport):
		return new(rtcp.SenderReport)
	case kind == uint8(rtcp.TypeReceiverReport):
		return new(rtcp.ReceiverReport)
	case kind == uint8(rtcp.TypeGoodbye):
		return new(rtcp.Goodbye)
	case kind == uint8(rtcp.TypeTransportSpecificFeedback) && format == rtcp.FormatTLN:
		return new(rtcp.TransportLayerNack)
	case kind == uint8(rtcp.TypeTransportSpecificFeedback) && format == rtcp.FormatCCFB:
		return new(rtcp.CCFeedbackReport)
	}
	return nil
}
