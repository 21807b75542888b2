package wire

import "encoding/binary"

// Kind is the kind of a datagram, told by its first bytes.
type Kind uint8

// The kinds of datagrams that share the port.
const (
	KindUnknown Kind = iota // to be dropped and counted
	KindSTUN                // first byte 0–3
	KindDTLS                // first byte 20–63
	KindRTP                 // first byte 128–191
	KindRTCP                // first byte 128–191, second 192–223
)

// minimal lengths: a datagram that is shorter than its fixed header is of no kind.
const (
	minSTUN = 20 // RFC 8489, 5
	minDTLS = 13 // RFC 6347, 4.1
	minRTP  = 12 // RFC 3550, 5.1
	minRTCP = 8  // RFC 3550, 6.4.2
)

// KindOf tells the kind of a datagram (RFC 7983, 7; RTP from RTCP: RFC 5761, 4).
// It looks at no more than two bytes and the length.
func KindOf(datagram []byte) Kind {
	n := len(datagram)
	if n < minRTCP || n > MaxDatagram {
		return KindUnknown
	}
	switch b := datagram[0]; {
	case b <= 3 && n >= minSTUN:
		return KindSTUN
	case b >= 20 && b <= 63 && n >= minDTLS:
		return KindDTLS
	case b >= 128 && b <= 191 && datagram[1] >= 192 && datagram[1] <= 223:
		return KindRTCP
	case b >= 128 && b <= 191 && n >= minRTP:
		return KindRTP
	}
	return KindUnknown
}

// String gives the kind's name as logs and counters use it.
func (k Kind) String() string {
	switch k {
	case KindSTUN:
		return "stun"
	case KindDTLS:
		return "dtls"
	case KindRTP:
		return "rtp"
	case KindRTCP:
		return "rtcp"
	case KindUnknown:
	}
	return "unknown"
}

// SSRCOf reads the SSRC of an RTP packet (RFC 3550, 5.1), which KindOf or its authenticity has shown to be one.
func SSRCOf(packet []byte) uint32 { return binary.BigEndian.Uint32(packet[8:]) }
