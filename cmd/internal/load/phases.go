//go:build linux

package load

import (
	"time"

	"yodel/wire"
)

// beginTalking has all talkers talk; it gives the longest time for which a room holds packets.
func (l *loop) beginTalking() (hold time.Duration) {
	per := l.cfg.perRoom()
	for place := range l.cfg.Talkers { // so that those of one room are spread over the frame, too
		for room := range l.cfg.Rooms {
			m := l.members[room*per+place]
			if m == nil || m.fd < 0 || m.voice == nil {
				continue
			}
			hold = max(hold, m.voice.hold)
			l.talkers = append(l.talkers, m.voice)
			l.announce(m)
		}
	}
	if len(l.talkers) > 0 {
		l.talking = turns{n: len(l.talkers), begin: l.at, period: int64(float64(time.Second) / l.cfg.Rate), burst: l.cfg.Burst}
	}
	return hold
}

// announce begins a talkspurt.
func (l *loop) announce(m *member) {
	if m.session == nil {
		return
	}
	v := m.voice
	m.session.say(l.now, wire.Encode(&wire.Message_TalkStart{TalkStart: &wire.TalkStart{
		Room: l.cfg.roomName(m.room), Ssrc: v.ssrc, PayloadType: wire.PayloadOpus,
		FirstSeq: uint32(v.first), FirstTimestamp: v.timestamp(v.first, l.cfg.Rate),
	}}))
	l.attend(m, nil)
}

// beginMeasuring counts from the next packet of each talker on.
func (l *loop) beginMeasuring() {
	for _, v := range l.talkers {
		v.from = v.next
	}
	if l.cfg.ChatRate > 0 {
		l.beginChat()
	}
}

// endMeasuring is the last packet of each talker, and the last message.
func (l *loop) endMeasuring() {
	for _, v := range l.talkers {
		v.until = v.next
	}
	l.talking.period, l.chat.turns.period = 0, 0
}

// expected gives how many packets were sent in the measuring phase, and how many datagrams they are to become.
func (l *loop) expected() (offered, expected int) {
	hearers := make([]int, l.cfg.Rooms)
	for _, m := range l.members {
		if m != nil && m.flows != nil {
			hearers[m.room]++
		}
	}
	for _, v := range l.talkers {
		if v.from < v.until {
			offered += int(v.until - v.from)
			expected += int(v.until-v.from) * hearers[v.room]
		}
	}
	return offered, expected
}

// complete tells that nothing is on its way any more.
func (l *loop) complete() bool {
	_, expected := l.expected()
	c := &l.chat
	return l.counts.delivered >= expected && c.entries >= c.expected && c.receipts >= len(c.published)
}

// endTalking ends all talkspurts.
func (l *loop) endTalking() {
	l.talking.period = 0
	for _, v := range l.talkers {
		m := v.talker
		if m.fd < 0 || m.session == nil || v.next == v.first {
			continue
		}
		spoken := float64(v.next-v.first) / l.cfg.Rate
		m.session.say(l.now, wire.Encode(&wire.Message_TalkEnd{TalkEnd: &wire.TalkEnd{
			Room: l.cfg.roomName(m.room), Ssrc: v.ssrc, LastSeq: uint32(uint16(v.next - 1)), DurationMs: uint32(spoken * 1000),
		}}))
		l.attend(m, nil)
	}
}

// reported tells that the daemon awaits nothing more of any talkspurt.
func (l *loop) reported() bool {
	for _, v := range l.talkers {
		if v.talker.fd >= 0 && !v.talker.ended {
			return false
		}
	}
	return true
}

// bye says goodbye once in a range of sessions.
func (l *loop) bye(from, until int) {
	for _, m := range l.members[from:until] {
		if m != nil && m.fd >= 0 && m.session != nil {
			m.session.bye()
		}
	}
}

// result sums up. It may be called when the loop waits for commands only.
func (r *run) result() *Result {
	c, l := r.cfg, r.loop
	begin, end := &r.marks[1], &r.marks[2]
	took := end.at.Sub(begin.at)
	out := &Result{
		Server: c.Server.String(), Plain: c.Plain, Rooms: c.Rooms, Talkers: c.Talkers, Listeners: c.Listeners,
		Hear: c.Hear, Burst: c.Burst, Rate: c.Rate, Size: c.Size, Seconds: seconds(took),
		Delay: r.joining.delay, Lead: r.joining.lead, Interrupted: r.stopped,
		Sessions: r.joining.result(),
	}
	out.Sessions.Lost = r.counted.lost
	_ = l.do(func() {
		out.Audio = l.audioResult(took)
		out.Chat = l.chat.result()
	})
	if c.PID != 0 {
		out.Daemon = r.daemonResult(took)
	}
	return out
}

func (l *loop) audioResult(took time.Duration) Audio {
	a := Audio{
		Delivered: l.counts.delivered, Doubled: l.counts.doubled, Strange: l.counts.strange,
		Checked: l.counts.checked, False: l.counts.false, Latency: l.latency.quantiles(), Lag: l.lag.quantiles(),
	}
	a.Offered, a.Expected = l.expected()
	a.Lost = a.Expected - a.Delivered
	if a.Expected > 0 {
		a.Loss = 100 * float64(a.Lost) / float64(a.Expected)
	}
	if took > 0 {
		a.Rate = float64(a.Delivered) / took.Seconds()
	}
	return a
}

func (r *run) daemonResult(took time.Duration) *Daemon {
	before, begin, end := &r.marks[0], &r.marks[1], &r.marks[2]
	cpu := end.cpu - begin.cpu
	d := &Daemon{Datagrams: end.received - begin.received, RSS: end.rss, RSSBefore: before.rss}
	if took > 0 {
		d.CPU = 100 * cpu.Seconds() / took.Seconds()
	}
	if d.Datagrams > 0 {
		d.Nanos = float64(cpu) / float64(d.Datagrams)
	}
	if n := r.joining.took.n; n > 0 {
		d.JoinCPU = Seconds(r.joinCPU.Seconds() / float64(n))
		d.Each = float64(end.rss-before.rss) / float64(n)
	}
	return d
}
