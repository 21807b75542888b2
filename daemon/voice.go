package daemon

import (
	"slices"
	"time"

	"github.com/pion/rtp"

	"yodel/wire"
	"yodel/wire/secure"
)

const (
	// maxTalks bounds the streams of one session that are not reported yet.
	maxTalks = 8
	// maxVoices bounds the streams of one room that are open or not yet played out.
	maxVoices = 1024
	// maxDraining bounds those of one identity in a room: a minute of short talkspurts.
	maxDraining = 128
	// maxRoomBytes bounds what waits in the delay lines of one room: a minute of twenty lossless voices.
	maxRoomBytes = 128 << 20
	// maxHeader bounds an RTP header with its extensions.
	maxHeader = 256
	// maxPlain bounds a packet so that it fits into a datagram under any protection.
	maxPlain = wire.MaxDatagram - secure.OverheadRTP
)

// voice is one talkspurt of one talker, from the grant until the last packet is played out. It goes to those who hear under one
// SSRC, the talker's; but see split and feed.
type voice struct {
	room    *room
	talker  *session // nil: gone, and what is there is still played
	source  uint32   // SSRC under which the talker sends
	nick    string
	key     string // comparison form of nick
	who     [32]byte
	ssrc    uint32
	others  []uint32 // later SSRCs of feeds
	payload uint8
	line    line
	timer   timer

	began, over bool
	reported    bool
	before      struct{ got, lost uint64 } // of the voices that this one goes on for
	latest      uint32                     // RTP timestamp of the newest packet
	span        int64                      // ticks from the first to the newest
	frame       uint32                     // ticks of one packet, as seen
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
	clock, ok := wire.ClockRate(uint8(min(m.GetPayloadType(), 255)))
	if !ok {
		refused.Code = wire.Code_CODE_CODEC
		s.refuse(refused, "payload type %d is not relayed", m.GetPayloadType())
		return
	}
	if s.openTalks() >= maxTalks || in.room.full(s.who) {
		refused.Code = wire.Code_CODE_LIMIT
		s.refuse(refused, "too many voices at once: %d of a session may talk, %d of one key and %d in all be heard", maxTalks, maxDraining, maxVoices)
		return
	}
	v := s.newVoice(in.room, uint8(m.GetPayloadType()), clock)
	s.begin(v, v.ssrc)
	s.rx.Allow(v.ssrc)
	s.hub.nicks.touch(now, s.key)
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

// newVoice makes a voice of the session's.
func (s *session) newVoice(r *room, payload uint8, clock int) *voice {
	return &voice{
		room: r, nick: s.nick, key: s.key, who: s.who, ssrc: s.hub.newSSRC(), payload: payload,
		line: line{clock: clock, delay: r.delay, lead: r.lead, bufs: &s.hub.bufs},
	}
}

// begin puts a voice into its room. The session talks in it under the SSRC source.
func (s *session) begin(v *voice, source uint32) {
	v.talker, v.source = s, source
	v.timer.run = v.tick
	if s.talks == nil {
		s.talks = make(map[uint32]*voice)
	}
	s.talks[source] = v
	s.hub.voices[v.ssrc] = v
	v.room.voices = append(v.room.voices, v)
}

// full tells whether no more voices of an identity fit into the room.
func (r *room) full(who [32]byte) bool {
	own := 0
	for _, v := range r.voices {
		if v.who == who {
			own++
		}
	}
	return len(r.voices) >= maxVoices || own >= maxDraining
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
	v.line.start(now, uint16(m.GetFirstSeq()))
	v.latest = m.GetFirstTimestamp()
	s.hub.log.Info("talks", "room", v.room.name, "nick", v.nick, "fingerprint", s.who)
	v.announce(uint16(m.GetFirstSeq()), m.GetFirstTimestamp())
	v.tick(now)
}

// announce tells the room of the talkspurt.
func (v *voice) announce(first uint16, timestamp uint32) {
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
	for _, v := range r.voices {
		if !v.began || v.line.next >= v.line.top && v.over {
			continue
		}
		ssrc, timestamp := in.ssrcOf(v), v.latest
		if s := v.line.at(v.line.next); s != nil {
			timestamp = timestampOf(s.packet)
		}
		start := v.startMessage(ssrc, uint16(v.line.next), timestamp)
		if len(answer.Talking) < maxTalking {
			answer.Talking = append(answer.Talking, start)
		} else {
			rest = append(rest, wire.Encode(&wire.Message_TalkStart{TalkStart: start}))
		}
		if v.over {
			rest = append(rest, v.endMessage(ssrc, v.line.last))
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
	v.line.end(now, uint16(m.GetLastSeq()))
	v.finish()
	v.tick(now)
}

// abandon ends the talkspurt of a talker that has gone.
func (v *voice) abandon(now time.Time) {
	s := v.talker
	delete(s.talks, v.source)
	s.rx.Disallow(v.source)
	v.detach(now)
}

// detach lets go of the talker, from whom nothing more comes.
func (v *voice) detach(now time.Time) {
	v.talker = nil
	if !v.began {
		v.remove()
		return
	}
	v.line.giveUp()
	if !v.over {
		v.finish()
	}
	v.tick(now)
}

// split goes on with what the talker says as another voice, because its sequence number has jumped to first: no receiver could
// follow it under the present SSRC. It is nil when the voice has not begun or is over, or when there is no room for one more.
func (v *voice) split(now time.Time, first uint16, timestamp uint32) *voice {
	s, r := v.talker, v.room
	if !v.talking() || r.full(s.who) {
		return nil
	}
	next := s.newVoice(r, v.payload, v.line.clock)
	source := v.source
	v.detach(now)
	next.before.got, next.before.lost = v.before.got+v.line.stats.Got(), v.before.lost+v.line.lost()
	s.begin(next, source)
	next.began, next.latest = true, timestamp
	next.line.start(now, first)
	next.announce(first, timestamp)
	return next
}

// finish tells the room that the talkspurt is over.
func (v *voice) finish() {
	v.over = true
	shared := v.endMessage(v.ssrc, v.line.last)
	for _, m := range v.room.members {
		if ssrc := m.ssrcOf(v); m.observe {
			continue
		} else if ssrc == v.ssrc {
			m.session.say(shared)
		} else {
			m.session.say(v.endMessage(ssrc, v.line.last))
		}
	}
	v.room.hub.log.Info("stopped talking", "room", v.room.name, "nick", v.nick, "duration", v.duration().Round(10*time.Millisecond))
}

// endMessage encodes the TalkEnd for one who hears the voice under an SSRC.
func (v *voice) endMessage(ssrc uint32, last uint64) []byte {
	return wire.Encode(&wire.Message_TalkEnd{TalkEnd: &wire.TalkEnd{
		Room: v.room.name, Ssrc: ssrc, LastSeq: uint32(uint16(last)), DurationMs: uint32(v.duration().Milliseconds()),
	}})
}

// duration is the time from the first packet's beginning to the latest one's end.
func (v *voice) duration() time.Duration {
	if v.line.stats.Got() == 0 {
		return 0
	}
	return ticks(v.span+int64(v.frame), v.line.clock)
}

// talking tells whether the talker is talking now.
func (v *voice) talking() bool { return v.began && !v.over }

// audio takes an authentic audio packet of the session.
func (s *session) audio(now time.Time, header *rtp.Header, plain []byte) {
	v := s.talks[header.SSRC]
	if v == nil || header.PayloadType != v.payload || header.MarshalSize() > maxHeader || len(plain) > maxPlain {
		s.hub.drops.count(dropMalformed)
		return
	}
	if v.room.bytes+len(plain) > maxRoomBytes {
		s.hub.drops.count(dropEchoFull)
		return
	}
	s.flowing(now)
	if v.line.jumps(header.SequenceNumber) {
		next := v.split(now, header.SequenceNumber, header.Timestamp)
		if next == nil {
			s.hub.drops.count(dropJump)
			return
		}
		v = next
	}
	before := v.line.bytes
	switch v.line.arrive(now, header.SequenceNumber, header.Timestamp, plain) {
	case accepted:
		v.room.bytes += v.line.bytes - before
		v.note(header.Timestamp)
		v.tick(now)
	case duplicate:
		s.hub.drops.count(dropDuplicate)
	case late:
		s.hub.drops.count(dropLate)
	}
}

// note follows the timestamps for the duration.
func (v *voice) note(timestamp uint32) {
	step := int32(timestamp - v.latest)
	if v.line.stats.Got() == 1 {
		v.latest = timestamp
		return
	}
	if step <= 0 {
		return
	}
	if v.frame == 0 || uint32(step) < v.frame {
		v.frame = uint32(step)
	}
	v.latest = timestamp
	v.span += int64(step)
}

// tick sends what is due, asks for what is missing, and ends the voice when all is done.
func (v *voice) tick(now time.Time) {
	for s := v.line.pop(now); s != nil; s = v.line.pop(now) {
		v.fanOut(now, s)
	}
	before := v.line.bytes
	v.line.tidy(now)
	v.room.bytes += v.line.bytes - before
	v.ask(now)
	v.report()
	if v.over && v.line.drained() {
		v.remove()
		return
	}
	v.room.hub.timers.set(&v.timer, v.line.deadline())
}

// ask sends a NACK for what is missing from the talker.
func (v *voice) ask(now time.Time) {
	if v.talker == nil {
		return
	}
	h := v.room.hub
	rtt, _ := v.talker.stream.RTT()
	h.lost = v.line.asks.Missing(now, rtt, h.lost[:0])
	if len(h.lost) == 0 {
		return
	}
	plain, err := wire.AppendNack(h.built[:0], wire.SSRCDaemon, v.source, h.lost)
	if err == nil {
		v.talker.sendRTCP(plain)
	}
}

// report tells the talker once that all has come that will.
func (v *voice) report() {
	if v.reported || v.talker == nil || !v.line.complete() {
		return
	}
	v.reported = true
	v.talker.say(wire.Encode(&wire.Message_TalkReport{TalkReport: &wire.TalkReport{
		Room: v.room.name, Ssrc: v.source, Received: uint32(v.before.got + v.line.stats.Got()), Lost: uint32(v.before.lost + v.line.lost()),
	}}))
}

// remove takes the voice out of the room. Its SSRC is not given again.
func (v *voice) remove() {
	h, r := v.room.hub, v.room
	h.timers.set(&v.timer, time.Time{})
	r.bytes -= v.line.bytes
	v.line.free()
	delete(h.voices, v.ssrc)
	for _, ssrc := range v.others {
		delete(h.voices, ssrc)
	}
	r.voices = slices.DeleteFunc(r.voices, func(o *voice) bool { return o == v })
	for _, m := range r.members {
		delete(m.feeds, v)
	}
	if v.talker != nil {
		delete(v.talker.talks, v.source)
		v.talker.rx.Disallow(v.source)
	}
	r.tidy()
}
