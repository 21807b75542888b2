package secure

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// Rx opens what the other side of a session sends. One goroutine owns it. It opens nothing until Allow.
type Rx struct {
	context *srtp.Context
	tagLen  int // of SRTP
	header  rtp.Header
	report  rtcp.Header
	sources map[uint32]*source
}

// source is an SSRC that was allowed at some time.
type source struct {
	allowed bool
	heard   bool // a packet of it was authentic
}

func newRx(profile srtp.ProtectionProfile, master masterKey) (*Rx, error) {
	context, err := srtp.CreateContext(master.key, master.salt, profile,
		srtp.SRTPReplayProtection(WindowRTP), srtp.SRTCPReplayProtection(WindowRTCP))
	if err != nil {
		return nil, err
	}
	tagLen := OverheadRTP
	if profile == srtp.ProtectionProfileAes128CmHmacSha1_80 {
		tagLen = 10
	}
	return &Rx{context: context, tagLen: tagLen, sources: map[uint32]*source{}}, nil
}

// Allow says that the other side owns this SSRC. Every SSRC that was ever allowed and used keeps about
// 300 bytes for as long as Rx, so the owner of the session bounds their number.
func (r *Rx) Allow(ssrc uint32) {
	if s := r.sources[ssrc]; s != nil {
		s.allowed = true
		return
	}
	r.sources[ssrc] = &source{allowed: true}
}

// Disallow takes an SSRC back. What was received under it stays known, so that nothing can be replayed if
// it is allowed again.
func (r *Rx) Disallow(ssrc uint32) {
	if s := r.sources[ssrc]; s != nil {
		s.allowed = false
	}
}

// SSRCs is how many SSRCs were ever allowed.
func (r *Rx) SSRCs() int { return len(r.sources) }

// OpenRTP appends the RTP packet of an SRTP packet to dst. ErrForeignSSRC comes before any cryptography, then
// ErrReplayed, then ErrAuth; ErrMalformed is what is no SRTP. There is no allocation when dst has room for the
// packet, but for the first packet of an SSRC and for errors. dst must not overlap packet. After an error nothing
// has changed.
func (r *Rx) OpenRTP(dst, packet []byte) ([]byte, error) {
	if len(packet) < minRTP+r.tagLen || packet[0]>>6 != 2 {
		return dst, ErrMalformed
	}
	ssrc := binary.BigEndian.Uint32(packet[8:])
	from := r.sources[ssrc]
	if from == nil || !from.allowed {
		return dst, ErrForeignSSRC
	}
	dst = slices.Grow(dst, len(packet))
	opened, err := r.context.DecryptRTP(dst[len(dst):], packet, &r.header)
	if err != nil && !from.heard && errors.Is(err, srtp.ErrFailedToVerifyAuthTag) {
		opened, err = r.afterWrap(dst[len(dst):], packet, ssrc)
	}
	if err != nil {
		return dst, r.why(packet, err)
	}
	from.heard = true
	return dst[:len(dst)+len(opened)], nil
}

// afterWrap tries the rollover counter 1 for an SSRC of which nothing is known: its first packets may have been lost
// up to the wrap of their sequence numbers.
func (r *Rx) afterWrap(dst, packet []byte, ssrc uint32) ([]byte, error) {
	r.context.SetROC(ssrc, 1)
	opened, err := r.context.DecryptRTP(dst, packet, &r.header)
	if err != nil {
		r.context.SetROC(ssrc, 0)
	}
	return opened, err
}

// why names the reason for which the library did not open an RTP packet. Its error for a replay has no name: it is the
// one that is left.
func (r *Rx) why(packet []byte, err error) error {
	if errors.Is(err, srtp.ErrFailedToVerifyAuthTag) {
		return ErrAuth
	}
	n, err := r.header.Unmarshal(packet)
	if err != nil || len(packet) < n+r.tagLen || isCryptex(&r.header) {
		return ErrMalformed
	}
	return ErrReplayed
}

// isCryptex reports whether a packet has its header extension encrypted (RFC 9335, 4), which nobody here does.
func isCryptex(h *rtp.Header) bool {
	return h.Extension && (h.ExtensionProfile == rtp.CryptexProfileOneByte || h.ExtensionProfile == rtp.CryptexProfileTwoByte)
}

// OpenRTCP appends the compound RTCP packet of an SRTCP packet to dst. The sender's SSRC in its first header must
// be allowed. Errors and overlap are as with OpenRTP; the library allocates 16 bytes.
func (r *Rx) OpenRTCP(dst, packet []byte) ([]byte, error) {
	if len(packet) < minRTCP+r.tagLen+srtcpIndex || packet[0]>>6 != 2 {
		return dst, ErrMalformed
	}
	from := r.sources[binary.BigEndian.Uint32(packet[4:])]
	if from == nil || !from.allowed {
		return dst, ErrForeignSSRC
	}
	dst = slices.Grow(dst, len(packet))
	opened, err := r.context.DecryptRTCP(dst[len(dst):], packet, &r.report)
	switch {
	case err == nil:
		return dst[:len(dst)+len(opened)], nil
	case errors.Is(err, srtp.ErrFailedToVerifyAuthTag):
		return dst, ErrAuth
	}
	return dst, ErrReplayed
}

// srtcpIndex is the length of the E flag and index of an SRTCP packet (RFC 3711, 3.4).
const srtcpIndex = 4
