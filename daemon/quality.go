package daemon

import (
	"strings"
	"time"

	"github.com/pion/rtcp"

	"yodel/wire"
)

// carried counts the protected datagrams of a session: authentic ones that came, and those that were given to a writer. Bytes are of UDP payload.
type carried struct {
	packetsIn, bytesIn, packetsOut, bytesOut uint64
}

// soFar gives what has gone through the link.
func (l *link) soFar() carried {
	l.shard.mu.Lock()
	defer l.shard.mu.Unlock()
	return l.carried
}

// goesOnWith has the link count on from what another had.
func (l *link) goesOnWith(before carried) {
	l.shard.mu.Lock()
	defer l.shard.mu.Unlock()
	t := &l.carried
	t.packetsIn += before.packetsIn
	t.bytesIn += before.bytesIn
	t.packetsOut += before.packetsOut
	t.bytesOut += before.bytesOut
}

// outboundFor is how long what a peer has reported of what it hears is told: two of its reports while audio flows, and some.
const outboundFor = 3 * wire.ReportEvery

// quality is how well audio gets through, as the latest reports say: before repair, for a packet that came only when it was asked for shows what the
// path is like no less than one that did not come.
type quality struct {
	in, out way
}

// way is one direction.
type way struct {
	at     time.Time // of the report; zero: there was none
	lost   float64   // part of the packets, 0 to 1
	jitter time.Duration
}

// reported takes what the daemon tells a talker.
func (s *session) reported(now time.Time, blocks []rtcp.ReceptionReport) {
	s.quality.in.take(now, blocks, func(ssrc uint32) *voice { return s.talks[ssrc] })
}

// heardOf takes what a peer tells of what it hears, for the operator's list.
func (s *session) heardOf(now time.Time, blocks []rtcp.ReceptionReport) {
	s.quality.out.take(now, blocks, func(ssrc uint32) *voice { return s.hub.voices[ssrc] })
}

// heardWhole takes what has come of a talkspurt that is over.
func (s *session) heardWhole(c fate, jitter time.Duration) {
	if c.got > 0 {
		s.quality.in = way{at: s.hub.now, lost: float64(c.lost+c.repaired) / float64(c.got+c.lost), jitter: jitter}
	}
}

// take makes the mean of the blocks about known streams.
func (q *way) take(now time.Time, blocks []rtcp.ReceptionReport, of func(ssrc uint32) *voice) {
	next, n := way{at: now}, 0
	for i := range blocks {
		if v := of(blocks[i].SSRC); v != nil {
			n++
			next.lost += float64(blocks[i].FractionLost) / 256
			next.jitter += ticks(int64(blocks[i].Jitter), v.line.clock)
		}
	}
	if n > 0 {
		next.lost, next.jitter = next.lost/float64(n), next.jitter/time.Duration(n)
		*q = next
	}
}

// maxSoftware is how many bytes of what a peer calls its software are kept.
const maxSoftware = 64

// softwareOf gives what a peer calls its software, fit for a log line and short.
func softwareOf(m *wire.Hello) string {
	text := m.GetSoftware()
	if len(text) > maxSoftware {
		text = strings.ToValidUTF8(text[:maxSoftware], "")
	}
	return strings.Clone(wire.Printable(text))
}
