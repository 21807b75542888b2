package secure

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/pion/stun/v3"
)

// PathKey authenticates what is said of the addresses of a session: both sides export it from the handshake.
type PathKey [32]byte

// SessionID names a session, in Welcome and in the requests about its path. It is no secret.
type SessionID [16]byte

const (
	// pathLabel names the exported PathKey (RFC 5705, 4: labels that begin so need no registration).
	pathLabel = "EXPERIMENTAL yodel path"
	// pathLen is the length of every request about a path, with padding: more than any answer.
	pathLen = 160
	// integrityLen is the value of MESSAGE-INTEGRITY-SHA256 (RFC 8489, 14.6).
	integrityLen = sha256.Size
)

// PathRequest is a Binding Request with USERNAME and MESSAGE-INTEGRITY-SHA256. From a peer, with NONCE, it says: this session is
// to be found at the address that I come from. From the daemon to a peer, without NONCE, it asks: are you still there? The key is the same
// both ways, and so neither may pass for the other when it is sent back to its sender.
type PathRequest struct {
	TxID    [12]byte // random; the same in repetitions
	Session SessionID
	// Count goes up with each request of a side that is no repetition, from 1: an older one is a late copy.
	Count uint64
	Nonce []byte // of the daemon, for the address; none in the daemon's own requests, which is what tells them apart
}

// AppendPathRequest appends a peer's request, 160 bytes. Without a nonce it says nothing of the session yet, but is a
// BindingRequest, whose answer brings one: what has the session's name and integrity and no nonce is the daemon's.
func AppendPathRequest(dst []byte, r PathRequest, key *PathKey) []byte {
	if len(r.Nonce) == 0 {
		return BindingRequest(dst, r.TxID, nil)
	}
	return appendPath(dst, r, key)
}

// AppendPathQuestion appends the daemon's request, 160 bytes. It has no nonce.
func AppendPathQuestion(dst []byte, r PathRequest, key *PathKey) []byte {
	r.Nonce = nil
	return appendPath(dst, r, key)
}

func appendPath(dst []byte, r PathRequest, key *PathKey) []byte {
	m := newMessage(r.TxID, stun.BindingRequest)
	m.Add(stun.AttrUsername, username(r.Session, r.Count))
	if r.Nonce != nil {
		m.Add(stun.AttrNonce, r.Nonce)
	}
	if space := pathLen - len(m.Raw) - 2*attributeHeader - integrityLen; space > 0 {
		m.Add(stun.AttrPadding, make([]byte, space))
	}
	return addIntegrity(dst, m, key)
}

// addIntegrity appends the message with MESSAGE-INTEGRITY-SHA256 as its last attribute.
func addIntegrity(dst []byte, m *stun.Message, key *PathKey) []byte {
	m.Add(stun.AttrMessageIntegritySHA256, make([]byte, integrityLen))
	copy(m.Raw[len(m.Raw)-integrityLen:], integrityOf(m.Raw, key))
	return append(dst, m.Raw...)
}

// integrityOf is the HMAC of a message that ends in MESSAGE-INTEGRITY-SHA256: over all before that attribute, with the
// length of the whole (RFC 8489, 14.6).
func integrityOf(raw []byte, key *PathKey) []byte {
	mac := hmac.New(sha256.New, key[:])
	mac.Write(raw[:len(raw)-attributeHeader-integrityLen])
	return mac.Sum(nil)
}

// hasIntegrity reports whether a whole STUN message ends in a MESSAGE-INTEGRITY-SHA256 that the key made.
func hasIntegrity(raw []byte, key *PathKey) bool {
	m := stun.Message{Raw: raw}
	if m.Decode() != nil || !isWhole(&m) || len(m.Attributes) == 0 {
		return false
	}
	last := m.Attributes[len(m.Attributes)-1]
	return last.Type == stun.AttrMessageIntegritySHA256 && len(last.Value) == integrityLen &&
		hmac.Equal(last.Value, integrityOf(raw, key))
}

// ParsePathRequest reads the path request of a peer: a Binding Request with USERNAME and NONCE; ok is false for everything
// else. Whether it is authentic is for PathAuthentic to say: the key depends on the session that it names.
func ParsePathRequest(datagram []byte) (r PathRequest, ok bool) {
	r, ok = parsePath(datagram)
	return r, ok && len(r.Nonce) > 0
}

