package secure

import (
	"errors"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// library is one direction under a profile that the SRTP library has: AES128_CM_HMAC_SHA1_80, for foreign peers that have no AES-GCM.
// The library is told the rollover counter or index of every packet, so its own guesses and windows are out of the way; it
// keeps 72 bytes an SSRC, and allocates for an SRTCP packet and for an error.
type library struct {
	context *srtp.Context
	header  rtp.Header
	report  rtcp.Header
}

func newLibrary(profile srtp.ProtectionProfile, master masterKey) (*library, error) {
	context, err := srtp.CreateContext(master.key, master.salt, profile)
	if err != nil {
		return nil, err
	}
	return &library{context: context}, nil
}

func (l *library) sealRTP(dst, packet []byte, _ int, index uint64) ([]byte, error) {
	l.context.SetROC(ssrcOf(packet), uint32(index>>16))
	sealed, err := l.context.EncryptRTP(dst[len(dst):], packet, &l.header)
	return appended(dst, sealed, err)
}

func (l *library) openRTP(dst, packet []byte, _ int, index uint64) ([]byte, error) {
	l.context.SetROC(ssrcOf(packet), uint32(index>>16))
	opened, err := l.context.DecryptRTP(dst[len(dst):], packet, &l.header)
	return appended(dst, opened, err)
}

func (l *library) sealRTCP(dst, packet []byte, index uint32) ([]byte, error) {
	l.context.SetIndex(senderOf(packet), index-1) // it counts on
	sealed, err := l.context.EncryptRTCP(dst[len(dst):], packet, &l.report)
	return appended(dst, sealed, err)
}

func (l *library) openRTCP(dst, packet []byte, _ uint32) ([]byte, error) {
	opened, err := l.context.DecryptRTCP(dst[len(dst):], packet, &l.report)
	return appended(dst, opened, err)
}

// appended is dst with what the library wrote into the room behind it.
func appended(dst, written []byte, err error) ([]byte, error) {
	switch {
	case err == nil:
		return dst[:len(dst)+len(written)], nil
	case errors.Is(err, srtp.ErrFailedToVerifyAuthTag):
		return dst, ErrAuth
	}
	return dst, ErrMalformed
}
