package secure

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"net/netip"
	"time"

	"github.com/pion/stun/v3"
)

// ValidatedFor is how long an address may begin a handshake after it came with a good nonce. A handshake
// that has begun may finish. Who answers keeps the table of such addresses; Validator keeps nothing.
const ValidatedFor = 30 * time.Second

const (
	// nonceEvery is how long one nonce is given out; it is good for as long again.
	nonceEvery = time.Minute
	// macLen is how many bytes of the HMAC a nonce has: 144 bits, 24 characters without padding, and
	// a multiple of 4 as STUN wants it. RFC 8489, 14.10 allows 127 characters.
	macLen = 18
	// nonceLen is the length of a nonce in characters, and staleLen that of the error 438 that gives one.
	nonceLen = macLen / 3 * 4
	staleLen = 68
	// secretLen is the length of a secret in bytes: that of the hash (RFC 2104, 3).
	secretLen = sha256.Size
	// magicCookie is in every STUN message (RFC 8489, 5).
	magicCookie = 0x2112a442
)

// Validator tells, without keeping anything, whether who sends from an address can also receive there: it gives
// out nonces that only the address gets to see, and knows them again (RFC 8489, 9.2; RFC 9000, 8.1).
// One goroutine owns a Validator; Twin makes others that know the same nonces.
type Validator struct {
	secret []byte
	mac    hash.Hash // used again and again, so that a stranger's datagram costs no memory, and the key's part of the work is done once
	input  [16 + 2 + 8]byte
	sum    [sha256.Size]byte
}

// NewValidator makes a Validator with a secret of its own. Nonces of one process mean nothing to another.
func NewValidator() *Validator {
	secret := make([]byte, secretLen)
	_, _ = rand.Read(secret) // never fails (crypto/rand)
	return newValidator(secret)
}

func newValidator(secret []byte) *Validator {
	return &Validator{secret: secret, mac: hmac.New(sha256.New, secret)}
}

// Twin makes a Validator that gives out and knows the same nonces. It may be called by any goroutine.
func (v *Validator) Twin() *Validator { return newValidator(v.secret) }

// Answer appends to dst what is to be sent to from in answer to its datagram; nothing if the datagram is to be
// dropped. The answer is never longer than the datagram. validated says that the datagram carried a good
// nonce: from may begin a handshake for ValidatedFor.
//
// A Binding Request (RFC 8489, 3) with a good NONCE gets a success with XOR-MAPPED-ADDRESS. Without, it gets error
// 438 with a NONCE that is good for one to two minutes, if the request is as long as this answer
// (it is made so by PADDING, RFC 5780, 7.6), and else nothing. Attributes with other meanings are ignored. What is not exactly
// one Binding Request gets nothing. A request with USERNAME and a good nonce gets nothing either: it is one about the path of
// a session (ParsePathRequest), and whoever has the session answers.
func (v *Validator) Answer(dst, datagram []byte, from netip.AddrPort, now time.Time) (reply []byte, validated bool) {
	knock, ok := ParseKnock(datagram)
	switch {
	case !ok:
		return dst, false
	case !v.Knows(knock, from, now):
		return v.Refuse(dst, knock, from, now), false
	case knock.Path:
		return dst, true // the session says what becomes of it
	}
	return v.Accept(dst, knock, from), true
}

// Knock is what matters of a Binding Request to who answers it without keeping anything.
type Knock struct {
	TxID  [12]byte
	Nonce []byte // a part of the datagram; empty: there is none
	Path  bool   // it has a USERNAME: it is about the path of a session
	size  int    // of the datagram
}

// ParseKnock reads a datagram that is exactly one Binding Request. It allocates nothing, whatever comes.
func ParseKnock(datagram []byte) (k Knock, ok bool) {
	const kindLen = 4
	if len(datagram) < stunHeader || [kindLen]byte(datagram) != [kindLen]byte{0, 1, byte((len(datagram) - stunHeader) >> 8), byte(len(datagram) - stunHeader)} ||
		binary.BigEndian.Uint32(datagram[4:]) != magicCookie {
		return k, false
	}
	k.TxID, k.size = [12]byte(datagram[8:]), len(datagram)
	for rest := datagram[stunHeader:]; len(rest) > 0; {
		if len(rest) < attributeHeader {
			return Knock{}, false
		}
		kind, size := stun.AttrType(binary.BigEndian.Uint16(rest)), int(binary.BigEndian.Uint16(rest[2:]))
		rest = rest[attributeHeader:]
		padded := (size + 3) &^ 3 // RFC 8489, 14
		if len(rest) < padded {
			return Knock{}, false
		}
		switch kind {
		case stun.AttrNonce:
			if k.Nonce == nil { // of several the first counts (RFC 8489, 14)
				k.Nonce = rest[:size:size]
			}
		case stun.AttrUsername:
			k.Path = true
		}
		rest = rest[padded:]
	}
	return k, true
}

