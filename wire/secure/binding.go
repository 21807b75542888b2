package secure

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/pion/stun/v3"
)

const (
	// stunHeader is the length of a STUN message without attributes (RFC 8489, 5).
	stunHeader = 20
	// attributeHeader is the length of type and length of an attribute (RFC 8489, 14).
	attributeHeader = 4
	// bindingLen is the length of every Binding Request that is sent. The answers of today's daemon have
	// at most 68 bytes; the rest is room for longer nonces.
	bindingLen = 128
)

// BindingRequest appends to dst a Binding Request of 128 bytes: with the NONCE unless it is empty, and always with
// PADDING, so that also a stale nonce is answered with a fresh one. The transaction id must be random
// (RFC 8489, 5), and new for every request that is not a repetition.
func BindingRequest(dst []byte, txid [12]byte, nonce []byte) []byte {
	request := newMessage(txid, stun.BindingRequest)
	if len(nonce) > 0 {
		request.Add(stun.AttrNonce, nonce)
	}
	if space := bindingLen - len(request.Raw) - attributeHeader; space > 0 {
		request.Add(stun.AttrPadding, make([]byte, space))
	}
	return append(dst, request.Raw...)
}

// BindingReply is what a Binding Request brought: a nonce, or one's own address.
type BindingReply struct {
	Nonce  []byte         // of error 438: ask again with it; nil on success
	Mapped netip.AddrPort // of a success: the address that the daemon sees, now validated; else invalid
}

// maxNonce is the longest nonce that is taken (RFC 8489, 14.10).
const maxNonce = 127

// ParseBindingReply reads the answer to the request with this transaction id. ErrBindingReply says that the datagram
// is not it: that is to be ignored, because anyone may send it. ErrBindingRefused is an error of another kind than
// 438, wrapped with its code and reason.
func ParseBindingReply(datagram []byte, txid [12]byte) (BindingReply, error) {
	m := stun.Message{Raw: datagram}
	if err := m.Decode(); err != nil {
		return BindingReply{}, fmt.Errorf("%w: %w", ErrBindingReply, err)
	}
	if !isWhole(&m) || m.TransactionID != txid {
		return BindingReply{}, fmt.Errorf("%w: transaction %x, want %x", ErrBindingReply, m.TransactionID, txid)
	}
	switch m.Type {
	case stun.BindingSuccess:
		return parseMapped(&m)
	case stun.BindingError:
		return parseError(&m)
	}
	return BindingReply{}, fmt.Errorf("%w: type %#04x", ErrBindingReply, m.Type.Value())
}

func parseMapped(m *stun.Message) (BindingReply, error) {
	var mapped stun.XORMappedAddress
	if err := mapped.GetFrom(m); err != nil {
		return BindingReply{}, fmt.Errorf("%w: %w", ErrBindingReply, err)
	}
	addr, ok := netip.AddrFromSlice(mapped.IP)
	if !ok || mapped.Port == 0 {
		return BindingReply{}, fmt.Errorf("%w: mapped address %s", ErrBindingReply, mapped)
	}
	return BindingReply{Mapped: netip.AddrPortFrom(addr, uint16(mapped.Port))}, nil
}

func parseError(m *stun.Message) (BindingReply, error) {
	var code stun.ErrorCodeAttribute
	if err := code.GetFrom(m); err != nil {
		return BindingReply{}, fmt.Errorf("%w: %w", ErrBindingReply, err)
	}
	if code.Code == stun.CodeUnauthorized {
		return BindingReply{}, fmt.Errorf("%w: %w", ErrBindingRefused, ErrUnknownSession)
	}
	if code.Code != stun.CodeStaleNonce {
		return BindingReply{}, fmt.Errorf("%w: %d %q", ErrBindingRefused, code.Code, code.Reason)
	}
	nonce, err := m.Get(stun.AttrNonce)
	if err == nil && (len(nonce) == 0 || len(nonce) > maxNonce) {
		err = errors.New("nonce of bad length")
	}
	if err != nil {
		return BindingReply{}, fmt.Errorf("%w: %w: %d bytes", ErrBindingReply, err, len(nonce))
	}
	return BindingReply{Nonce: append([]byte(nil), nonce...)}, nil
}

// newMessage is a STUN message without attributes.
func newMessage(txid [12]byte, kind stun.MessageType) *stun.Message {
	m := stun.New()
	m.Type = kind
	m.TransactionID = txid
	m.WriteHeader()
	return m
}

// mappedAddress is the success: XOR-MAPPED-ADDRESS (RFC 8489, 14.2), 32 bytes with IPv4 and 44 with IPv6.
func mappedAddress(txid [12]byte, from netip.AddrPort) *stun.Message {
	m := newMessage(txid, stun.BindingSuccess)
	mapped := stun.XORMappedAddress{IP: from.Addr().AsSlice(), Port: int(from.Port())}
	_ = mapped.AddTo(m) // fails only for addresses that are neither IPv4 nor IPv6
	return m
}
