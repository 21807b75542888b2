package peer

import (
	"time"

	"github.com/pion/rtcp"

	"yodel/wire"
)

const (
	// reportSpread is how much sooner than others a peer in a room may send its report.
	reportSpread = time.Second
	// maxBlocks is how many report blocks fit a receiver report (RFC 3550, 6.4.1: the count has 5 bits).
	maxBlocks = 31
	// maxSenderReports is how many sender reports fit the datagram behind a full receiver report.
	maxSenderReports = 14
	// pingPadding makes the datagram of a Ping at least 80 bytes long, so that a hint that the daemon has forgotten the session is no
	// longer than it.
	pingPadding = 48
)

// flows tells that audio was sent or received not long before the last report.
func (s *session) flows() bool {
	return !s.lastAudio.IsZero() && s.lastReport.Sub(s.lastAudio) < wire.ReportEvery
}

// reportEvery is how often a report is due: oftener while audio flows, and in a room. There the hint that it earns tells of a daemon that was
// killed and is there again, before somebody speaks whom this peer would not hear.
func (e *engine) reportEvery() time.Duration {
	switch {
	case e.s.flows():
		return wire.ReportEvery
	case len(e.rooms) > 0:
		return wire.ReportEvery - e.s.early
	}
	return wire.KeepaliveEvery
}

func (e *engine) keepAliveDeadline() time.Time {
	report, ping := e.s.lastReport.Add(e.reportEvery()), e.s.lastMessage.Add(wire.PingEvery)
	if ping.Before(report) {
		return ping
	}
	return report
}

// keepAlive sends a reliable Ping when nothing else was said for long, and the report that keeps NATs open, for which the Ping stands
// outside of rooms when no audio flows.
func (e *engine) keepAlive(now time.Time) {
	if now.Sub(e.s.lastMessage) >= wire.PingEvery {
		if e.reportEvery() == wire.KeepaliveEvery {
			e.s.lastReport = now
		}
		e.requests.forget(e.s.ping) // only the last one is waited for
		e.s.ping = e.requestIn(now, e.s, func(id uint64) []byte {
			return wire.Encode(&wire.Message_Ping{Ping: &wire.Ping{Request: id, Padding: make([]byte, pingPadding)}})
		}, func(time.Time, *wire.Message, error) {})
	}
	if now.Sub(e.s.lastReport) >= e.reportEvery() {
		e.report(now)
	}
}

// report sends a receiver report about the streams that are heard, and behind it in the same packet a sender report for each talk.
func (e *engine) report(now time.Time) {
	s := e.s
	s.lastReport = now
	var blocks []rtcp.ReceptionReport
	for ssrc, in := range s.streams {
		if !now.Before(in.tellAt) {
			in.tellAt = time.Time{}
		}
		if in.stats.Got() > 0 && len(blocks) < maxBlocks {
			blocks = append(blocks, in.stats.Block(now, ssrc))
		}
	}
	packet, err := wire.AppendReceiverReport(s.packet[:0], wire.SSRCPeer, blocks)
	for i := 0; i < len(e.talks) && i < maxSenderReports && err == nil; i++ {
		if t := e.talks[i]; t.sending() && t.s == s {
			packet, err = wire.AppendSenderReport(packet, t.senderReport(now))
		}
	}
	if err == nil {
		s.sendRTCP(packet)
	}
}

// sending tells whether packets of the talk have gone in this session and more may follow.
func (t *talkOut) sending() bool { return t.granted && t.started && !t.ended }

// senderReport tells how the talk's timestamps lie on the clock, and how much was sent under its present SSRC (RFC 3550, 6.4.1).
func (t *talkOut) senderReport(now time.Time) *rtcp.SenderReport {
	return &rtcp.SenderReport{
		SSRC: t.ssrc, NTPTime: wire.NTPTime(now), RTPTime: t.sentTS + uint32(timeToSamples(now.Sub(t.sentAt))),
		PacketCount: uint32(t.next - t.first), OctetCount: t.octets,
	}
}
