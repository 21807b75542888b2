package daemon

import (
	"slices"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

// voice is one talkspurt of one talker, from the grant until the last packet is played out. It goes to those who hear under one
// SSRC, the talker's; but see split and renew. The hub has one half of it, the relay the other.
type voice struct {
	// These do not change:
	room    *room
	relay   *relay
	source  uint32 // SSRC under which the talker sends
	ssrc    uint32
	who     [32]byte
	payload uint8
	account *account
	delay   time.Duration // of its room when it was granted

	// The hub's:
	talker      *session // nil: gone, and what is there is still played
	nick        string
	key         string   // comparison form of nick
	others      []uint32 // later SSRCs of feeds
	began, over bool
	announced   time.Time // when it was, last
	reported    bool
	hearers     hearerLoss

	// The relay's:
	slot   int    // in relay.voices
	link   *link  // the talker's; nil: nothing more comes
	next   *voice // that goes on with what comes; nil: this one does
	begun  bool   // its talker has said so
	line   line
	held   int       // bytes that are counted for the line
	at     time.Time // when it has its turn
	told   bool      // the hub knows that all has come
	gone   bool      // the hub knows that all is over
	before fate      // of the voices that this one goes on for
	latest uint32    // RTP timestamp of the newest packet
	span   int64     // ticks from the first to the newest
	frame  uint32    // ticks of one packet, as seen
	lost   []uint16  // scratch for NACKs
}

// fate is what has become of a talkspurt's packets.
type fate struct {
	got, lost uint64 // lost for good
	repaired  uint64 // of those that came
}

// fate tells of the voice and those for which it goes on; relay.mu is held.
func (v *voice) fate() fate {
	b, l := v.before, &v.line
	return fate{b.got + l.stats.Got(), b.lost + l.lost(), b.repaired + l.stats.Repaired()}
}

// talk grants an SSRC.
func (s *session) talk(now time.Time, m *wire.Talk) {
	refused := &wire.Refused{Request: m.GetRequest(), Room: m.GetRoom()}
	in := s.rooms[m.GetRoom()]
	if in == nil || in.observe {
		refused.Code = wire.Code_CODE_NOT_MEMBER
		s.refuse(refused, "join the room to talk in it")
		return
	}
	if !s.mayTalk(in.room.name) {
		s.hub.drops.count(dropAccess)
		refused.Code = wire.Code_CODE_ACCESS
		s.refuse(refused, "this key may not talk in that room")
		return
	}
	clock, ok := wire.ClockRate(uint8(min(m.GetPayloadType(), 255)))
	if !ok {
		refused.Code = wire.Code_CODE_CODEC
		s.refuse(refused, "payload type %d is not relayed", m.GetPayloadType())
		return
	}
	if s.openTalks() >= maxTalks || !in.room.relay.admits(now, s.who) {
		s.limit(refused, dropTalks, "too many voices: %d of a session may talk, %d of one key and %d in all be heard, %d a second of one key and %d in all begin",
			maxTalks, maxDraining, maxVoices, startRate, startRateAll)
		return
	}
	v := newVoice(in.room, s.who, uint8(m.GetPayloadType()), clock)
	v.source, v.link, v.account = v.ssrc, s.link, s.hub.account(s.who)
	s.begin(v)
	v.relay.do(now, s.hub.w, v, func() { v.relay.add(v) })
	s.link.says(v.ssrc, v)
	s.hub.gate.book.Touch(now, s.key)
	s.say(wire.Encode(&wire.Message_TalkGranted{TalkGranted: &wire.TalkGranted{
		Request: m.GetRequest(), Room: in.room.name, Ssrc: v.ssrc,
	}}))
}

// openTalks is how many talks the session has of which something may still come. Others are only played.
func (s *session) openTalks() (n int) {
	for _, v := range s.talks {
		if !v.reported {
			n++
		}
	}
	return n
}

// newVoice makes a voice with an SSRC of its own.
func newVoice(r *room, who [32]byte, payload uint8, clock int) *voice {
	p := r.relay.plane
	return &voice{
		room: r, relay: r.relay, who: who, ssrc: p.newSSRC(), payload: payload, delay: r.relay.delay,
		line: line{clock: clock, delay: r.relay.delay, lead: r.relay.lead, grid: p.grid},
	}
}

// begin makes the session the talker of a voice.
func (s *session) begin(v *voice) {
	v.talker, v.nick, v.key = s, s.nick, s.key
	if s.talks == nil {
		s.talks = make(map[uint32]*voice)
	}
	s.talks[v.source] = v
	v.enter()
}

// hasty tells that what comes of the voice is to be heard sooner than a round may come.
func (v *voice) hasty() bool { return v.delay < patient }

// enter puts the voice into its room.
func (v *voice) enter() {
	if v.room.hub.voices[v.ssrc] = v; v.hasty() {
		v.room.hub.hasty++
	}
	v.room.voices = append(v.room.voices, v)
	v.account.voices++
}

// talkStart begins the talkspurt for all who are in the room.
func (s *session) talkStart(now time.Time, m *wire.TalkStart) {
	v := s.talks[m.GetSsrc()]
	if v == nil || v.began || m.GetFirstSeq() >= wire.MaxFirstSeq {
		s.refuse(&wire.Refused{Code: wire.Code_CODE_PROTOCOL, Room: m.GetRoom()},
			"a talk start without a grant, or with a first sequence number of %d or more", wire.MaxFirstSeq)
		return
	}
	v.began = true
	first, timestamp := uint16(m.GetFirstSeq()), m.GetFirstTimestamp()
	v.relay.do(now, s.hub.w, v, func() {
		v.begun = true
		v.line.start(now, first)
		v.latest = timestamp
		v.turn(now, s.hub.w)
	})
	s.hub.log.Info("talks", "room", v.room.name, "nick", v.nick, "fingerprint", s.who)
	v.announce(now, first, timestamp)
}

// announce tells the room of the talkspurt.
func (v *voice) announce(now time.Time, first uint16, timestamp uint32) {
	if v.talker != nil {
		v.talker.charge(2 * len(v.room.members)) // its end is told, too
	}
	v.announced = now
	for _, m := range v.room.members {
		switch {
		case m.session == v.talker:
			m.session.reportWithin(now, wire.ReportFirst)
		case m.hear:
			m.session.reportWithin(now, wire.ReportEvery)
		}
	}
	v.room.tell(wire.Encode(&wire.Message_TalkStart{TalkStart: v.startMessage(v.ssrc, first, timestamp)}))
}

func (v *voice) startMessage(ssrc uint32, first uint16, timestamp uint32) *wire.TalkStart {
	return &wire.TalkStart{
		Room: v.room.name, Ssrc: ssrc, PayloadType: uint32(v.payload), Nick: v.nick, Fingerprint: v.who[:],
		FirstSeq: uint32(first), FirstTimestamp: timestamp,
	}
}

// talkingFor adds to the answer the streams that a newcomer is going to hear, and gives the messages that are to follow it: of
// the streams that found no room in it, and the ends of those that have ended already.
func (r *room) talkingFor(in *member, answer *wire.Joined) (rest [][]byte) {
	r.relay.mu.Lock()
	defer r.relay.mu.Unlock()
	for _, v := range r.voices {
		if !v.began || v.line.next >= v.line.top && v.over {
			continue
		}
		ssrc, timestamp := in.ssrcOf(v), v.latest
		if s := v.line.at(v.line.next); s != nil {
			timestamp = timestampOf(s.packet.data)
		}
		start := v.startMessage(ssrc, uint16(v.line.next), timestamp)
		if len(answer.Talking) < maxTalking {
			answer.Talking = append(answer.Talking, start)
		} else {
			rest = append(rest, wire.Encode(&wire.Message_TalkStart{TalkStart: start}))
		}
		if v.over {
			rest = append(rest, v.endMessage(ssrc, v.line.last, v.duration()))
		}
	}
	return rest
}

// talkEnd ends the talkspurt; what is in the line is still played.
func (s *session) talkEnd(now time.Time, m *wire.TalkEnd) {
	v := s.talks[m.GetSsrc()]
	if v == nil || !v.began || v.over {
		return
	}
	v.relay.do(now, s.hub.w, v, func() {
		newest := v.newest()
		newest.line.end(now, uint16(m.GetLastSeq()))
		newest.turn(now, s.hub.w)
	})
	v.finish()
}

// abandon ends the talkspurt of a talker that has gone.
func (v *voice) abandon(now time.Time) {
	s := v.talker
	delete(s.talks, v.source)
	s.link.saysNoMore(v.source)
	v.talker = nil
	if !v.began {
		v.remove()
		return
	}
	v.relay.do(now, v.room.hub.w, v, func() { v.newest().detach(now, v.room.hub.w) })
	if !v.over {
		v.finish()
	}
}

// goesOn has what the talker says go on as another voice, which the relay has split off.
func (v *voice) goesOn(now time.Time, next *voice, first uint16, timestamp uint32) {
	next.talker, next.nick, next.key, next.began = v.talker, v.nick, v.key, true
	v.talker = nil
	if next.talker != nil {
		next.talker.talks[next.source] = next
	}
	next.enter()
	if !v.over {
		v.finish()
	}
	next.announce(now, first, timestamp)
	next.relay.mu.Lock()
	over := next.line.ended
	next.relay.mu.Unlock()
	if over {
		next.finish()
	}
}

// tell says to a member that it hears a voice under a new SSRC from now on.
func (r *renewal) tell(time.Time) {
	v, s := r.voice, r.ear.link.session
	m := s.rooms[v.room.name]
	if v.room.hub.voices[v.ssrc] != v || m == nil || m.ear != r.ear { // over, or the member has begun anew meanwhile
		return
	}
	v.room.hub.voices[r.ssrc] = v
	v.others = append(v.others, r.ssrc)
	if m.renewed == nil {
		m.renewed = make(map[*voice]uint32)
	}
	m.renewed[v] = r.ssrc
	last, length := v.end()
	s.say(v.endMessage(r.old, r.before, length))
	start := v.startMessage(r.ssrc, uint16(r.first), r.timestamp)
	s.say(wire.Encode(&wire.Message_TalkStart{TalkStart: start}))
	if v.over {
		s.say(v.endMessage(r.ssrc, last, length))
	}
}

// finish tells the room that the talkspurt is over.
func (v *voice) finish() {
	v.over = true
	last, length := v.end()
	shared := v.endMessage(v.ssrc, last, length)
	for _, m := range v.room.members {
		if ssrc := m.ssrcOf(v); m.observe {
			continue
		} else if ssrc == v.ssrc {
			m.session.say(shared)
		} else {
			m.session.say(v.endMessage(ssrc, last, length))
		}
	}
	v.room.hub.log.Info("stopped talking", "room", v.room.name, "nick", v.nick,
		"fingerprint", secure.Fingerprint(v.who), "duration", length.Round(10*time.Millisecond))
}

// end gives the last sequence number and the duration.
func (v *voice) end() (last uint64, length time.Duration) {
	v.relay.mu.Lock()
	defer v.relay.mu.Unlock()
	return v.line.last, v.duration()
}

// endMessage encodes the TalkEnd for one who hears the voice under an SSRC.
func (v *voice) endMessage(ssrc uint32, last uint64, length time.Duration) []byte {
	return wire.Encode(&wire.Message_TalkEnd{TalkEnd: &wire.TalkEnd{
		Room: v.room.name, Ssrc: ssrc, LastSeq: uint32(uint16(last)), DurationMs: uint32(length.Milliseconds()),
	}})
}

// talking tells whether the talker is talking now.
func (v *voice) talking() bool { return v.began && !v.over }

// report tells the talker once that all has come that will.
func (v *voice) report(time.Time) {
	if v.reported || v.talker == nil {
		return
	}
	v.reported = true
	v.relay.mu.Lock()
	c, jitter := v.fate(), v.line.stats.Jitter()
	v.relay.mu.Unlock()
	v.talker.heardWhole(c, jitter)
	f := &v.room.hub.figures
	f.voiceGot += c.got
	f.voiceLost += c.lost
	v.talker.say(wire.Encode(&wire.Message_TalkReport{TalkReport: &wire.TalkReport{
		Room: v.room.name, Ssrc: v.source, Received: uint32(c.got), Lost: uint32(c.lost),
	}}))
}

// remove takes the voice out of the room. Its SSRC is not given again.
func (v *voice) remove() {
	h, r := v.room.hub, v.room
	v.relay.remove(v)
	if h.voices[v.ssrc] == v && v.hasty() {
		h.hasty--
	}
	delete(h.voices, v.ssrc)
	for _, ssrc := range v.others {
		delete(h.voices, ssrc)
	}
	if i := slices.Index(r.voices, v); i >= 0 {
		r.voices = slices.Delete(r.voices, i, i+1)
		h.close(v.account)
	}
	for _, m := range r.members {
		delete(m.renewed, v)
	}
	if v.talker != nil {
		delete(v.talker.talks, v.source)
		v.talker.link.saysNoMore(v.source)
	}
	r.tidy()
}
