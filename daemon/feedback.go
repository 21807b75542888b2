package daemon

import (
	"slices"
	"time"

	"github.com/pion/rtcp"

	"yodel/wire"
)

// feedback takes an authentic RTCP packet.
func (s *session) feedback(now time.Time, plain []byte) {
	packets, err := wire.ParseRTCP(plain)
	if err != nil {
		s.hub.drops.count(dropMalformed)
		return
	}
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.CCFeedbackReport:
			if err := s.stream.HandleReport(now, p); err != nil {
				s.hub.drops.count(dropMalformed)
			}
		case *rtcp.TransportLayerNack:
			s.resend(p)
		case *rtcp.SenderReport:
			if v := s.talks[p.SSRC]; v != nil {
				v.line.stats.SenderReport(now, p.NTPTime)
			}
		case *rtcp.Goodbye:
			if !slices.Contains(p.Sources, wire.SSRCPeer) { // the end of another stream than the messages' is told by TalkEnd
				s.hub.drops.count(dropMalformed)
				continue
			}
			reason := p.Reason
			if reason == "" {
				reason = wire.ByeLeft
			}
			s.remove(now, wire.Printable(reason))
			return
		}
	}
}

// resend sends again what a receiver misses, byte for byte as it was: the same bytes under the same SRTP index give
// the same ciphertext, and a keystream is never used for two texts.
func (s *session) resend(p *rtcp.TransportLayerNack) {
	v := s.hub.voices[p.MediaSSRC]
	if v == nil {
		return // played out and gone
	}
	m := s.rooms[v.room.name]
	if m == nil || !m.hear || m.ssrcOf(v) != p.MediaSSRC {
		s.hub.drops.count(dropResend)
		return
	}
	f := m.feed(v)
	f.resender.Forget(v.line.base)
	for i := range p.Nacks {
		p.Nacks[i].Range(func(seq uint16) bool {
			if slot := v.line.sentPacket(seq); slot != nil && f.resender.Allow(slot.seq) {
				s.sendRTP(v.under(f.ssrc, slot.packet), slot.seq)
			} else {
				s.hub.drops.count(dropResend)
			}
			return true
		})
	}
}

// flowing notes that audio goes to or comes from the peer: reports are more frequent for a while.
func (s *session) flowing(now time.Time) {
	s.audioUntil = now.Add(wire.ReportEvery)
	if soon := now.Add(wire.ReportEvery); s.nextReport.After(soon) {
		s.nextReport = soon
		s.mark()
	}
}

// report sends a receiver report (RFC 3550, 6.4.2): it keeps the path open and tells the talker its loss.
func (s *session) report(now time.Time) {
	every := wire.KeepaliveEvery
	if now.Before(s.audioUntil) {
		every = wire.ReportEvery
	}
	s.nextReport = now.Add(every)
	var blocks []rtcp.ReceptionReport
	for _, v := range s.talks {
		if v.line.stats.Got() > 0 && !v.reported {
			blocks = append(blocks, v.line.stats.Block(now, v.source))
		}
	}
	if plain, err := wire.AppendReceiverReport(s.hub.built[:0], wire.SSRCDaemon, blocks); err == nil {
		s.sendRTCP(plain)
	}
}
