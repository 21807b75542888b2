package secure

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// What protection adds to a packet, at most, in bytes (RFC 7714, 8.1 and 9.2; RFC 3711, 3.4).
const (
	OverheadRTP  = 16 // AEAD_AES_128_GCM; AES128_CM_HMAC_SHA1_80 adds 10
	OverheadRTCP = 20 // AEAD_AES_128_GCM; AES128_CM_HMAC_SHA1_80 adds 14
)

// minRTP and minRTCP are the shortest packets (RFC 3550, 5.1 and 6.4).
const (
	minRTP  = 12
	minRTCP = 8
)

// Tx protects what one side of a session sends. One goroutine owns it. It cannot be made to forget an SSRC.
type Tx struct {
	context *srtp.Context
	header  rtp.Header
	report  rtcp.Header
	streams map[uint32]*sent
	packets uint64
}

func newTx(profile srtp.ProtectionProfile, master masterKey) (*Tx, error) {
	context, err := srtp.CreateContext(master.key, master.salt, profile)
	if err != nil {
		return nil, err
	}
	return &Tx{context: context, streams: map[uint32]*sent{}}, nil
}

// SealRTP appends the SRTP packet of an RTP packet to dst. index is the caller's extended sequence number of the
// packet: its low 16 bits are the packet's own (else ErrIndex), the rest counts how often they have wrapped,
// from any start. It is what tells a packet after a wrap from one before, which 16 bits cannot; an
// index used again must come with the same bytes (rule R2).
//
// ErrBeforeFirst and ErrTooOld say that the packet is to be dropped, ErrNewSSRCNeeded that the stream must go on under
// another SSRC; nothing was encrypted then. There is no allocation when dst has room for OverheadRTP bytes more than the
// packet, but for the first packet of an SSRC. dst may be packet[:0], and must not overlap it in another way.
func (t *Tx) SealRTP(dst, packet []byte, index uint64) ([]byte, error) {
	if len(packet) < minRTP || packet[0]>>6 != 2 {
		return dst, ErrMalformed
	}
	if sequence := binary.BigEndian.Uint16(packet[2:]); sequence != uint16(index) {
		return dst, fmt.Errorf("%w: %d of %d", ErrIndex, index, sequence)
	}
	ssrc := binary.BigEndian.Uint32(packet[8:])
	stream, known := t.streams[ssrc]
	if known {
		if err := stream.check(index); err != nil {
			return dst, err
		}
	}
	dst = slices.Grow(dst, len(packet)+OverheadRTP)
	sealed, err := t.context.EncryptRTP(dst[len(dst):], packet, &t.header)
	if err != nil {
		return dst, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if !known {
		stream = newSent(index)
		t.streams[ssrc] = stream
	}
	stream.add(index)
	t.packets++
	return dst[:len(dst)+len(sealed)], nil
}

// SealRTCP appends the SRTCP packet of a compound RTCP packet to dst. Every call makes another packet, so what was sealed
// once is what must be sent again. When dst has room for OverheadRTCP bytes more than the packet, the library allocates 16 bytes
// and nothing else. dst may be packet[:0], and must not overlap it in another way.
func (t *Tx) SealRTCP(dst, packet []byte) ([]byte, error) {
	if len(packet) < minRTCP {
		return dst, ErrMalformed
	}
	dst = slices.Grow(dst, len(packet)+OverheadRTCP)
	sealed, err := t.context.EncryptRTCP(dst[len(dst):], packet, &t.report)
	if err != nil {
		return dst, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	t.packets++
	return dst[:len(dst)+len(sealed)], nil
}

// SSRCs is how many SSRCs have been sent under; each is kept for as long as Tx.
func (t *Tx) SSRCs() int { return len(t.streams) }

// Packets is how many packets were sealed. A new handshake is due long before 2^48 SRTP or 2^31 SRTCP
// packets (RFC 3711, 9.2).
func (t *Tx) Packets() uint64 { return t.packets }
