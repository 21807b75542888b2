//go:build linux

package hostile

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"

	"yodel/wire/secure"
)

// shots makes the datagrams of the floods. One goroutine uses it.
type shots struct {
	rng     *rand.Rand
	hello   []byte // a ClientHello
	stun    []byte // a Binding Request without a nonce
	stale   []byte // one with a nonce that nobody was given
	path    []byte // one about the path of a session that nobody has, with such a nonce
	longest []byte
}

func newShots(seed uint64) (*shots, error) {
	hello, err := clientHello()
	if err != nil {
		return nil, err
	}
	nonce := []byte("abcdefghijklmnopqrstuvwx")
	return &shots{
		rng: rand.New(rand.NewPCG(seed, 6)), hello: hello, longest: make([]byte, 65507),
		stun:  secure.BindingRequest(nil, [12]byte{}, nil),
		stale: secure.BindingRequest(nil, [12]byte{}, nonce),
		path:  secure.AppendPathRequest(nil, secure.PathRequest{Session: secure.SessionID{1}, Count: 1, Nonce: nonce}, new(secure.PathKey)),
	}, nil
}

// clientHello gives the first datagram of a handshake.
func clientHello() (hello []byte, err error) {
	id, err := secure.NewIdentity()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	conn := secure.NewMemConn(func(b []byte) {
		if hello == nil {
			hello = append(hello, b...)
			cancel()
		}
	})
	_, err = secure.Handshake(ctx, conn, secure.Config{Identity: id, Client: true, Verify: func(secure.Fingerprint) error { return nil }})
	if hello == nil {
		return nil, errors.Join(errors.New("no ClientHello"), err)
	}
	return hello, nil
}

// helloRandom is where the random of a ClientHello is: behind the headers of record and message, and the version.
const helloRandom = 13 + 12 + 2

func (s *shots) fill(b []byte) {
	for ; len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, s.rng.Uint64())
	}
	for i := range b {
		b[i] = byte(s.rng.Uint32())
	}
}

// copied gives a copy of a STUN message with another transaction id.
func (s *shots) copied(message, scratch []byte) []byte {
	b := scratch[:copy(scratch[:cap(scratch)], message)]
	s.fill(b[8:20])
	return b
}

func (s *shots) bareSTUN(n int, scratch []byte) ([]byte, netip.AddrPort) {
	return s.copied(s.stun, scratch), crowdAddr(n)
}

func (s *shots) staleSTUN(n int, scratch []byte) ([]byte, netip.AddrPort) {
	return s.copied(s.stale, scratch), crowdAddr(n)
}

func (s *shots) pathSTUN(n int, scratch []byte) ([]byte, netip.AddrPort) {
	return s.copied(s.path, scratch), crowdAddr(n)
}

func (s *shots) clientHello(n int, scratch []byte) ([]byte, netip.AddrPort) {
	b := scratch[:copy(scratch[:cap(scratch)], s.hello)]
	s.fill(b[helloRandom : helloRandom+32])
	return b, crowdAddr(n)
}

// fragment is a piece of a ClientHello (RFC 6347, 4.2.3), of 1 to 64 bytes anywhere in it.
func (s *shots) fragment(n int, scratch []byte) ([]byte, netip.AddrPort) {
	return s.piece(scratch), crowdAddr(n)
}

func (s *shots) piece(scratch []byte) []byte {
	body := s.hello[25:]
	at := s.rng.IntN(len(body))
	size := min(1+s.rng.IntN(64), len(body)-at)
	b := scratch[:copy(scratch[:cap(scratch)], s.hello[:25])]
	binary.BigEndian.PutUint16(b[11:], uint16(12+size))
	b[19], b[20], b[21] = 0, byte(at>>8), byte(at)
	b[22], b[23], b[24] = 0, byte(size>>8), byte(size)
	return append(b, body[at:at+size]...)
}

// protected is what may be SRTP (or SRTCP) of some SSRC.
func (s *shots) protected(scratch []byte, second byte, ssrc uint32) []byte {
	b := scratch[:120]
	s.fill(b)
	b[0], b[1] = 128, second
	binary.BigEndian.PutUint32(b[8:], ssrc)
	if second >= 192 {
		binary.BigEndian.PutUint32(b[4:], ssrc)
	}
	return b
}

func (s *shots) srtp(n int, scratch []byte) ([]byte, netip.AddrPort) {
	return s.protected(scratch, 111, s.rng.Uint32()), crowdAddr(n)
}

func (s *shots) srtcp(n int, scratch []byte) ([]byte, netip.AddrPort) {
	return s.protected(scratch, 200+byte(n%8), s.rng.Uint32()), crowdAddr(n)
}

// junk has any first byte, and any length: mostly up to 250, at times none at all, and at times what UDP can carry at most.
func (s *shots) junk(n int, scratch []byte) ([]byte, netip.AddrPort) {
	switch {
	case n%16 == 0:
		return scratch[:n/16%3], crowdAddr(n)
	case n%1024 == 1:
		s.fill(s.longest[:16])
		return s.longest, crowdAddr(n)
	}
	b := scratch[:1+s.rng.IntN(250)]
	s.fill(b)
	b[0] = byte(n)
	return b, crowdAddr(n)
}

// mixed is one of all.
func (s *shots) mixed(n int, scratch []byte) ([]byte, netip.AddrPort) {
	all := [...]shot{s.bareSTUN, s.staleSTUN, s.pathSTUN, s.clientHello, s.fragment, s.srtp, s.srtcp, s.junk}
	return all[n%len(all)](n/len(all), scratch)
}
