package daemon

import (
	"container/list"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
	"yodel/wire/stream"
)

// session is one secured connection of a peer.
type session struct {
	hub    *hub
	id     secure.SessionID
	addr   netip.AddrPort
	who    secure.Fingerprint
	linger *handshake // answers repeated flights until the peer's first authentic packet, or the end of its time
	link   *link
	stream *stream.Stream
	path   sessionPath

	nick     string    // empty: none yet
	software string    // as its peer says, printable
	since    time.Time // when the first of the sessions that it goes on with began
	quality  quality
	lossAt   map[uint32]time.Time // when what it reports of the loss of a voice was counted, by SSRC
	key      string               // its comparison form
	greeted  bool
	rooms    map[string]*member
	talks    map[uint32]*voice

	publishes wire.Allowance // what the peer may send
	unstored  int            // bytes of what it has published and has no outcome yet
	entries   wire.Budget    // what it may be sent
	pace      pace           // at which it gets credit for publishes
	work      work           // what it has had the hub do
	nacks     bucket         // packets that it has asked for again
	quiet     time.Time      // until when its joins are not announced
	replaces  *session       // was at the same address before, of the same identity
	old       *session       // whose place it has taken, while that one fades
	next      *session       // that has taken its place: it fades
	fades     time.Time      // when it ends at the latest, with a next one

	began      time.Time
	nextReport time.Time
	said       time.Time // when the latest packet was sent to it that is no audio
	timer      timer
	dirty      bool
	parting    string    // with which reason it ends, when its peer knows why; empty: it does not
	partBy     time.Time // … and when it does at the latest; zero: no more than others
	succeeding bool      // another key is about to take the place of its own
	behind     bool      // entries wait for room in the stream, or for credit
	starved    bool      // the next stored one waits for credit
	seeking    bool      // a Join waits for the room log, or Hello or Succeed for the disk; what the peer has sent after it waits in the stream
	usedUp     bool      // its keys, as the latest report found
	displaced  bool      // somebody else is at its address: nothing is sent
	standing   standing
	expected   *list.Element // in census.greetless, until it has said Hello
	prefix     netip.Addr    // among whose sessions it counts; invalid: none's
	faulty     bool          // a panic in its work was contained: it ends
	gone       bool
}

// newSession makes a session at the address of a handshake, with the keys that it gave, in the shard where that came in.
func (h *hub) newSession(now time.Time, hs *handshake, via *shard, secrets *secure.Secrets) (*session, error) {
	tx, rx, err := secrets.Protect()
	if err != nil {
		return nil, err
	}
	s := &session{
		hub: h, addr: hs.from, who: secrets.Remote, linger: hs,
		stream: stream.New(stream.Config{
			Local: wire.SSRCDaemon, Remote: wire.SSRCPeer, FirstSeq: wire.FirstSeq(), Random: mathrand.Uint64, Pool: &h.held,
		}, now),
		path:  sessionPath{key: secrets.PathKey()},
		began: now, since: now, said: now, nextReport: h.reportAt(now, idleReport),
	}
	s.link = &link{shard: h.owner(via, hs.from), session: s, rx: rx, tx: tx, to: via.socket.target(hs.from), heard: now}
	_, _ = rand.Read(s.id[:]) // never fails
	s.timer.run, s.path.timer.run = s.wake, s.ask
	rx.Allow(wire.SSRCPeer)
	h.sessions[s], h.ids[s.id] = struct{}{}, s
	h.census.expect(s)
	s.mark()
	return s, nil
}

// owner is the shard that is to have the session of a peer: that where its datagrams come in, or any, when one socket feeds them all.
func (h *hub) owner(via *shard, peer netip.AddrPort) *shard {
	shards := h.plane.shards
	if shards[0].socket != shards[len(shards)-1].socket {
		return via
	}
	a := peer.Addr().As16()
	return shards[(uint(a[14])+uint(a[15])+uint(peer.Port()))%uint(len(shards))]
}

