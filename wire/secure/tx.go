package secure

import (
	"crypto/cipher"
	"fmt"
	"slices"

	"github.com/pion/srtp/v3"
)

// What protection adds to a packet, at most, in bytes (RFC 7714, 8.1 and 9.2; RFC 3711, 3.4).
const (
	OverheadRTP  = 16 // AEAD_AES_128_GCM; AES128_CM_HMAC_SHA1_80 adds 10
	OverheadRTCP = 20 // AEAD_AES_128_GCM; AES128_CM_HMAC_SHA1_80 adds 14
)

// Tx protects what one side of a session sends. One goroutine owns it. It cannot be made to forget an SSRC.
type Tx struct {
	transform transform
	streams   ssrcs[TxStream]
}

func newTx(profile srtp.ProtectionProfile, master masterKey) (*Tx, error) {
	transform, err := newTransform(profile, master)
	if err != nil {
		return nil, err
	}
	return &Tx{transform: transform}, nil
}

// TxStream is what Tx sends under one SSRC. The goroutine that owns Tx owns it too, and it is good for as long as Tx.
//
// What sealing an RTP packet under AEAD_AES_128_GCM needs is in the stream itself: a relay seals for one receiver after another, and
// each pointer on the way to the cipher would cost it a miss of the cache.
type TxStream struct {
	cipher  cipher.AEAD // nil: tx.transform does it
	sent    sent
	packets uint64
	ssrc    uint32
	salt    sessionSalt // with the SSRC
	nonce   sessionSalt // what the next call gets
	reports uint32      // the index of the last SRTCP packet
	tx      *Tx
}

// Stream gives the stream of an SSRC. Whoever sends many packets under it keeps it, and saves SealRTP's search. From now on the SSRC is
// kept, as if it had been sent under. An SSRC has one stream, which SealRTP and SealRTCP use too.
func (t *Tx) Stream(ssrc uint32) *TxStream {
	s := t.streams.findOrAdd(ssrc)
	if s.tx == nil {
		s.tx, s.ssrc = t, ssrc
		if a, ok := t.transform.(*aead); ok {
			s.cipher, s.salt = a.rtp, saltWith(&a.rtpSalt, ssrc)
		}
	}
	return s
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
	header := headerLen(packet)
	if header == 0 {
		return dst, ErrMalformed
	}
	if sequenceOf(packet) != uint16(index) {
		return dst, wrongIndex(packet, index)
	}
	return t.Stream(ssrcOf(packet)).seal(dst, packet, header, index)
}

// Seal is Tx.SealRTP for packets of the stream's SSRC (else ErrIndex).
func (s *TxStream) Seal(dst, packet []byte, index uint64) ([]byte, error) {
	header := headerLen(packet)
	if header == 0 {
		return dst, ErrMalformed
	}
	if sequenceOf(packet) != uint16(index) || ssrcOf(packet) != s.ssrc {
		return dst, wrongIndex(packet, index)
	}
	return s.seal(dst, packet, header, index)
}

func wrongIndex(packet []byte, index uint64) error {
	return fmt.Errorf("%w: %d of %d, SSRC %#x", ErrIndex, index, sequenceOf(packet), ssrcOf(packet))
}

// seal protects a packet that was looked at.
func (s *TxStream) seal(dst, packet []byte, header int, index uint64) ([]byte, error) {
	if err := s.sent.check(index); err != nil {
		return dst, err
	}
	dst = slices.Grow(dst, len(packet)+OverheadRTP)
	var err error
	if under := s.sent.under(index); s.cipher != nil {
		putNonce(&s.nonce, &s.salt, under)
		dst = append(dst, packet[:header]...)
		dst = s.cipher.Seal(dst, s.nonce[:], packet[header:], packet[:header])
	} else if dst, err = s.tx.transform.sealRTP(dst, packet, header, under); err != nil {
		return dst, err
	}
	s.sent.add(index)
	s.packets++
	return dst, nil
}

// SealRTCP appends the SRTCP packet of a compound RTCP packet to dst. Every call makes another packet, so what was sealed
// once is what must be sent again. ErrExhausted says that the SSRC has sent all 2^31 packets that the keys are good for. There is no
// allocation when dst has room for OverheadRTCP bytes more than the packet, but for the first packet of an SSRC and the first
// after a garbage collection (AES128_CM_HMAC_SHA1_80: 16 bytes a packet). dst may be packet[:0], and must not overlap it in another way.
func (t *Tx) SealRTCP(dst, packet []byte) ([]byte, error) {
	if len(packet) < minRTCP || packet[0]>>6 != 2 {
		return dst, ErrMalformed
	}
	s := t.Stream(senderOf(packet))
	if s.reports == maxIndexRTCP {
		return dst, ErrExhausted
	}
	dst = slices.Grow(dst, len(packet)+OverheadRTCP)
	sealed, err := t.transform.sealRTCP(dst, packet, s.reports+1)
	if err != nil {
		return dst, err
	}
	s.reports++
	s.packets++
	return sealed, nil
}

// SSRCs is how many SSRCs have been sent under or asked for; each is kept for as long as Tx, in about 50 bytes.
func (t *Tx) SSRCs() int { return len(t.streams) }

// Packets is how many packets were sealed. A new handshake is due long before 2^48 SRTP or 2^31 SRTCP
// packets (RFC 3711, 9.2).
func (t *Tx) Packets() (n uint64) {
	for _, s := range t.streams {
		n += s.of.packets
	}
	return n
}
