package daemon

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/pion/rtp"

	"yodel/wire"
	"yodel/wire/secure"
	"yodel/wire/stream"
)

// helloFor is how long a session may go without Hello.
const helloFor = 10 * time.Second

// highWater is how many bytes of a session's stream may wait for acknowledgement before replay pauses.
const highWater = 128 << 10

// session is one secured connection of a peer.
type session struct {
	hub     *hub
	id      [16]byte
	addr    netip.AddrPort
	who     secure.Fingerprint
	linger  *handshake // answers repeated flights until the peer's first authentic packet
	secrets *secure.Secrets
	tx      *secure.Tx
	rx      *secure.Rx
	stream  *stream.Stream
	numbers wire.Unwrapper // of the stream's packets as they are sent

	nick    string // empty: none yet
	greeted bool
	rooms   map[string]*member
	talks   map[uint32]*voice

	began      time.Time
	audioUntil time.Time // reports are frequent until then
	nextReport time.Time
	timer      timer
	dirty      bool
	behind     bool // entries wait for room in the stream
	gone       bool
}

func newSession(h *hub, now time.Time, hs *handshake, secrets *secure.Secrets) (*session, error) {
	tx, rx, err := secrets.Protect()
	if err != nil {
		return nil, err
	}
	s := &session{
		hub: h, addr: hs.from, who: secrets.Remote, linger: hs, secrets: secrets, tx: tx, rx: rx,
		stream: stream.New(stream.Config{Local: wire.SSRCDaemon, Remote: wire.SSRCPeer, FirstSeq: firstSeq()}, now),
		began:  now, nextReport: now.Add(wire.KeepaliveEvery),
	}
	_, _ = rand.Read(s.id[:]) // never fails
	s.timer.run = s.wake
	rx.Allow(wire.SSRCPeer)
	h.sessions[s] = struct{}{}
	s.mark()
	return s, nil
}

// firstSeq is a random packet number to begin with, below 2^15 so that the first packets cannot be taken for ones before a wrap.
func firstSeq() uint64 {
	var b [2]byte
	_, _ = rand.Read(b[:]) // never fails
	return uint64(binary.BigEndian.Uint16(b[:]) >> 1)
}

// protected takes an SRTP or SRTCP datagram.
func (h *hub) protected(now time.Time, from netip.AddrPort, b []byte) {
	p := h.table[from]
	if p == nil || (p.session == nil && p.pending == nil) {
		if p == nil || now.After(p.farewell) {
			h.drops.count(dropUnknownAddress)
		}
		return
	}
	if p.session == nil {
		p.pending.early.Add(b)
		return
	}
	err := p.session.open(now, b)
	if err == nil {
		return
	}
	if p.pending != nil { // perhaps one of the session to come; the old one's replay window says nothing about it
		p.pending.early.Add(b)
		return
	}
	switch {
	case errors.Is(err, secure.ErrForeignSSRC):
		h.drops.count(dropForeignSSRC)
	case errors.Is(err, secure.ErrReplayed):
		h.drops.count(dropDuplicate)
	default:
		h.drops.count(dropUnauthentic)
	}
}

// open authenticates a datagram and hands on what is in it.
func (s *session) open(now time.Time, b []byte) error {
	rtcp := wire.KindOf(b) == wire.KindRTCP
	var plain []byte
	var err error
	if rtcp {
		plain, err = s.rx.OpenRTCP(s.hub.opened[:0], b)
	} else {
		plain, err = s.rx.OpenRTP(s.hub.opened[:0], b)
	}
	if err != nil {
		return err
	}
	s.release()
	s.stream.Heard(now)
	if rtcp {
		s.feedback(now, plain)
	} else {
		s.packet(now, plain)
	}
	if !s.gone {
		s.mark()
	}
	return nil
}

// release frees the state of DTLS: the peer has the keys.
func (s *session) release() {
	if s.secrets != nil {
		s.secrets.Free()
		s.secrets, s.linger = nil, nil
	}
}

