//go:build linux

package logtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"yodel/wire"
	"yodel/wire/secure"
	"yodel/wire/stream"
)

// session is a peer by hand: it sends what it is told, under ids that it is told. It has no goroutine; it works while ask is called.
type session struct {
	conn   *net.UDPConn
	tx     *secure.Tx
	rx     *secure.Rx
	stream *stream.Stream
	buf    [3][2 * wire.MaxDatagram]byte // received or built; plain; sealed
}

// repeatEvery is how often a Binding Request is repeated.
const repeatEvery = 250 * time.Millisecond

// newSession makes a session with the daemon and says Hello.
func newSession(ctx context.Context, server string, id *secure.Identity) (s *session, err error) {
	addr, err := net.ResolveUDPAddr("udp", server)
	if err != nil {
		return nil, err
	}
	s = &session{}
	if s.conn, err = net.DialUDP("udp", nil, addr); err != nil {
		return nil, err
	}
	secrets, err := s.secure(ctx, id)
	if err == nil {
		defer secrets.Free()
		s.tx, s.rx, err = secrets.Protect()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("session: %w", err), s.conn.Close())
	}
	s.rx.Allow(wire.SSRCDaemon)
	s.stream = stream.New(stream.Config{Local: wire.SSRCPeer, Remote: wire.SSRCDaemon, FirstSeq: wire.FirstSeq()}, time.Now())
	fingerprint := id.Fingerprint()
	nick := fmt.Sprintf("byhand-%x", fingerprint[:4])
	return s, s.stream.Send(wire.Encode(&wire.Message_Hello{Hello: &wire.Hello{Versions: []uint32{wire.MaxVersion}, Software: "logtest/1", Nick: nick}}))
}

// secure validates the address and agrees on keys.
func (s *session) secure(ctx context.Context, id *secure.Identity) (*secure.Secrets, error) {
	var nonce []byte
	for validated := false; !validated; {
		reply, err := s.bind(ctx, nonce)
		if err != nil {
			return nil, err
		}
		nonce, validated = reply.Nonce, reply.Nonce == nil
	}
	mem := secure.NewMemConn(func(d []byte) { _, _ = s.conn.Write(d) }) // what is lost goes again
	read := make(chan struct{})
	go func() { // until the deadline below
		defer close(read)
		for {
			n, err := s.conn.Read(s.buf[0][:])
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return
			}
			if err == nil {
				_ = mem.Feed(s.buf[0][:n]) // what is refused counts as lost
			}
		}
	}()
	anyone := func(secure.Fingerprint) error { return nil }
	secrets, err := secure.Handshake(ctx, mem, secure.Config{Identity: id, Client: true, Verify: anyone})
	err = errors.Join(err, s.conn.SetReadDeadline(time.Unix(1, 0)))
	<-read
	return secrets, err
}

// bind sends a Binding Request until it is answered.
func (s *session) bind(ctx context.Context, nonce []byte) (secure.BindingReply, error) {
	var txid [12]byte
	_, _ = rand.Read(txid[:]) // never fails
	request := secure.BindingRequest(nil, txid, nonce)
	for ctx.Err() == nil {
		_, _ = s.conn.Write(request) // it is repeated
		if err := s.conn.SetReadDeadline(time.Now().Add(repeatEvery)); err != nil {
			return secure.BindingReply{}, err
		}
		n, err := s.conn.Read(s.buf[0][:])
		if err != nil {
			continue
		}
		if reply, err := secure.ParseBindingReply(s.buf[0][:n], txid); !errors.Is(err, secure.ErrBindingReply) {
			return reply, err
		}
	}
	return secure.BindingReply{}, context.Cause(ctx)
}

// answer is the daemon's to a Publish: a position, or a code.
type answer struct {
	pos  uint64
	code wire.Code
}

// publish publishes a text under an id and waits for the answer.
func (s *session) publish(ctx context.Context, id uint64, text string) (answer, error) {
	if err := s.stream.Send(wire.Encode(&wire.Message_Publish{Publish: &wire.Publish{Room: room, Id: id, Body: []byte(text)}})); err != nil {
		return answer{}, err
	}
	for ctx.Err() == nil {
		if err := s.work(); err != nil {
			return answer{}, err
		}
		for b, ok := s.stream.Receive(); ok; b, ok = s.stream.Receive() {
			m, err := wire.Decode(b)
			switch {
			case err != nil:
				return answer{}, err
			case m.GetReceipt().GetId() == id:
				return answer{pos: m.GetReceipt().GetPos()}, nil
			case m.GetRefused() != nil:
				return answer{code: m.GetRefused().GetCode()}, nil
			}
		}
	}
	return answer{}, context.Cause(ctx)
}

// work sends what is to be sent, and takes one datagram or lets time pass.
func (s *session) work() error {
	now := time.Now()
	s.stream.Advance(now)
	if err := s.flush(now); err != nil {
		return err
	}
	until := now.Add(repeatEvery)
	if d := s.stream.Deadline(); !d.IsZero() && d.Before(until) {
		until = d
	}
	if err := s.conn.SetReadDeadline(until); err != nil {
		return err
	}
	if n, err := s.conn.Read(s.buf[0][:]); err == nil {
		s.take(time.Now(), s.buf[0][:n])
	}
	return s.stream.Err()
}

func (s *session) flush(now time.Time) error {
	for {
		plain, kind, number := s.stream.AppendPacket(now, s.buf[1][:0])
		sealed, err := s.buf[2][:0], error(nil)
		switch kind {
		case stream.None:
			return nil
		case stream.RTP:
			sealed, err = s.tx.SealRTP(sealed, plain, number)
		case stream.RTCP:
			sealed, err = s.tx.SealRTCP(sealed, plain)
		}
		if err != nil {
			return err
		}
		_, _ = s.conn.Write(sealed) // what is lost goes again
	}
}

// take takes a datagram; what is not authentic is as if it had been lost.
func (s *session) take(now time.Time, b []byte) {
	switch wire.KindOf(b) {
	case wire.KindRTP:
		plain, err := s.rx.OpenRTP(s.buf[1][:0], b)
		var h rtp.Header
		if n, parseErr := h.Unmarshal(plain); err == nil && parseErr == nil && h.PayloadType == wire.PayloadMessage {
			_ = s.stream.HandlePacket(now, &h, plain[n:])
		}
	case wire.KindRTCP:
		plain, err := s.rx.OpenRTCP(s.buf[1][:0], b)
		if err != nil {
			return
		}
		packets, _ := wire.ParseRTCP(plain)
		for _, p := range packets {
			if report, ok := p.(*rtcp.CCFeedbackReport); ok {
				_ = s.stream.HandleReport(now, report)
			}
		}
	default: // handshakes and hints are over
	}
}

func (s *session) close() { _ = s.conn.Close() }
