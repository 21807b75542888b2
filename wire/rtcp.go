package wire

import (
	"fmt"

	"github.com/pion/rtcp"
)

// Reasons of a BYE (RFC 3550, 6.6) as they travel.
const (
	ByeLeft     = "left"
	ByeStopping = "the daemon is stopping"
	ByeTimeout  = "timed out"
	ByeReplaced = "replaced by a new session"
)

// maxNackPairs bounds one NACK packet: 16 pairs cover up to 272 lost packets.
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

// AppendReceiverReport appends a receiver report of the sender (RFC 3550, 6.4.2); without blocks it is the keepalive.
func AppendReceiverReport(dst []byte, sender uint32, blocks []rtcp.ReceptionReport) ([]byte, error) {
	return appendRTCP(dst, &rtcp.ReceiverReport{SSRC: sender, Reports: blocks})
}

func appendRTCP(dst []byte, p rtcp.Packet) ([]byte, error) {
	b, err := p.Marshal()
	if err != nil {
		return dst, fmt.Errorf("%w: %w", ErrFeedback, err)
	}
	return append(dst, b...), nil
}

// ParseRTCP splits a compound packet. It allows the reduced-size packets of RFC 5506.
func ParseRTCP(b []byte) ([]rtcp.Packet, error) {
	p, err := rtcp.Unmarshal(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %d bytes: %w", ErrFeedback, len(b), err)
	}
	return p, nil
}
