//go:build linux

package load

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"yodel/wire"
	"yodel/wire/secure"
)

// STUN requests are repeated (PROTOCOL.md, timers).
const (
	firstRepeat = 250 * time.Millisecond
	nextRepeat  = 400 * time.Millisecond
)

// firstAnswer is how long the first answer of a daemon may take.
const firstAnswer = 8 * time.Second

// Requests of a session.
const (
	requestJoin = 1
	requestTalk = 2
)

// entry is the beginning of one session, from the first STUN request until it is in its room. It is a goroutine's own; the connection
// is for reading only, what is sent goes through the member's descriptor.
type entry struct {
	cfg     *Config
	conn    *net.UDPConn
	member  *member
	scratch *scratch
	until   time.Time // when it has failed
	took    time.Duration
	joined  *wire.Joined
	ssrc    uint32 // granted; 0: not yet
}

// enter brings a member into its room. After an error nothing of it is left.
func (e *entry) enter(ctx context.Context, id *secure.Identity) (err error) {
	if e.conn, e.member.fd, err = open(e.cfg.Server); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = e.conn.SetReadDeadline(time.Unix(1, 0)) })
	began := time.Now()
	e.until = began.Add(min(e.cfg.Timeout, firstAnswer))
	err = e.secure(ctx, id, began.Add(e.cfg.Timeout))
	if err == nil {
		err = e.register(ctx, began)
	}
	stop()
	_ = e.conn.Close() // the member's descriptor stays
	if err != nil {
		_ = unix.Close(e.member.fd)
		e.member.fd = -1
		return e.why(ctx, err)
	}
	takeGroups(e.member.fd) // not before: what joins reads one by one
	if e.cfg.talks(e.member) {
		hold := time.Duration(e.joined.GetDelayMs()-e.joined.GetLeadMs()) * time.Millisecond
		e.member.voice = e.cfg.newVoice(e.member, e.ssrc, hold)
	}
	return nil
}

// why words an error.
func (e *entry) why(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w: nothing listens at %s", ErrUnreachable, e.cfg.Server)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: no answer from %s", ErrUnreachable, e.cfg.Server)
	case errors.Is(err, errBye):
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return err
}

// read gives the next datagram that comes before a time; none is os.ErrDeadlineExceeded.
func (e *entry) read(ctx context.Context, before time.Time) ([]byte, error) {
	if err := e.conn.SetReadDeadline(before); err != nil {
		return nil, err
	}
	if ctx.Err() != nil { // it may have ended just before the deadline was set
		return nil, ctx.Err()
	}
	n, err := e.conn.Read(e.scratch.sealed[:])
	return e.scratch.sealed[:n], err
}

// bind sends a Binding Request until it is answered.
func (e *entry) bind(ctx context.Context, nonce []byte) (secure.BindingReply, error) {
	var txid [12]byte
	_, _ = rand.Read(txid[:]) // never fails
	request := secure.BindingRequest(nil, txid, nonce)
	for wait := firstRepeat; ; wait = nextRepeat {
		_ = send(e.member.fd, request) // it is repeated
		again := time.Now().Add(wait)
		if again.After(e.until) {
			again = e.until
		}
		for {
			b, err := e.read(ctx, again)
			if err != nil {
				if errors.Is(err, os.ErrDeadlineExceeded) && again.Before(e.until) {
					break
				}
				return secure.BindingReply{}, err
			}
			if reply, err := secure.ParseBindingReply(b, txid); !errors.Is(err, secure.ErrBindingReply) {
				return reply, err
			}
		}
	}
}

// secure validates the address and agrees on keys.
func (e *entry) secure(ctx context.Context, id *secure.Identity, until time.Time) error {
	reply, err := e.bind(ctx, nil)
	e.until = until
	for err == nil && reply.Nonce != nil {
		reply, err = e.bind(ctx, reply.Nonce)
	}
	if err != nil {
		return err
	}
	secrets, err := e.handshake(ctx, id)
	if err != nil {
		return err
	}
	secrets.Free()
	now := time.Now()
	if e.member.session, err = newSession(e.member.fd, secrets, now); err != nil {
		return err
	}
	e.member.session.scratch = e.scratch
	return nil
}

// handshake runs DTLS. Whose the daemon's key is, is not asked: nothing is told that it should not know.
func (e *entry) handshake(ctx context.Context, id *secure.Identity) (*secure.Secrets, error) {
	ctx, cancel := context.WithDeadline(ctx, e.until)
	defer cancel()
	mem := secure.NewMemConn(func(d []byte) { _ = send(e.member.fd, d) })
	read := make(chan error, 1)
	go func() { // ends by the deadline below
		var err error
		for err == nil {
			var b []byte
			if b, err = e.read(ctx, e.until); err == nil {
				_ = mem.Feed(b) // what is refused counts as lost
			}
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			cancel()
		}
		read <- err
	}()
	anyone := func(secure.Fingerprint) error { return nil }
	secrets, err := secure.Handshake(ctx, mem, secure.Config{Identity: id, Client: true, Verify: anyone})
	cancel()
	_ = e.conn.SetReadDeadline(time.Unix(1, 0))
	if readErr := <-read; err != nil && errors.Is(readErr, syscall.ECONNREFUSED) {
		return nil, readErr
	}
	return secrets, err
}

// register says Hello, joins the room and asks for an SSRC, all in one flight.
func (e *entry) register(ctx context.Context, began time.Time) error {
	s, now := e.member.session, time.Now()
	room := e.cfg.roomName(e.member.room)
	s.say(now, wire.Encode(&wire.Message_Hello{Hello: &wire.Hello{
		Versions: []uint32{wire.MaxVersion}, Software: e.cfg.Software, Nick: e.cfg.nick(e.member.number),
	}}))
	s.say(now, wire.Encode(&wire.Message_Join{Join: &wire.Join{
		Request: requestJoin, Room: room, From: &wire.Join_Live{Live: true}, Hear: e.cfg.hears(e.member),
	}}))
	if e.cfg.talks(e.member) {
		s.say(now, wire.Encode(&wire.Message_Talk{Talk: &wire.Talk{Request: requestTalk, Room: room, PayloadType: wire.PayloadOpus}}))
	}
	for {
		s.flush(now)
		for m := s.receive(now); m != nil; m = s.receive(now) {
			if err := e.answered(m); err != nil {
				return err
			}
		}
		if e.joined != nil && e.took == 0 {
			e.took = now.Sub(began)
		}
		if e.joined != nil && (e.ssrc != 0 || !e.cfg.talks(e.member)) {
			s.flush(now)
			return nil
		}
		err := e.next(ctx)
		if now = time.Now(); err != nil {
			return err
		}
	}
}

// next takes one datagram, or does what is due.
func (e *entry) next(ctx context.Context) error {
	s := e.member.session
	deadline := s.deadline()
	if deadline.After(e.until) {
		deadline = e.until
	}
	b, err := e.read(ctx, deadline)
	now := time.Now()
	if err == nil {
		return s.take(now, b)
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) || !now.Before(e.until) || ctx.Err() != nil {
		return err
	}
	return s.wake(now, false)
}

func (e *entry) answered(m *wire.Message) error {
	switch k := m.GetKind().(type) {
	case *wire.Message_Joined:
		e.joined = k.Joined
	case *wire.Message_TalkGranted:
		e.ssrc = k.TalkGranted.GetSsrc()
	case *wire.Message_Refused:
		return &RefusedError{Code: k.Refused.GetCode(), Reason: wire.Printable(k.Refused.GetReason())}
	}
	return nil
}
