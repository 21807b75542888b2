package stream

import (
	"errors"
	"fmt"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"yodel/wire"
)

// HandlePacket takes a packet from the other side that was authentic and not a replay. The payload is not kept.
// An error tells why the packet was dropped; the stream goes on. Errors: ErrForeign, wire.ErrPayload, ErrWindow, ErrTotal,
// ErrFull, ErrDead.
func (s *Stream) HandlePacket(now time.Time, h *rtp.Header, payload []byte) error {
	if s.err != nil {
		return s.err
	}
	s.Heard(now)
	busy := s.Ready()
	news, distance, err := s.takePayload(h, payload)
	s.in.watch(now, busy)
	if errors.Is(err, ErrFull) {
		s.stats.Full++
		s.acks.remind(now) // slow is not dead: without an acknowledgement, but a sign of life
		return err
	}
	if err != nil {
		s.stats.Refused++
		return err
	}
	s.acks.take(now, arrival{s.acks.number(h.SequenceNumber), distance, now.Sub(s.start), news})
	return nil
}

// takePayload takes all chunks that can be taken. The error is that of the first that can not: the packet is not
// acknowledged then, and what it carried comes again.
func (s *Stream) takePayload(h *rtp.Header, payload []byte) (news bool, distance int, err error) {
	if h.SSRC != s.cfg.Remote || h.PayloadType != wire.PayloadMessage {
		return false, 0, fmt.Errorf("%w: packet of SSRC %d with payload type %d", ErrForeign, h.SSRC, h.PayloadType)
	}
	p, err := wire.ParseMessagePayload(payload)
	if err != nil {
		return false, 0, err
	}
	for c, ok := p.Next(); ok; c, ok = p.Next() {
		isNew, chunkErr := s.in.take(c)
		news = news || isNew
		if err == nil {
			err = chunkErr
		}
	}
	return news, p.Distance, err
}

// HandleReport takes an authentic report of the other side. An error tells why it was ignored; the stream goes on.
// Errors: ErrForeign, ErrUnsent, wire.ErrFeedback, ErrDead. No honest receiver causes ErrUnsent: RFC 9000, 13.1, would have the session end.
func (s *Stream) HandleReport(now time.Time, p *rtcp.CCFeedbackReport) error {
	if s.err != nil {
		return s.err
	}
	s.Heard(now)
	report, begin, err := s.checkReport(p)
	if err != nil {
		s.stats.Refused++
		return err
	}
	s.takeReport(now, &report, begin)
	return nil
}

// checkReport gives the report and the extended number of its first packet.
func (s *Stream) checkReport(p *rtcp.CCFeedbackReport) (report wire.Report, begin int64, err error) {
	report, err = wire.ReportFrom(p)
	if err != nil {
		return report, 0, err
	}
	if report.Sender != s.cfg.Remote || report.Media != s.cfg.Local {
		return report, 0, fmt.Errorf("%w: report of SSRC %d about SSRC %d", ErrForeign, report.Sender, report.Media)
	}
	begin = wire.Nearest(s.sent.end()-1, report.Begin)
	if skipped := s.skips.last - begin; skipped >= 0 && skipped < int64(len(report.Metrics)) && report.Metrics[skipped].Received {
		return report, 0, fmt.Errorf("%w: %d was skipped", ErrUnsent, s.skips.last)
	}
	for i := len(report.Metrics) - 1; i >= 0 && begin+int64(i) >= s.sent.end(); i-- {
		if report.Metrics[i].Received {
			return report, 0, fmt.Errorf("%w: %d >= %d", ErrUnsent, begin+int64(i), s.sent.end())
		}
	}
	return report, begin, nil
}

func (s *Stream) takeReport(now time.Time, report *wire.Report, begin int64) {
	acked := false
	highest, ackDelay := int64(-1), time.Duration(0)
	for i, metric := range report.Metrics {
		number := begin + int64(i)
		if !metric.Received || !s.sent.has(number) {
			continue
		}
		highest = -1
		if s.arrivedPacket(now, number) {
			acked = true
			highest = int64(i)
			ackDelay, _ = wire.ArrivedAgo(metric)
		}
	}
	// RFC 9002, 5.1: "An endpoint generates an RTT sample on receiving an ACK frame that meets [...]: the largest acknowledged packet
	// number is newly acknowledged".
	if highest >= 0 {
		s.rtt.sample(now, now.Sub(s.sent.at(begin+highest).at), ackDelay)
		s.watchDelay(now)
	}
	if acked {
		// RFC 9002, 6.2.1: "The PTO backoff factor is reset when an acknowledgment is received".
		s.backoff, s.probes = 0, 0
	}
	s.detectLost(now)
	s.settle()
}
