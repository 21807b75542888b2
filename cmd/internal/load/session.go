//go:build linux

package load

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"yodel/wire"
	"yodel/wire/secure"
	"yodel/wire/stream"
)

// errBye: the daemon has ended the session.
var errBye = errors.New("the daemon said goodbye")

// scratch is what one goroutine builds packets in.
type scratch struct {
	opened, built, sealed [2 * wire.MaxDatagram]byte
	header                rtp.Header
}

// session is the peer's side of a secured connection: keys, message stream, reports. One goroutine at a time owns it.
type session struct {
	fd      int
	tx      *secure.Tx
	rx      *secure.Rx
	stream  *stream.Stream
	scratch *scratch // its owner's

	entries    wire.Allowance // of the daemon
	publishes  wire.Budget
	audioUntil time.Time // reports are frequent until then
	nextReport time.Time
	nextPing   time.Time
}

func newSession(fd int, secrets *secure.Secrets, now time.Time) (*session, error) {
	tx, rx, err := secrets.Protect()
	if err != nil {
		return nil, err
	}
	rx.Allow(wire.SSRCDaemon)
	return &session{
		fd: fd, tx: tx, rx: rx,
		stream:     stream.New(stream.Config{Local: wire.SSRCPeer, Remote: wire.SSRCDaemon, FirstSeq: wire.FirstSeq()}, now),
		nextReport: now.Add(rand.N(wire.KeepaliveEvery)), // those of many sessions are to be spread
		nextPing:   now.Add(wire.PingEvery),
	}, nil
}

// take takes a datagram that is no audio. What is neither authentic nor expected changes nothing; the error is the session's end.
func (s *session) take(now time.Time, b []byte) error {
	switch wire.KindOf(b) {
	case wire.KindRTP:
		plain, err := s.rx.OpenRTP(s.scratch.opened[:0], b)
		if err != nil {
			return nil //nolint:nilerr // anyone may send anything
		}
		n, err := s.scratch.header.Unmarshal(plain)
		if err == nil && s.scratch.header.PayloadType == wire.PayloadMessage {
			_ = s.stream.HandlePacket(now, &s.scratch.header, plain[n:]) // it comes again if it was not taken
		}
	case wire.KindRTCP:
		plain, err := s.rx.OpenRTCP(s.scratch.opened[:0], b)
		if err != nil {
			return nil //nolint:nilerr // anyone may send anything
		}
		return s.feedback(now, plain)
	default: // handshakes and hints are over
	}
	return s.stream.Err()
}

func (s *session) feedback(now time.Time, plain []byte) error {
	s.stream.Heard(now)
	packets, err := wire.ParseRTCP(plain)
	if err != nil {
		return nil //nolint:nilerr // it is as if it had been lost
	}
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.CCFeedbackReport:
			_ = s.stream.HandleReport(now, p)
		case *rtcp.Goodbye:
			return fmt.Errorf("%w: %s", errBye, wire.Printable(p.Reason))
		}
	}
	return nil
}

// receive gives the next message; nil when there is none. Credit is kept here.
func (s *session) receive(now time.Time) *wire.Message {
	for {
		b, ok := s.stream.Receive()
		if !ok {
			return nil
		}
		m, err := wire.Decode(b)
		if err != nil {
			continue
		}
		if credit := m.GetCredit(); credit != nil {
			s.publishes.Raise(credit.GetLimit())
		}
		if m.GetEntry() != nil {
			s.entries.Consume(len(b))
			if limit, due := s.entries.Grant(); due {
				s.say(now, wire.Encode(&wire.Message_Credit{Credit: &wire.Credit{Limit: limit}}))
			}
		}
		return m
	}
}

// say queues a message.
func (s *session) say(now time.Time, encoded []byte) {
	_ = s.stream.Send(encoded) // a dead stream is found by take and wake
	s.nextPing = now.Add(wire.PingEvery)
}

// flush sends what waits.
func (s *session) flush(now time.Time) {
	for {
		plain, kind, number := s.stream.AppendPacket(now, s.scratch.built[:0])
		var sealed []byte
		var err error
		switch kind {
		case stream.None:
			return
		case stream.RTP:
			sealed, err = s.tx.SealRTP(s.scratch.sealed[:0], plain, number)
		case stream.RTCP:
			sealed, err = s.tx.SealRTCP(s.scratch.sealed[:0], plain)
		}
		if err == nil {
			_ = send(s.fd, sealed) // what is lost goes again
		}
	}
}

// pingPadding makes a Ping long enough for a hint (PROTOCOL.md, "Liveness and leaving").
const pingPadding = 48

// wake does what is due. audio tells that the session sends or has received audio since the last time.
func (s *session) wake(now time.Time, audio bool) error {
	if audio {
		s.stream.Heard(now)
		s.audioUntil = now.Add(wire.ReportEvery)
	}
	s.stream.Advance(now)
	if !now.Before(s.nextPing) {
		s.say(now, wire.Encode(&wire.Message_Ping{Ping: &wire.Ping{Request: 1, Padding: make([]byte, pingPadding)}}))
		if !now.Before(s.audioUntil) {
			s.nextReport = now.Add(wire.KeepaliveEvery)
		}
	}
	if !now.Before(s.nextReport) {
		s.nextReport = now.Add(wire.KeepaliveEvery)
		if now.Before(s.audioUntil) {
			s.nextReport = now.Add(wire.ReportEvery)
		}
		if plain, err := wire.AppendReceiverReport(s.scratch.built[:0], wire.SSRCPeer, nil); err == nil {
			s.sendRTCP(plain)
		}
	}
	return s.stream.Err()
}

func (s *session) sendRTCP(plain []byte) {
	if sealed, err := s.tx.SealRTCP(s.scratch.sealed[:0], plain); err == nil {
		_ = send(s.fd, sealed) // the next one comes in time
	}
}

// deadline is when wake has something to do.
func (s *session) deadline() time.Time {
	d := s.nextReport
	if s.nextPing.Before(d) {
		d = s.nextPing
	}
	if t := s.stream.Deadline(); !t.IsZero() && t.Before(d) {
		d = t
	}
	return d
}

// bye says goodbye, once.
func (s *session) bye() {
	if plain, err := wire.AppendBye(s.scratch.built[:0], wire.SSRCPeer, wire.ByeLeft); err == nil {
		s.sendRTCP(plain)
	}
}