// protected takes an SRTP or SRTCP datagram.
func (h *hub) protected(now time.Time, via *shard, from netip.AddrPort, b []byte) {
	p := h.table[from]
	if p == nil {
		h.drops.count(dropUnknownAddress)
		h.hint(now, from, b)
		return
	}
	h.comesVia(from, p, via)
	err := p.open(now, b)
	switch {
	case err == nil:
	case p.pending != nil: // whoever is there now has no keys yet; the replay windows of others say nothing about it
		h.drops.count(dropEarly)
	case p.session == nil && !errors.Is(err, secure.ErrReplayed):
		if now.After(p.farewell) {
			h.drops.count(dropUnknownAddress)
			h.hint(now, from, b)
		}
	default:
		h.drops.count(whyNotOpened(err))
	}
}

// whyNotOpened is the reason for which a datagram was not opened.
func whyNotOpened(err error) drop {
	switch {
	case errors.Is(err, secure.ErrForeignSSRC):
		return dropForeignSSRC
	case errors.Is(err, secure.ErrReplayed):
		return dropDuplicate
	}
	return dropUnauthentic
}

// open authenticates a datagram and hands on what is in it.
func (s *session) open(now time.Time, b []byte) error {
	h, rtcp := s.hub, wire.KindOf(b) == wire.KindRTCP
	defer h.containSession(choreSession, s)
	plain, a, err := s.unprotect(now, b, rtcp)
	switch {
	case err != nil:
		return err
	case plain == nil:
	case a.voice != nil:
		a.voice.relay.audio(now, nil, h.w, &a)
	default:
		s.opened(now, plain, rtcp)
	}
	return nil
}

// unprotect authenticates a datagram; plain is nil when it is more than the session may send, a.voice when there is no audio in it that can be used.
func (s *session) unprotect(now time.Time, b []byte, rtcp bool) (plain []byte, a arrival, err error) {
	defer s.hub.containSession(choreOpen, nil)
	err = errContained
	s.link.shard.mu.Lock()
	defer s.link.shard.mu.Unlock()
	if plain, err = s.link.open(now, s.hub.opened[:0], b); err != nil {
		return nil, a, err
	}
	audio := !rtcp && wire.SSRCOf(plain) != wire.SSRCPeer
	if audio {
		a, audio = s.link.arrival(&s.hub.header, plain)
		a.at = now
	}
	if s.link.over(now, len(plain), audio) {
		plain = nil
	}
	return plain, a, nil
}

// opened takes an authentic packet that is not audio.
func (s *session) opened(now time.Time, plain []byte, rtcp bool) {
	if s.gone {
		return
	}
	defer s.hub.containSession(choreSession, s)
	s.shown()
	s.stream.Heard(now)
	if rtcp {
		s.feedback(now, plain)
	} else {
		s.packet(now, plain)
	}
	if !s.gone {
		s.mark()
	}
}

// shown ends what lingers of the handshake: the peer has shown to have the keys, or has had its time.
func (s *session) shown() {
	if s.linger == nil {
		return
	}
	s.linger = nil
	if p := s.hub.table[s.addr]; p != nil && p.session == s {
		s.hub.routed(s.addr, p)
	}
}

// packet takes an authentic RTP packet of the message stream.
func (s *session) packet(now time.Time, plain []byte) {
	header := &s.hub.header
	n, err := header.Unmarshal(plain)
	if err != nil || header.SSRC != wire.SSRCPeer || header.PayloadType != wire.PayloadMessage {
		s.hub.drops.count(dropMalformed)
		return
	}
	if err := s.stream.HandlePacket(now, header, plain[n:]); err != nil {
		s.hub.drops.count(dropMalformed)
		return
	}
	s.requests(now)
}

