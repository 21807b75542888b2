package secure

import (
	"encoding/binary"

	"github.com/pion/srtp/v3"
)

// transform is the cryptography of one direction under one profile. It knows keys, and nothing of what was sent or received
// before: the caller says the index under which a packet is, and holds the rules. An index of SRTP has 48 bits, the rollover counter
// and the sequence number (RFC 3711, 3.3.1); one of SRTCP has 31 (RFC 3711, 3.4). The caller has checked the packet and its length: header is
// headerLen, and of what is to be opened there is at least a header, a tag and an index. Every method appends to dst, which has room;
// dst and packet do not overlap, but that in a seal dst may be packet[:0]. Errors are ErrAuth, and ErrMalformed of a header
// that only the library looks at.
type transform interface {
	sealRTP(dst, packet []byte, header int, index uint64) ([]byte, error)
	openRTP(dst, packet []byte, header int, index uint64) ([]byte, error)
	sealRTCP(dst, packet []byte, index uint32) ([]byte, error)
	openRTCP(dst, packet []byte, index uint32) ([]byte, error)
}

func newTransform(profile srtp.ProtectionProfile, master masterKey) (transform, error) {
	if profile == srtp.ProtectionProfileAeadAes128Gcm {
		return newAEAD(master)
	}
	return newLibrary(profile, master)
}

// The last indices of an SSRC under one key (RFC 3711, 9.2).
const (
	maxIndexRTP  = 1<<48 - 1
	maxIndexRTCP = 1<<31 - 1
)

// Lengths: the shortest packets (RFC 3550, 5.1 and 6.4), the head of a header extension (RFC 3550, 5.3.1), the E flag and
// index of an SRTCP packet (RFC 3711, 3.4).
const (
	minRTP        = 12
	minRTCP       = 8
	extensionHead = 4
	srtcpIndex    = 4
)

// isEncrypted is the E flag, above the index in its word (RFC 3711, 3.4).
const isEncrypted = 1 << 31

// headerLen is the length of the header of an RTP packet with its CSRCs and extension, which stays readable (RFC 3550,
// 5.1 and 5.3.1; RFC 3711, 3.1). It is 0 if the packet has no such header.
func headerLen(packet []byte) int {
	if len(packet) < minRTP || packet[0]>>6 != 2 {
		return 0
	}
	n := minRTP + 4*int(packet[0]&0xf) // the CSRCs
	if packet[0]&0x10 != 0 {
		if len(packet) < n+extensionHead {
			return 0
		}
		n += extensionHead + 4*int(binary.BigEndian.Uint16(packet[n+2:]))
	}
	if len(packet) < n {
		return 0
	}
	return n
}

func sequenceOf(packet []byte) uint16 { return binary.BigEndian.Uint16(packet[2:]) }

// ssrcOf is the SSRC of an RTP packet, senderOf that of an RTCP packet.
func ssrcOf(packet []byte) uint32   { return binary.BigEndian.Uint32(packet[8:]) }
func senderOf(packet []byte) uint32 { return binary.BigEndian.Uint32(packet[4:]) }
