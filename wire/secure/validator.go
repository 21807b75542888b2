package secure

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
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
	// secretLen is the length of a secret in bytes: that of the hash (RFC 2104, 3).
	secretLen = sha256.Size
)

// Validator tells, without keeping anything, whether who sends from an address can also receive there: it gives
// out nonces that only the address gets to see, and knows them again (RFC 8489, 9.2; RFC 9000, 8.1).
// It may be used by any number of goroutines.
type Validator struct {
	secret []byte
}

// NewValidator makes a Validator with a secret of its own. Nonces of one process mean nothing to another.
func NewValidator() *Validator {
	secret := make([]byte, secretLen)
	_, _ = rand.Read(secret) // never fails (crypto/rand)
	return &Validator{secret: secret}
}

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
	request := stun.Message{Raw: datagram}
	if request.Decode() != nil || request.Type != stun.BindingRequest || !isWhole(&request) {
		return dst, false
	}
	from = netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port())
	nonce, err := request.Get(stun.AttrNonce)
	validated = err == nil && v.good(nonce, from, now)
	var answer *stun.Message
	switch {
	case validated && request.Contains(stun.AttrUsername):
		return dst, true // the session says what becomes of it
	case validated:
		answer = mappedAddress(request.TransactionID, from)
	default:
		answer = staleNonce(request.TransactionID, v.nonce(from, now))
	}
	if len(answer.Raw) > len(datagram) {
		return dst, validated
	}
	return append(dst, answer.Raw...), validated
}

// isWhole reports whether the message fills its datagram and begins with the two zero bits of STUN (RFC 8489, 5), which the library
// does not look at.
func isWhole(m *stun.Message) bool {
	return len(m.Raw) == stunHeader+int(m.Length) && m.Raw[0]>>6 == 0
}

func (v *Validator) good(nonce []byte, from netip.AddrPort, now time.Time) bool {
	return hmac.Equal(nonce, v.nonce(from, now)) || hmac.Equal(nonce, v.nonce(from, now.Add(-nonceEvery)))
}

// nonce is what an address is given in the minute of now:
//
//	base64url(HMAC-SHA256(secret, address ‖ port ‖ minute)[:18])
//
// with the address in 16 bytes (IPv4 as ::ffff:a.b.c.d), the port in 2 and the minutes since 1970 in 8, all in
// network byte order.
func (v *Validator) nonce(from netip.AddrPort, now time.Time) []byte {
	var input [16 + 2 + 8]byte
	address := from.Addr().As16()
	copy(input[:16], address[:])
	binary.BigEndian.PutUint16(input[16:], from.Port())
	binary.BigEndian.PutUint64(input[18:], uint64(now.Unix()/int64(nonceEvery/time.Second)))
	mac := hmac.New(sha256.New, v.secret)
	mac.Write(input[:])
	return base64.RawURLEncoding.AppendEncode(nil, mac.Sum(nil)[:macLen])
}