// packet takes an authentic RTP packet.
func (s *session) packet(now time.Time, plain []byte) {
	var header rtp.Header
	n, err := header.Unmarshal(plain)
	if err != nil {
		s.hub.drops.count(dropMalformed)
		return
	}
	if header.SSRC != wire.SSRCPeer {
		s.audio(now, &header, plain)
		return
	}
	if header.PayloadType != wire.PayloadMessage {
		s.hub.drops.count(dropMalformed)
		return
	}
	if err := s.stream.HandlePacket(now, &header, plain[n:]); err != nil {
		s.hub.drops.count(dropMalformed)
		return
	}
	for !s.gone {
		b, ok := s.stream.Receive()
		if !ok {
			return
		}
		s.message(now, b)
	}
}

// say queues one message for the peer.
func (s *session) say(encoded []byte) {
	if s.gone {
		return
	}
	if err := s.stream.Send(encoded); err != nil {
		s.hub.log.Debug("message not queued", "nick", s.nick, "error", err)
		return
	}
	s.mark()
}

// mark has the loop flush the session at the end of this turn.
func (s *session) mark() {
	if !s.dirty && !s.gone {
		s.dirty = true
		s.hub.dirty = append(s.hub.dirty, s)
	}
}

// wake is the session's timer.
func (s *session) wake(now time.Time) {
	s.stream.Advance(now)
	if s.secrets != nil && !now.Before(s.began.Add(lingerFor)) {
		s.release()
	}
	if !s.greeted && !now.Before(s.began.Add(helloFor)) {
		s.remove(now, "said no hello")
		return
	}
	if !now.Before(s.nextReport) {
		s.report(now)
	}
	s.mark()
}

// flush sends what waits and sets the timer.
func (s *session) flush(now time.Time) {
	if s.gone {
		return
	}
	if err := s.stream.Err(); err != nil {
		s.bye(wire.ByeTimeout)
		s.remove(now, wire.ByeTimeout)
		return
	}
	if s.behind {
		s.catchUp()
	}
	for {
		plain, kind := s.stream.AppendDatagram(now, s.hub.built[:0])
		switch kind {
		case stream.RTP:
			number, _ := s.numbers.Unwrap(binary.BigEndian.Uint16(plain[2:]))
			s.sendRTP(plain, number)
			continue
		case stream.RTCP:
			s.sendRTCP(plain)
			continue
		case stream.None:
		}
		break
	}
	s.hub.timers.set(&s.timer, s.deadline())
}

func (s *session) deadline() time.Time {
	d := earliest(s.stream.Deadline(), s.nextReport)
	if !s.greeted {
		d = earliest(d, s.began.Add(helloFor))
	}
	if s.secrets != nil {
		d = earliest(d, s.began.Add(lingerFor))
	}
	return d
}

// sendRTP protects a packet and sends it. index is its extended sequence number. A packet that its receiver could not
// place is not encrypted.
func (s *session) sendRTP(plain []byte, index uint64) {
	sealed, err := s.tx.SealRTP(s.hub.sealed[:0], plain, index)
	switch {
	case errors.Is(err, secure.ErrBeforeFirst), errors.Is(err, secure.ErrTooOld):
		s.hub.drops.count(dropLate)
	case err != nil:
		s.hub.drops.count(dropSeal)
	default:
		s.hub.send(s.addr, sealed)
	}
}

func (s *session) sendRTCP(plain []byte) {
	sealed, err := s.tx.SealRTCP(s.hub.sealed[:0], plain)
	if err != nil {
		s.hub.drops.count(dropSeal)
		return
	}
	s.hub.send(s.addr, sealed)
}

// bye tells the peer that the session ends.
func (s *session) bye(reason string) {
	plain, err := wire.AppendBye(s.hub.built[:0], wire.SSRCDaemon, reason)
	if err == nil {
		s.sendRTCP(plain)
	}
}

// remove takes the session out of everything; rooms hear of it.
func (s *session) remove(now time.Time, reason string) {
	if s.gone {
		return
	}
	s.gone = true
	s.hub.timers.set(&s.timer, time.Time{})
	s.release()
	for _, v := range s.talks {
		v.abandon(now)
	}
	for _, m := range s.rooms {
		m.room.leave(m, reason)
	}
	delete(s.hub.sessions, s)
	if p := s.hub.table[s.addr]; p != nil && p.session == s {
		p.session, p.farewell = nil, now.Add(time.Second)
	}
}

// refuse answers a request that is not done.
func (s *session) refuse(r *wire.Refused, format string, args ...any) {
	r.Reason = fmt.Sprintf(format, args...)
	s.say(wire.Encode(&wire.Message_Refused{Refused: r}))
}
