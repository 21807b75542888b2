package peer

import (
	"time"

	"yodel/peer/audio"
	"yodel/wire"
)

// When a talk that is announced is heard.
const (
	justBegun = false // its sound comes after the room's delay
	underWay  = true  // it began before the room was joined, and its sound may come at any time
)

// announcement is a talk that the daemon tells of.
type announcement struct {
	*wire.TalkStart
	talk     *Talking
	underWay bool
}

// talkStart takes the announcement of a talk in a room.
func (e *engine) talkStart(now time.Time, x *wire.TalkStart, underWay bool) {
	r := e.rooms[x.GetRoom()]
	if r == nil || e.s.streams[x.GetSsrc()] != nil {
		return
	}
	t := &Talking{
		Room: x.GetRoom(), Nick: short(x.GetNick(), maxNickText), Fingerprint: fingerprintOf(x.GetFingerprint()), SSRC: x.GetSsrc(),
	}
	t.Self = t.Fingerprint == e.own
	switch a := (announcement{x, t, underWay}); {
	case r.hearing == nil:
		e.tell(a)
	case t.Self && r.hearing.noSelf:
		e.s.ignore(t.SSRC)
	default:
		e.hear(now, r, a)
	}
}

// maxIgnored bounds what is remembered of streams that are not wanted.
const maxIgnored = 4096

// ignore keeps the packets of a stream from being held. They may come long after its end was announced.
func (s *session) ignore(ssrc uint32) {
	if len(s.ignored) >= maxIgnored {
		clear(s.ignored)
	}
	s.ignored[ssrc] = true
}

// tell announces a talk that is not heard here.
func (e *engine) tell(a announcement) {
	if len(e.s.told) < maxStreams {
		e.s.told[a.talk.SSRC] = a.talk
	}
	if !a.underWay {
		start := *a.talk
		start.Start = true
		e.emitTalk(&start)
	}
}

// hear begins to receive a stream.
func (e *engine) hear(now time.Time, r *room, a announcement) {
	if len(e.s.streams) >= maxStreams || e.s.rx.SSRCs() >= maxHeardSSRCs || a.talk.SSRC < wire.MinAudioSSRC {
		return
	}
	var expected time.Time
	if !a.underWay {
		expected = now.Add(max(r.delay-r.hearing.leadNow(), 0))
	}
	in := newStreamIn(now, expected, a.TalkStart, r)
	e.nextID++
	in.id, in.early = e.nextID, e.s.early
	first := uint16(a.GetFirstSeq())
	if err := r.hearing.announce(in.id, a.talk, audio.Stream{PayloadType: in.payload, FirstSeq: &first}); err != nil {
		e.log.Debug("stream not heard", "room", r.opts.Room, "ssrc", in.ssrc, "error", err)
		return
	}
	e.s.streams[in.ssrc] = in
	e.s.rx.Allow(in.ssrc)
	e.release(now, in.ssrc)
}

// talkEnd takes the announcement of a talk's end.
func (e *engine) talkEnd(now time.Time, x *wire.TalkEnd) {
	if in := e.s.streams[x.GetSsrc()]; in != nil {
		in.end(now, x)
		return
	}
	if t := e.s.told[x.GetSsrc()]; t != nil {
		delete(e.s.told, x.GetSsrc())
		end := *t
		end.Duration = time.Duration(x.GetDurationMs()) * time.Millisecond
		e.emitTalk(&end)
	}
}

// dropStream forgets a stream.
func (e *engine) dropStream(in *streamIn) {
	delete(e.s.streams, in.ssrc)
	e.s.rx.Disallow(in.ssrc)
}

// advanceStreams asks for what is missing and forgets what is over.
func (e *engine) advanceStreams(now time.Time) {
	rtt, _ := e.s.stream.RTT()
	paused, first, bringing := false, false, 0
	for ssrc, in := range e.s.streams {
		e.nackSpace = in.missing(now, rtt, e.nackSpace[:0])
		var report bool
		e.nackSpace, report = in.pause(now, e.nackSpace)
		paused = paused || report
		at := in.reportAt()
		first = first || !at.IsZero() && !now.Before(at)
		if in.stats.Got() > 0 {
			bringing++
		}
		if len(e.nackSpace) > 0 && e.s.nacks.take(now, nacksPerSecond+nacksPerStream*e.s.bringing) {
			if nack, err := wire.AppendNack(e.s.packet[:0], wire.SSRCPeer, ssrc, e.nackSpace); err == nil {
				e.s.sendRTCP(nack)
			}
		}
		if over := in.overAt(); !over.IsZero() && !now.Before(over) {
			e.dropStream(in)
		}
	}
	e.s.bringing = bringing
	if first {
		e.report(now)
	}
	if paused {
		if now.Sub(e.s.lastReport) >= reportsApart {
			e.report(now)
		}
		e.doubtPath(now)
	}
}