// requests takes the messages that have come, as long as the answers find room and the session may work: a peer that asks and does not
// acknowledge, or asks without end, is not asked what else it wants. What waits in the stream is bounded there.
func (s *session) requests(now time.Time) {
	for !s.gone && !s.faulty && !s.seeking && s.stream.Queued() < highWater && s.mayWork() && s.mayPublish() {
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
		s.hub.log.Error("message not queued", "nick", s.nick, "error", err)
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
	defer s.hub.containSession(choreSession, s)
	s.stream.Heard(s.link.lastHeard())
	s.stream.Advance(now)
	if s.linger != nil && !now.Before(s.began.Add(secure.HandshakeTimeout)) {
		s.shown()
	}
	if !s.greeted && !now.Before(s.began.Add(helloFor)) {
		s.end(now, wire.ByeNoHello)
		return
	}
	if !now.Before(s.nextReport) {
		s.report(now)
	}
	if !s.pace.until.IsZero() {
		s.grant(now)
	}
	if !s.work.until.After(now) {
		s.work.until = time.Time{} // mayWork says anew, if that is what the requests wait for
	}
	s.mark()
}

// flush sends what waits and sets the timer.
func (s *session) flush(now time.Time) {
	if s.gone {
		return
	}
	defer s.hub.containSession(choreFlush, s)
	if s.next != nil && s.faded(now) {
		s.remove(now, "")
		return
	}
	if why := s.over(now); why != "" {
		if why == wire.ByeSlow {
			s.hub.drops.count(dropBehind)
		}
		s.end(now, why)
		return
	}
	s.requests(now)
	if s.behind && !s.starved && !s.gone {
		s.hub.stirred = now // the acknowledgements and the credit are waited for
		s.catchUp()
	}
	if s.gone {
		return
	}
	for {
		plain, kind, number := s.stream.AppendPacket(now, s.hub.built[:0])
		switch kind {
		case stream.RTP:
			s.sendRTP(now, plain, number)
			continue
		case stream.RTCP:
			s.said = now
			s.sendRTCP(plain)
			continue
		case stream.None:
		}
		break
	}
	s.hub.timers.set(&s.timer, s.deadline())
}

func (s *session) deadline() time.Time {
	d := earliest(earliest(s.stream.Deadline(), s.nextReport), s.pace.until)
	if !s.greeted {
		d = earliest(d, s.began.Add(helloFor))
	}
	if s.linger != nil {
		d = earliest(d, s.began.Add(secure.HandshakeTimeout))
	}
	if s.next != nil {
		d = earliest(d, s.fades)
	}
	if s.parting != "" {
		d = earliest(d, s.partBy)
	}
	return earliest(d, s.work.until)
}

// sendRTP protects a packet of the message stream and sends it. index is its extended sequence number.
func (s *session) sendRTP(now time.Time, plain []byte, index uint64) {
	s.said = now
	if err := s.link.sendRTP(s.hub.w, plain, index); err != nil {
		s.hub.drops.count(why(err))
	}
}

func (s *session) sendRTCP(plain []byte) {
	if err := s.link.sendRTCP(s.hub.w, plain); err != nil {
		s.hub.drops.count(why(err))
	}
}

// bye tells the peer that the session ends, once.
func (s *session) bye(reason string) {
	plain, err := wire.AppendBye(s.hub.built[:0], wire.SSRCDaemon, reason)
	if err == nil {
		s.sendRTCP(plain)
	}
}

// refuse answers a request that is not done.
func (s *session) refuse(r *wire.Refused, format string, args ...any) {
	s.hub.figures.refusals[r.GetCode()]++
	r.Reason = fmt.Sprintf(format, args...)
	if len(r.Reason) > maxReason {
		r.Reason = strings.ToValidUTF8(r.Reason[:maxReason], "") + " …"
	}
	if wire.CheckRoom(r.Room) != nil {
		r.Room = ""
	}
	s.say(wire.Encode(&wire.Message_Refused{Refused: r}))
}
