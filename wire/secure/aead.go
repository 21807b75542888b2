package secure

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"weak"
)

// Labels of the key derivation (RFC 3711, 4.3.1 and 4.3.2). AEAD has no authentication keys.
const (
	labelRTPKey   = 0
	labelRTPSalt  = 2
	labelRTCPKey  = 3
	labelRTCPSalt = 5
)

const (
	keyLen  = 16 // of AEAD_AES_128_GCM (RFC 7714, 12)
	saltLen = 12
	tagLen  = 16
)

type (
	sessionKey  [keyLen]byte
	sessionSalt [saltLen]byte
)

// aead is AEAD_AES_128_GCM (RFC 7714) in one direction. A cipher.AEAD is 768 bytes of round keys and products. That of SRTP is
// made at once and kept. That of SRTCP, of which a session sends a few a minute when nobody talks, lives until the garbage collector comes by
// and is made again out of the key: 2 µs for the next packet, and an idle session is 1.5 KiB smaller.
type aead struct {
	rtp      cipher.AEAD
	rtcp     weak.Pointer[cipherRTCP]
	nonce    sessionSalt // what the next call gets; an array of its own would have to be allocated
	rtpSalt  sessionSalt
	rtcpSalt sessionSalt
	rtcpKey  sessionKey
}

// cipherRTCP is the cipher of SRTCP with the additional data of the next call.
type cipherRTCP struct {
	cipher.AEAD
	data [minRTCP + srtcpIndex]byte
}

func newAEAD(master masterKey) (*aead, error) {
	if len(master.salt) != saltLen {
		return nil, fmt.Errorf("salt of %d bytes, want %d", len(master.salt), saltLen)
	}
	prf, err := aes.NewCipher(master.key)
	if err != nil {
		return nil, err
	}
	rtp, err := newGCM(derive128(prf, master.salt, labelRTPKey))
	if err != nil {
		return nil, err
	}
	rtpSalt, rtcpSalt := derive128(prf, master.salt, labelRTPSalt), derive128(prf, master.salt, labelRTCPSalt)
	return &aead{
		rtp: rtp, rtpSalt: sessionSalt(rtpSalt[:saltLen]),
		rtcpSalt: sessionSalt(rtcpSalt[:saltLen]), rtcpKey: derive128(prf, master.salt, labelRTCPKey),
	}, nil
}

// derive128 is the first block of what SRTP derives under a label with a rate of 0 (RFC 3711, 4.3.1 and 4.3.3). A salt of 12 bytes is
// taken with two zeroes behind it (RFC 7714, 11), and the last two bytes count blocks.
func derive128(prf cipher.Block, salt []byte, label byte) (key sessionKey) {
	var x [aes.BlockSize]byte
	copy(x[:], salt)
	x[7] ^= label
	prf.Encrypt(key[:], x[:])
	return key
}

func newGCM(key sessionKey) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// nonceOf writes the nonce of a packet: the salt, xored with two zeroes, the SSRC and an index of 48 bits (RFC 7714, 8.1); of SRTCP
// the first 17 bits of the index are 0 (RFC 7714, 9.1). It is good until the next call.
func (a *aead) nonceOf(salt *sessionSalt, ssrc uint32, index uint64) []byte {
	with := saltWith(salt, ssrc)
	putNonce(&a.nonce, &with, index)
	return a.nonce[:]
}

// saltWith is the part of a nonce that all packets of an SSRC share.
func saltWith(salt *sessionSalt, ssrc uint32) (with sessionSalt) {
	binary.BigEndian.PutUint32(with[:], binary.BigEndian.Uint32(salt[:])^ssrc>>16)
	binary.BigEndian.PutUint64(with[4:], binary.BigEndian.Uint64(salt[4:])^uint64(ssrc)<<48)
	return with
}

// putNonce writes a nonce.
func putNonce(nonce, with *sessionSalt, index uint64) {
	copy(nonce[:4], with[:4])
	binary.BigEndian.PutUint64(nonce[4:], binary.BigEndian.Uint64(with[4:])^index)
}

// sealRTP encrypts the payload, with the header as additional data (RFC 7714, 8.2).
func (a *aead) sealRTP(dst, packet []byte, header int, index uint64) ([]byte, error) {
	nonce := a.nonceOf(&a.rtpSalt, ssrcOf(packet), index)
	dst = append(dst, packet[:header]...)
	return a.rtp.Seal(dst, nonce, packet[header:], packet[:header]), nil
}

func (a *aead) openRTP(dst, packet []byte, header int, index uint64) ([]byte, error) {
	nonce := a.nonceOf(&a.rtpSalt, ssrcOf(packet), index)
	opened, err := a.rtp.Open(append(dst, packet[:header]...), nonce, packet[header:], packet[:header])
	if err != nil {
		return dst, ErrAuth
	}
	return opened, nil
}

// sealRTCP encrypts what comes after the sender's SSRC and puts the index behind the tag (RFC 7714, 9.2).
func (a *aead) sealRTCP(dst, packet []byte, index uint32) ([]byte, error) {
	nonce := a.nonceOf(&a.rtcpSalt, senderOf(packet), uint64(index))
	c := a.cipherOf(packet, index)
	dst = c.Seal(append(dst, packet[:minRTCP]...), nonce, packet[minRTCP:], c.data[:])
	return append(dst, c.data[minRTCP:]...), nil
}

func (a *aead) openRTCP(dst, packet []byte, index uint32) ([]byte, error) {
	nonce := a.nonceOf(&a.rtcpSalt, senderOf(packet), uint64(index))
	c := a.cipherOf(packet, index)
	opened, err := c.Open(append(dst, packet[:minRTCP]...), nonce, packet[minRTCP:len(packet)-srtcpIndex], c.data[:])
	if err != nil {
		return dst, ErrAuth
	}
	return opened, nil
}

// cipherOf gives the cipher of SRTCP and writes the additional data: the header up to the sender's SSRC, and the index with the
// E flag (RFC 7714, 9.2).
func (a *aead) cipherOf(packet []byte, index uint32) *cipherRTCP {
	c := a.rtcp.Value()
	if c == nil {
		gcm, _ := newGCM(a.rtcpKey) // the cipher of SRTP was made of as long a key
		c = &cipherRTCP{AEAD: gcm}
		a.rtcp = weak.Make(c)
	}
	copy(c.data[:], packet[:minRTCP])
	binary.BigEndian.PutUint32(c.data[minRTCP:], isEncrypted|index)
	return c
}
