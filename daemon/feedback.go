package daemon

import (
	"errors"
	"math/bits"
	"slices"
	"time"

	"github.com/pion/rtcp"

	"yodel/wire"
	"yodel/wire/stream"
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
			switch err := s.stream.HandleReport(now, p); {
			case errors.Is(err, stream.ErrUnsent): // RFC 9000, 13.1: "SHOULD treat [it] as a connection error"
				s.hub.drops.count(dropUnsent)
				s.end(now, wire.ByeUnsent)
				return
			case err != nil:
				s.hub.drops.count(dropMalformed)
			}
			rtt, _ := s.stream.RTT()
			s.link.rtt.Store(int64(rtt))
		case *rtcp.TransportLayerNack:
			s.resend(now, p)
		case *rtcp.ReceiverReport:
			heard := s.ofHeard(p.Reports)
			s.heardOf(now, heard)
			s.noteLoss(now, heard)
			s.hub.figures.heard(heard)
		case *rtcp.SenderReport:
			if v := s.talks[p.SSRC]; v != nil {
				v.senderReport(now, p.NTPTime)
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

// ofHeard leaves those blocks that are about a voice which the peer hears.
func (s *session) ofHeard(blocks []rtcp.ReceptionReport) []rtcp.ReceptionReport {
	return slices.DeleteFunc(blocks, func(b rtcp.ReceptionReport) bool {
		v := s.hub.voices[b.SSRC]
		if v == nil {
			return true // nobody hears it
		}
		m := s.rooms[v.room.name]
		return m == nil || !m.hear
	})
}

// senderReport takes the time of a talker's report.
func (v *voice) senderReport(now time.Time, ntp uint64) {
	v.relay.mu.Lock()
	defer v.relay.mu.Unlock()
	v.line.stats.SenderReport(now, ntp)
}

// resend sends again what a receiver misses.
func (s *session) resend(now time.Time, p *rtcp.TransportLayerNack) {
	v := s.hub.voices[p.MediaSSRC]
	if v == nil {
		return // played out and gone
	}
	m := s.rooms[v.room.name]
	f := &s.hub.figures
	if m == nil || !m.hear {
		f.resendsAsked++
		f.resendsRefused++
		s.hub.drops.count(dropResend)
		return
	}
	for i := range p.Nacks {
		asked := 1 + bits.OnesCount16(uint16(p.Nacks[i].LostPackets))
		f.resendsAsked += uint64(asked)
		if !s.nacks.take(now, atRate(int64(asked), nackRate), atRate(nackBurst, nackRate)) {
			f.resendsRefused += uint64(asked)
			s.hub.drops.count(dropNack)
			return
		}
		m.resend(v, p.MediaSSRC, &p.Nacks[i])
	}
}

// resend sends again what one pair of a NACK names. The relay's lock is held no longer than for that.
func (m *member) resend(v *voice, ssrc uint32, pair *rtcp.NackPair) {
	h := m.room.hub
	v.relay.mu.Lock()
	defer v.relay.mu.Unlock()
	pair.Range(func(seq uint16) bool {
		kept := v.line.sentPacket(seq)
		if kept == nil || !m.ear.resend(h.w, ssrc, &item{v, kept.packet, kept.seq}, v.line.base) {
			h.figures.resendsRefused++
			h.drops.count(dropResend)
		} else {
			h.figures.resendsAnswered++
		}
		return true
	})
}

// reportWithin notes that audio is going to or coming from the peer: its next report is not far.
func (s *session) reportWithin(now time.Time, after time.Duration) {
	if soon := s.hub.reportAt(now, after); s.nextReport.After(soon) {
		s.nextReport = soon
		s.mark()
	}
}

// flows tells whether audio goes to or comes from the peer, or is about to.
func (s *session) flows() bool {
	if s.openTalks() > 0 {
		return true
	}
	for _, m := range s.rooms {
		if m.hear && len(m.room.voices) > 0 {
			return true
		}
	}
	return false
}

// reportGrid is on which grid reports are due, so that one wake of the daemon sends those of many sessions. It is a little that they are early.
const reportGrid = 250 * time.Millisecond

// reportAt is when a report is due, that long from now or a little earlier.
func (h *hub) reportAt(now time.Time, after time.Duration) time.Time {
	return grid{h.plane.grid.origin, reportGrid}.nearest(now.Add(after - reportGrid/2))
}

// idleReport is how long after anything was sent to an idle session it gets a report: a second more than the keepalive, for its peer sends a Ping
// as often, and the answer is to be there first.
const idleReport = wire.KeepaliveEvery + time.Second

// report sends a receiver report (RFC 3550, 6.4.2): it keeps the path open and tells the talker its loss. When no audio flows and something
// else was sent not long ago it has nothing to say. It also looks whether the keys are used up.
func (s *session) report(now time.Time) {
	s.usedUp = s.keysUsedUp(now)
	flows := s.flows()
	if silent := now.Sub(s.said); !flows && silent < wire.KeepaliveEvery {
		s.nextReport = s.hub.reportAt(now, idleReport-silent)
		return
	}
	s.said = now
	if s.nextReport = s.hub.reportAt(now, idleReport); flows {
		s.nextReport = s.hub.reportAt(now, s.reportEvery(now))
	}
	var blocks []rtcp.ReceptionReport
	for _, v := range s.talks {
		v.relay.mu.Lock()
		if v.line.stats.Got() > 0 && !v.reported {
			blocks = append(blocks, v.line.stats.Block(now, v.source))
		}
		v.relay.mu.Unlock()
	}
	s.reported(now, blocks)
	s.hub.figures.reported(time.Duration(s.link.rtt.Load()), blocks)
	if plain, err := wire.AppendReceiverReport(s.hub.built[:0], wire.SSRCDaemon, blocks); err == nil {
		s.sendRTCP(plain)
	}
	s.tellLoss()
}

// reportEvery is how far reports are apart while audio flows. Of a talkspurt there are two soon: in the second is what those who hear it have told first.
func (s *session) reportEvery(now time.Time) time.Duration {
	for _, v := range s.talks {
		if v.talking() && now.Sub(v.announced) < wire.ReportFirst*3/2 {
			return wire.ReportFirst
		}
	}
	return wire.ReportEvery
}