// ParsePathQuestion reads the path request of the daemon, which has no NONCE. One with a NONCE is a peer's own, sent back to it: it
// would be authentic, shut out the daemon's with its count, and the answer would pass for the daemon's.
func ParsePathQuestion(datagram []byte) (r PathRequest, ok bool) {
	r, ok = parsePath(datagram)
	return r, ok && r.Nonce == nil
}

// parsePath reads a Binding Request with USERNAME. Nonce is nil if it has none.
func parsePath(datagram []byte) (r PathRequest, ok bool) {
	m := stun.Message{Raw: datagram}
	if m.Decode() != nil || m.Type != stun.BindingRequest || !isWhole(&m) {
		return r, false
	}
	name, err := m.Get(stun.AttrUsername)
	if err != nil {
		return r, false
	}
	if r.Session, r.Count, ok = parseUsername(name); !ok {
		return PathRequest{}, false
	}
	r.TxID = m.TransactionID
	if nonce, err := m.Get(stun.AttrNonce); err == nil {
		r.Nonce = append([]byte{}, nonce...)
	}
	return r, true
}

// username is what names a session and a request about its path: 32 hex digits, a colon, and the count in decimal.
func username(id SessionID, count uint64) []byte { return fmt.Appendf(nil, "%x:%d", id, count) }

// parseUsername reads what username makes, and nothing else: one session and count have one name.
func parseUsername(name []byte) (id SessionID, count uint64, ok bool) {
	digits, number, found := strings.Cut(string(name), ":")
	b, err := hex.DecodeString(digits)
	if !found || err != nil || len(b) != len(id) {
		return id, 0, false
	}
	id = SessionID(b)
	count, err = strconv.ParseUint(number, 10, 64)
	return id, count, err == nil && count > 0 && bytes.Equal(username(id, count), name)
}

// PathAuthentic reports whether a datagram that ParsePathRequest or ParsePathQuestion took was made with the key.
func PathAuthentic(datagram []byte, key *PathKey) bool { return hasIntegrity(datagram, key) }

// AppendPathAnswer appends the success to the request with this transaction id: XOR-MAPPED-ADDRESS and
// MESSAGE-INTEGRITY-SHA256, 68 bytes with IPv4 and 80 with IPv6.
func AppendPathAnswer(dst []byte, txid [12]byte, from netip.AddrPort, key *PathKey) []byte {
	from = netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port())
	return addIntegrity(dst, mappedAddress(txid, from), key)
}

// AppendPathUnknown appends the error 401: no such session, or another's. It has 40 bytes and no integrity, for there is no key.
func AppendPathUnknown(dst []byte, txid [12]byte) []byte {
	m := newMessage(txid, stun.BindingError)
	_ = stun.CodeUnauthorized.AddTo(m) // fails only for codes without a reason
	return append(dst, m.Raw...)
}

// ParsePathReply reads the answer to a PathRequest. A success must be authentic. Errors: ErrBindingReply (to be
// ignored), ErrUnknownSession (401: a new handshake is needed), ErrBindingRefused.
func ParsePathReply(datagram []byte, txid [12]byte, key *PathKey) (BindingReply, error) {
	reply, err := ParseBindingReply(datagram, txid)
	if err == nil && reply.Mapped.IsValid() && !hasIntegrity(datagram, key) {
		return BindingReply{}, fmt.Errorf("%w: not authentic", ErrBindingReply)
	}
	return reply, err
}

// Hint appends what the daemon says to an address that it does not know and that sends SRTP or SRTCP: error 438 with a
// NONCE, with the first 12 bytes of the datagram as transaction id. Nothing if that would be longer than the datagram.
func (v *Validator) Hint(dst, datagram []byte, from netip.AddrPort, now time.Time) []byte {
	if len(datagram) < staleLen {
		return dst
	}
	return v.appendStale(dst, [12]byte(datagram), from, now)
}

// ParseHint reads an error 438 that answers no request: the daemon does not know the address that one sends from. Anyone may
// send such, so it is no more than a reason to ask.
func ParseHint(datagram []byte) (nonce []byte, ok bool) {
	m := stun.Message{Raw: datagram}
	if m.Decode() != nil || m.Type != stun.BindingError || !isWhole(&m) {
		return nil, false
	}
	reply, err := parseError(&m)
	return reply.Nonce, err == nil
}