// Knows tells whether a request has a nonce that was given to the address not long ago. It allocates nothing.
func (v *Validator) Knows(k Knock, from netip.AddrPort, now time.Time) bool {
	if len(k.Nonce) != nonceLen {
		return false
	}
	this := v.nonce(from, now)
	if subtle.ConstantTimeCompare(k.Nonce, this[:]) == 1 {
		return true
	}
	last := v.nonce(from, now.Add(-nonceEvery))
	return subtle.ConstantTimeCompare(k.Nonce, last[:]) == 1
}

// Refuse appends error 438 with a nonce for the address, unless that would be longer than the request. It allocates nothing but what dst needs.
func (v *Validator) Refuse(dst []byte, k Knock, from netip.AddrPort, now time.Time) []byte {
	if k.size < staleLen {
		return dst
	}
	return v.appendStale(dst, k.TxID, from, now)
}

// Accept appends the success with XOR-MAPPED-ADDRESS for a request with a good nonce, unless that would be longer than the request. It allocates
// nothing but what dst needs.
func (v *Validator) Accept(dst []byte, k Knock, from netip.AddrPort) []byte {
	addr, family, size := from.Addr().Unmap(), byte(1), 4
	if !addr.Is4() {
		family, size = 2, 16
	}
	value := 4 + size // RFC 8489, 14.2
	if k.size < stunHeader+attributeHeader+value {
		return dst
	}
	begin := len(dst)
	dst = append(dst, 0x01, 0x01, 0, byte(attributeHeader+value))
	dst = binary.BigEndian.AppendUint32(dst, magicCookie)
	dst = append(dst, k.TxID[:]...)
	dst = append(dst, 0, byte(stun.AttrXORMappedAddress), 0, byte(value), 0, family)
	dst = binary.BigEndian.AppendUint16(dst, from.Port()^magicCookie>>16)
	mapped := addr.As16()
	for i, b := range mapped[len(mapped)-size:] {
		dst = append(dst, b^dst[begin+4+i]) // the cookie, and behind it the transaction id
	}
	return dst
}

// stale is error 438 up to the nonce, but for the transaction id: the header, ERROR-CODE (RFC 8489, 14.8) with its reason and a byte of padding, and
// the header of NONCE (14.10).
var stale = [staleLen - nonceLen]byte([]byte("\x01\x11\x00\x30\x21\x12\xa4\x42............\x00\x09\x00\x0f\x00\x00\x04\x26Stale Nonce\x00\x00\x15\x00\x18"))

func (v *Validator) appendStale(dst []byte, txid [12]byte, from netip.AddrPort, now time.Time) []byte {
	begin := len(dst)
	dst = append(dst, stale[:]...)
	copy(dst[begin+8:], txid[:])
	nonce := v.nonce(from, now)
	return append(dst, nonce[:]...)
}

// isWhole reports whether the message fills its datagram and begins with the two zero bits of STUN (RFC 8489, 5), which the library
// does not look at.
func isWhole(m *stun.Message) bool {
	return len(m.Raw) == stunHeader+int(m.Length) && m.Raw[0]>>6 == 0
}

// nonce is what an address is given in the minute of now:
//
//	base64url(HMAC-SHA256(secret, address ‖ port ‖ minute)[:18])
//
// with the address in 16 bytes (IPv4 as ::ffff:a.b.c.d), the port in 2 and the minutes since 1970 in 8, all in
// network byte order.
func (v *Validator) nonce(from netip.AddrPort, now time.Time) (nonce [nonceLen]byte) {
	address := from.Addr().As16()
	copy(v.input[:], address[:])
	binary.BigEndian.PutUint16(v.input[16:], from.Port())
	binary.BigEndian.PutUint64(v.input[18:], uint64(now.Unix()/int64(nonceEvery/time.Second)))
	v.mac.Reset()
	v.mac.Write(v.input[:])
	mac := v.mac.Sum(v.sum[:0])
	base64.RawURLEncoding.Encode(nonce[:], mac[:macLen])
	return nonce
}
