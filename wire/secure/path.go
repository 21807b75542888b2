package secure

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
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

// PathRequest is a Binding Request with USERNAME and MESSAGE-INTEGRITY-SHA256. From a peer it says: this session is
// to be found at the address that I come from. From the daemon to a peer it asks: are you still there?
type PathRequest struct {
	TxID    [12]byte // random; the same in repetitions
	Session SessionID
	// Count goes up with each request of a side that is no repetition, from 1: an older one is a late copy.
	Count uint64
	Nonce []byte // of the daemon, for the address; empty in the daemon's own requests
}

// AppendPathRequest appends the request, 160 bytes.
func AppendPathRequest(dst []byte, r PathRequest, key *PathKey) []byte {
	m := newMessage(r.TxID, stun.BindingRequest)
	m.Add(stun.AttrUsername, fmt.Appendf(nil, "%x:%d", r.Session, r.Count))
	if len(r.Nonce) > 0 {
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
	at := len(raw) - attributeHeader - integrityLen
	return at >= stunHeader &&
		binary.BigEndian.Uint16(raw[at:]) == uint16(stun.AttrMessageIntegritySHA256) &&
		binary.BigEndian.Uint16(raw[at+2:]) == integrityLen &&
		hmac.Equal(raw[at+attributeHeader:], integrityOf(raw, key))
}

// ParsePathRequest reads a Binding Request with USERNAME; ok is false for everything else. Whether it is authentic is
// for PathAuthentic to say: the key depends on the session that it names.
func ParsePathRequest(datagram []byte) (r PathRequest, ok bool) {
	m := stun.Message{Raw: datagram}
	if m.Decode() != nil || m.Type != stun.BindingRequest || !isWhole(&m) {
		return r, false
	}
	name, err := m.Get(stun.AttrUsername)
	if err != nil || len(name) < 2*len(r.Session)+2 || name[2*len(r.Session)] != ':' {
		return r, false
	}
	id, err := hex.DecodeString(string(name[:2*len(r.Session)]))
	if err != nil {
		return r, false
	}
	if r.Count, err = strconv.ParseUint(string(name[2*len(r.Session)+1:]), 10, 64); err != nil {
		return r, false
	}
	r.Session = SessionID(id)
	r.TxID = m.TransactionID
	r.Nonce, _ = m.Get(stun.AttrNonce)
	return r, true
}

// PathAuthentic reports whether a datagram that ParsePathRequest took was made with the key.
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
	if len(datagram) < minRTP {
		return dst
	}
	from = netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port())
	m := staleNonce([12]byte(datagram[:12]), v.nonce(from, now))
	if len(m.Raw) > len(datagram) {
		return dst
	}
	return append(dst, m.Raw...)
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
