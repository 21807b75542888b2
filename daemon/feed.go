package daemon

import (
	"encoding/binary"
	"time"

	"yodel/wire"
	"yodel/wire/repair"
)

// feed is a voice on its way to one member.
type feed struct {
	ssrc     uint32 // the voice's, or a later one for this member alone
	sent     bool
	last     uint64 // sequence number of the newest packet, when one was sent
	resender repair.Resender
}

// feed gives the member's feed of a voice.
func (m *member) feed(v *voice) *feed {
	f := m.feeds[v]
	if f == nil {
		if m.feeds == nil {
			m.feeds = make(map[*voice]*feed)
		}
		f = &feed{ssrc: v.ssrc}
		m.feeds[v] = f
	}
	return f
}

// ssrcOf is the SSRC under which the member hears a voice.
func (m *member) ssrcOf(v *voice) uint32 {
	if f := m.feeds[v]; f != nil {
		return f.ssrc
	}
	return v.ssrc
}

// fanOut sends one packet to all who hear.
func (v *voice) fanOut(now time.Time, s *slot) {
	for _, m := range v.room.members {
		if !m.hear {
			continue
		}
		f := m.feed(v)
		if !m.session.sendRTP(v.under(f.ssrc, s.packet), s.seq) {
			v.renew(m, f, s)
			m.session.sendRTP(v.under(f.ssrc, s.packet), s.seq)
		}
		if !f.sent || s.seq > f.last {
			f.sent, f.last = true, s.seq
		}
		f.resender.Sent()
		m.session.flowing(now)
	}
}

// renew has a member who has missed so much of the voice that it could not decrypt what follows hear it under a new SSRC, from
// the packet s on.
func (v *voice) renew(m *member, f *feed, s *slot) {
	h := v.room.hub
	before := s.seq - min(s.seq, 1)
	if f.sent {
		before = f.last
	}
	m.session.say(v.endMessage(f.ssrc, before))
	f.ssrc, f.sent = h.newSSRC(), false
	h.voices[f.ssrc] = v
	v.others = append(v.others, f.ssrc)
	start := v.startMessage(f.ssrc, uint16(s.seq), timestampOf(s.packet))
	m.session.say(wire.Encode(&wire.Message_TalkStart{TalkStart: start}))
	if v.over {
		m.session.say(v.endMessage(f.ssrc, v.line.last))
	}
}

// under gives a packet of the voice under an SSRC, valid until the hub builds the next one.
func (v *voice) under(ssrc uint32, packet []byte) []byte {
	if ssrc == v.source {
		return packet
	}
	built := append(v.room.hub.built[:0], packet...)
	binary.BigEndian.PutUint32(built[8:], ssrc)
	return built
}

// timestampOf reads the timestamp of an RTP packet (RFC 3550, 5.1).
func timestampOf(packet []byte) uint32 { return binary.BigEndian.Uint32(packet[4:]) }
