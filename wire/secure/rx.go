package secure

import (
	"encoding/binary"
	"slices"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// Rx opens what the other side of a session sends. One goroutine owns it. It opens nothing until Allow.
type Rx struct {
	transform transform
	sources   ssrcs[source]
	tagLen    uint8 // of SRTP and of SRTCP
	afterRTCP uint8 // the length of what comes after the index of an SRTCP packet
}

// source is an SSRC that was allowed at some time, and what was received under it.
type source struct {
	allowed bool
	heard   bool // an SRTP packet of it was authentic

	newestReport uint32 // index of SRTCP
	newest       uint64 // index of SRTP
	packets      [WindowRTP / 64]uint64
	reports      [WindowRTCP / 64]uint64
}

func newRx(profile srtp.ProtectionProfile, master masterKey) (*Rx, error) {
	transform, err := newTransform(profile, master)
	if err != nil {
		return nil, err
	}
	if profile == srtp.ProtectionProfileAes128CmHmacSha1_80 {
		return &Rx{transform: transform, tagLen: 10, afterRTCP: 10}, nil // RFC 3711, 3.4: the tag comes last
	}
	return &Rx{transform: transform, tagLen: tagLen}, nil // RFC 7714, 9.2: the index comes last
}

// Allow says that the other side owns this SSRC. Every SSRC that was ever allowed keeps about
// 200 bytes for as long as Rx, so the owner of the session bounds their number.
func (r *Rx) Allow(ssrc uint32) { r.sources.findOrAdd(ssrc).allowed = true }

// Disallow takes an SSRC back. What was received under it stays known, so that nothing can be replayed if
// it is allowed again.
func (r *Rx) Disallow(ssrc uint32) {
	if s, _ := r.sources.find(ssrc); s != nil {
		s.allowed = false
	}
}

// allowed gives the source of an SSRC, nil if it is not allowed.
func (r *Rx) allowed(ssrc uint32) *source {
	if s, _ := r.sources.find(ssrc); s != nil && s.allowed {
		return s
	}
	return nil
}

// SSRCs is how many SSRCs were ever allowed.
func (r *Rx) SSRCs() int { return len(r.sources) }

// OpenRTP appends the RTP packet of an SRTP packet to dst. ErrMalformed is what is no SRTP. ErrForeignSSRC and then ErrReplayed
// come before any cryptography, ErrAuth after it. There is no allocation when dst has room for the packet, errors included
// (AES128_CM_HMAC_SHA1_80: but for the first packet of an SSRC and for ErrAuth). dst must not overlap packet. After an
// error nothing has changed but the room behind dst.
func (r *Rx) OpenRTP(dst, packet []byte) ([]byte, error) {
	header := headerLen(packet)
	if header == 0 || len(packet) < header+int(r.tagLen) || isCryptex(packet[:header]) {
		return dst, ErrMalformed
	}
	from := r.allowed(ssrcOf(packet))
	if from == nil {
		return dst, ErrForeignSSRC
	}
	index := guess(from.newest, sequenceOf(packet))
	if replays(from.packets[:]).has(from.newest, index) {
		return dst, ErrReplayed
	}
	dst = slices.Grow(dst, len(packet))
	opened, err := r.transform.openRTP(dst, packet, header, index)
	if err != nil && !from.heard {
		// Nothing is known of the SSRC: its first packets may have been lost up to the wrap of their sequence numbers.
		index += 1 << 16
		opened, err = r.transform.openRTP(dst, packet, header, index)
	}
	if err != nil {
		return dst, err
	}
	from.heard = true
	from.newest = replays(from.packets[:]).add(from.newest, index)
	return opened, nil
}

// isCryptex reports whether a header says that its extension is encrypted (RFC 9335, 4), which nobody here does.
func isCryptex(header []byte) bool {
	if header[0]&0x10 == 0 {
		return false
	}
	profile := binary.BigEndian.Uint16(header[minRTP+4*int(header[0]&0xf):])
	return profile == rtp.CryptexProfileOneByte || profile == rtp.CryptexProfileTwoByte
}

// OpenRTCP appends the compound RTCP packet of an SRTCP packet to dst. The sender's SSRC in its first header must
// be allowed. Errors and overlap are as with OpenRTP; a packet that says it is not encrypted is ErrAuth, whoever made it. There is no
// allocation but for the first packet after a garbage collection (AES128_CM_HMAC_SHA1_80: 16 bytes a packet, and errors).
func (r *Rx) OpenRTCP(dst, packet []byte) ([]byte, error) {
	if len(packet) < minRTCP+int(r.tagLen)+srtcpIndex || packet[0]>>6 != 2 {
		return dst, ErrMalformed
	}
	from := r.allowed(senderOf(packet))
	if from == nil {
		return dst, ErrForeignSSRC
	}
	word := binary.BigEndian.Uint32(packet[len(packet)-srtcpIndex-int(r.afterRTCP):])
	if word&isEncrypted == 0 {
		return dst, ErrAuth
	}
	index := word &^ isEncrypted
	if replays(from.reports[:]).has(uint64(from.newestReport), uint64(index)) {
		return dst, ErrReplayed
	}
	dst = slices.Grow(dst, len(packet))
	opened, err := r.transform.openRTCP(dst, packet, index)
	if err != nil {
		return dst, err
	}
	from.newestReport = uint32(replays(from.reports[:]).add(uint64(from.newestReport), uint64(index)))
	return opened, nil
}
