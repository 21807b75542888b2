package daemon

import (
	"slices"
	"time"

	"github.com/pion/rtp"

	"yodel/wire"
	"yodel/wire/repair"
	"yodel/wire/secure"
)

const (
	// maxTalks bounds the open streams of one session.
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

// voice is one talkspurt of one talker: one SSRC, from the grant until the last packet is played out.
type voice struct {
	room    *room
	talker  *session // nil: gone, and what is there is still played
	nick    string
	key     string // comparison form of nick
	who     [32]byte
	ssrc    uint32
	payload uint8
	line    line
	timer   timer

	began, over bool
	reported    bool
	latest      uint32 // RTP timestamp of the newest packet
	span        int64  // ticks from the first to the newest
	frame       uint32 // ticks of one packet, as seen
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
	if len(s.talks) >= maxTalks || in.room.full(s.who) {
		refused.Code = wire.Code_CODE_LIMIT
		s.refuse(refused, "too many voices at once: %d of a session may talk, %d of one key and %d in all be heard", maxTalks, maxDraining, maxVoices)
		return
	}
	h := s.hub
	v := &voice{
		room: in.room, talker: s, nick: s.nick, key: s.key, who: s.who, ssrc: h.newSSRC(), payload: uint8(m.GetPayloadType()),
		line: line{clock: clock, delay: in.room.delay, lead: in.room.lead, bufs: &h.bufs},
	}
	v.timer.run = v.tick
	if s.talks == nil {
		s.talks = make(map[uint32]*voice)
	}
	s.talks[v.ssrc] = v
	h.voices[v.ssrc] = v
	in.room.voices = append(in.room.voices, v)
	s.rx.Allow(v.ssrc)
	h.nicks.touch(now, s.key)
	s.say(wire.Encode(&wire.Message_TalkGranted{TalkGranted: &wire.TalkGranted{
		Request: m.GetRequest(), Room: in.room.name, Ssrc: v.ssrc,
	}}))
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
	start := v.startMessage()
	start.FirstSeq, start.FirstTimestamp = m.GetFirstSeq(), m.GetFirstTimestamp()
	v.room.tell(nil, wire.Encode(&wire.Message_TalkStart{TalkStart: start}))
	v.tick(now)
}

func (v *voice) startMessage() *wire.TalkStart {
	return &wire.TalkStart{
		Room: v.room.name, Ssrc: v.ssrc, PayloadType: uint32(v.payload), Nick: v.nick, Fingerprint: v.who[:],
	}
}

// talkingFor adds to the answer the streams that a newcomer is going to hear, and gives the TalkEnd messages of
// those that have ended already.
func (r *room) talkingFor(answer *wire.Joined) (ends [][]byte) {
	for _, v := range r.voices {
		if !v.began || v.line.next >= v.line.top && v.over {
			continue
		}
		start := v.startMessage()
		start.FirstSeq, start.FirstTimestamp = uint32(uint16(v.line.next)), v.latest
		if s := v.line.at(v.line.next); s != nil {
			var header rtp.Header
			if _, err := header.Unmarshal(s.packet); err == nil {
				start.FirstTimestamp = header.Timestamp
			}
		}
		answer.Talking = append(answer.Talking, start)
		if v.over {
			ends = append(ends, wire.Encode(&wire.Message_TalkEnd{TalkEnd: v.endMessage()}))
		}
	}
	return ends
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
	v.talker = nil
	delete(s.talks, v.ssrc)
	s.rx.Disallow(v.ssrc)
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

// finish tells the room that the talkspurt is over.
func (v *voice) finish() {
	v.over = true
	v.room.tell(nil, wire.Encode(&wire.Message_TalkEnd{TalkEnd: v.endMessage()}))
	v.room.hub.log.Info("stopped talking", "room", v.room.name, "nick", v.nick, "duration", v.duration().Round(10*time.Millisecond))
}

func (v *voice) endMessage() *wire.TalkEnd {
	return &wire.TalkEnd{
		Room: v.room.name, Ssrc: v.ssrc, LastSeq: uint32(uint16(v.line.last)), DurationMs: uint32(v.duration().Milliseconds()),
	}
}

// duration is the time from the first packet's beginning to the latest one's end.
func (v *voice) duration() time.Duration {
	if v.line.got == 0 {
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
	case jumped:
		s.hub.drops.count(dropJump)
	}
}

// note follows the timestamps for the duration.
func (v *voice) note(timestamp uint32) {
	step := int32(timestamp - v.latest)
	if v.line.got == 1 {
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

// fanOut sends one packet to all who hear.
func (v *voice) fanOut(now time.Time, s *slot) {
	for _, m := range v.room.members {
		if !m.hear {
			continue
		}
		m.session.sendRTP(s.packet, s.seq)
		m.session.flowing(now)
		m.resender(v.ssrc).Sent()
	}
}

// resender limits what the member gets again of one voice.
func (m *member) resender(ssrc uint32) *repair.Resender {
	r := m.resends[ssrc]
	if r == nil {
		if m.resends == nil {
			m.resends = make(map[uint32]*repair.Resender)
		}
		r = new(repair.Resender)
		m.resends[ssrc] = r
	}
	return r
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
	plain, err := wire.AppendNack(h.built[:0], wire.SSRCDaemon, v.ssrc, h.lost)
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
		Room: v.room.name, Ssrc: v.ssrc, Received: uint32(v.line.got), Lost: uint32(v.line.lost()),
	}}))
}

// remove takes the voice out of the room. Its SSRC is not given again.
func (v *voice) remove() {
	h, r := v.room.hub, v.room
	h.timers.set(&v.timer, time.Time{})
	r.bytes -= v.line.bytes
	v.line.free()
	delete(h.voices, v.ssrc)
	r.voices = slices.DeleteFunc(r.voices, func(o *voice) bool { return o == v })
	for _, m := range r.members {
		delete(m.resends, v.ssrc)
	}
	if v.talker != nil {
		delete(v.talker.talks, v.ssrc)
		v.talker.rx.Disallow(v.ssrc)
	}
	r.tidy()
}
