package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pion/rtcp"

	"yodel/wire"
	"yodel/wire/secure"
)

// receiveFrom takes a datagram that came on some link.
func (e *engine) receiveFrom(now time.Time, from *link, datagram []byte, arrived time.Time) {
	s := e.sessionOf(from)
	if s == nil {
		return
	}
	switch wire.KindOf(datagram) {
	case wire.KindRTP:
		e.receiveRTP(now, s, datagram, arrived)
	case wire.KindRTCP:
		e.receiveRTCP(now, s, datagram)
	case wire.KindSTUN:
		if s == e.s {
			e.receivePath(now, from, datagram)
		}
	default: // late answers of the handshake, and what is of no kind
	}
}

// sessionOf tells whose link it is; nil when it is nobody's any more.
func (e *engine) sessionOf(l *link) *session {
	for s := range e.sessions {
		if s.has(l) {
			return s
		}
	}
	return nil
}

func (e *engine) receiveRTP(now time.Time, s *session, datagram []byte, arrived time.Time) {
	plain, err := s.rx.OpenRTP(s.plain[:0], datagram)
	if err != nil {
		if errors.Is(err, secure.ErrForeignSSRC) {
			s.hold(datagram, arrived)
		}
		return
	}
	s.receives(now)
	n, err := s.header.Unmarshal(plain)
	if err != nil {
		return
	}
	payload := plain[n:]
	if s.header.Padding { // RFC 3550, 5.1: the last octet is a count of padding octets, including itself
		pad := 0
		if len(payload) > 0 {
			pad = int(payload[len(payload)-1])
		}
		if pad == 0 || pad > len(payload) {
			return
		}
		payload = payload[:len(payload)-pad]
	}
	if s.header.SSRC == wire.SSRCDaemon {
		_ = s.stream.HandlePacket(now, &s.header, payload) // it counts what breaks the rules
		return
	}
	if in := s.streams[s.header.SSRC]; in != nil {
		e.s.lastAudio = now
		in.packet(now, arrived, &s.header, payload)
	}
}

func (e *engine) receiveRTCP(now time.Time, s *session, datagram []byte) {
	plain, err := s.rx.OpenRTCP(s.plain[:0], datagram)
	if err != nil {
		return
	}
	s.receives(now)
	packets, err := wire.ParseRTCP(plain)
	if err != nil {
		return
	}
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.CCFeedbackReport:
			_ = s.stream.HandleReport(now, p) // it counts what breaks the rules
		case *rtcp.TransportLayerNack:
			e.resend(s, p)
		case *rtcp.ReceiverReport:
			for i := range p.Reports {
				if l := e.pathOf(s, p.Reports[i].SSRC); l != nil {
					l.reportedUp(now, p.Reports[i].FractionLost)
				}
			}
		case *rtcp.SenderReport:
			if in := s.streams[p.SSRC]; in != nil {
				in.stats.SenderReport(now, p.NTPTime)
			}
		case *rtcp.Goodbye:
			s.goodbye(p)
		}
	}
}

// goodbye ends the session, after what the daemon said before it was taken.
func (s *session) goodbye(p *rtcp.Goodbye) { s.lose(goodbyeErr(wire.Printable(p.Reason))) }

// goodbyeErr words the reason of a BYE. Two of them are for good, and may have a colon and what the operator said behind them.
func goodbyeErr(reason string) error {
	what, why, _ := strings.Cut(reason, ": ")
	switch {
	case reason == "":
		return lostErr("the daemon has closed it")
	case what == wire.ByeAccess:
		return &RefusedError{Code: wire.Code_CODE_ACCESS, Reason: reason}
	case what == wire.ByeKicked && why != "":
		return fmt.Errorf("%w: %s", ErrKicked, why)
	case what == wire.ByeKicked:
		return ErrKicked
	}
	return lostErr(reason)
}

func lostErr(reason string) error { return fmt.Errorf("%w: %s", ErrLost, reason) }

// resend answers a NACK that came in a session.
func (e *engine) resend(s *session, p *rtcp.TransportLayerNack) {
	for _, t := range e.talks {
		for _, ts := range [...]*talkspurt{&t.talkspurt, t.before} {
			if ts == nil || !ts.granted || ts.s != s || ts.ssrc != p.MediaSSRC {
				continue
			}
			for i := range p.Nacks {
				p.Nacks[i].Range(func(seq uint16) bool {
					ts.resend(seq)
					return true
				})
			}
		}
	}
}

// maxHeldPackets is how many packets of unknown streams wait for their announcement: 1.6 s of one voice in packets of 10 ms, because in a
// room with a delay an announcement that is late by less leaves no hole.
const maxHeldPackets = 160

// heldPacket is a packet that overtook the announcement of its stream.
type heldPacket struct {
	ssrc     uint32
	arrived  time.Time
	datagram []byte
}

// hold keeps a packet of an unknown stream; the oldest gives way.
func (s *session) hold(datagram []byte, arrived time.Time) {
	ssrc := binary.BigEndian.Uint32(datagram[8:])
	if ssrc < wire.MinAudioSSRC || s.ignored[ssrc] || s.streams[ssrc] != nil {
		return
	}
	p := heldPacket{ssrc: ssrc, arrived: arrived}
	if len(s.held) == maxHeldPackets {
		p.datagram = s.held[0].datagram[:0]
		s.held = append(s.held[:0], s.held[1:]...)
	}
	p.datagram = append(p.datagram, datagram...)
	s.held = append(s.held, p)
}

// release takes the packets of a stream that waited for its announcement.
func (e *engine) release(now time.Time, ssrc uint32) {
	held := e.s.held
	e.s.held = nil
	for _, p := range held {
		if p.ssrc == ssrc {
			e.receiveRTP(now, e.s, p.datagram, p.arrived)
		} else {
			e.s.held = append(e.s.held, p)
		}
	}
}
