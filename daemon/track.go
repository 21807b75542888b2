package daemon

import (
	"slices"
	"time"

	"github.com/pion/rtp"

	"yodel/wire"
)

// What follows is the relay's half of a voice: it is called with relay.mu held.

// arrival makes of an authentic audio packet what its relay takes; ok is false for one that is not of a voice of this link. It is called with
// the mu of the link's shard held.
func (l *link) arrival(header *rtp.Header, plain []byte) (a arrival, ok bool) {
	if _, err := header.Unmarshal(plain); err != nil {
		return a, false
	}
	v := l.talks[header.SSRC]
	if v == nil || header.PayloadType != v.payload || header.MarshalSize() > maxHeader || len(plain) > maxPlain {
		return a, false
	}
	return arrival{voice: v, seq: header.SequenceNumber, timestamp: header.Timestamp, plain: plain}, true
}

// arrive puts a packet into its voice's line.
func (r *relay) arrive(now time.Time, w *writer, a *arrival) {
	v, drops := a.voice.newest(), &r.plane.drops
	if v.link == nil {
		drops.count(dropLate)
		return
	}
	if r.bytes+len(a.plain) > maxRoomBytes {
		drops.count(dropEchoFull)
		return
	}
	if v.line.jumps(a.seq) {
		next := v.split(now, w, a)
		if next == nil {
			drops.count(dropJump)
			return
		}
		v = next
	}
	before := v.line.bytes
	switch v.line.arrive(now, a) {
	case accepted:
		r.bytes += v.line.bytes - before
		v.note(a.timestamp)
		v.turn(now, w)
	case duplicate:
		drops.count(dropDuplicate)
	case late:
		drops.count(dropLate)
	}
}

// newest is the voice that goes on with what comes for this one.
func (v *voice) newest() *voice {
	for v.next != nil {
		v = v.next
	}
	return v
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

// duration is the time from the first packet's beginning to the latest one's end.
func (v *voice) duration() time.Duration {
	if v.line.stats.Got() == 0 {
		return 0
	}
	return ticks(v.span+int64(v.frame), v.line.clock)
}

// turn has what is due depart, asks for what is missing, and tells the hub when all has come and when all is done.
func (v *voice) turn(now time.Time, w *writer) {
	r := v.relay
	for s := v.line.pop(now); s != nil; s = v.line.pop(now) {
		r.depart(v, s)
	}
	before := v.line.bytes
	v.line.tidy(now)
	r.bytes += v.line.bytes - before
	v.ask(now, w)
	if v.link != nil && !v.told && v.line.complete() {
		v.told = true
		r.plane.tell.add(v.report)
	}
	if !v.gone && v.line.drained() {
		v.gone = true
		r.plane.tell.add(func(time.Time) { v.remove() })
	}
	if v.at = v.line.deadline(); v.gone {
		v.at = time.Time{}
	}
	r.plan(v.at)
}

// ask sends a NACK for what is missing from the talker.
func (v *voice) ask(now time.Time, w *writer) {
	if v.link == nil {
		return
	}
	rtt := time.Duration(v.link.rtt.Load())
	v.lost = v.line.asks.Missing(now, rtt, v.lost[:0])
	if len(v.lost) == 0 {
		return
	}
	plain, err := wire.AppendNack(w.space(), wire.SSRCDaemon, v.source, v.lost)
	if err == nil {
		_ = v.link.sendRTCP(w, plain) // what is not sent is asked for again
	}
}

// detach lets go of the talker, from whom nothing more comes.
func (v *voice) detach(now time.Time, w *writer) {
	v.link = nil
	v.line.giveUp()
	v.turn(now, w)
}

// split goes on with what the talker says as another voice, because its sequence number has jumped: no receiver could
// follow it under the present SSRC. It is nil when the talker has not said that it begins, or is over, or when there is no room for one more.
func (v *voice) split(now time.Time, w *writer, a *arrival) *voice {
	r, l := v.relay, v.link
	if !v.begun || v.line.ended || r.full(v.who) {
		return nil
	}
	next := newVoice(v.room, v.who, v.payload, v.line.clock)
	next.source, next.link, next.begun = v.source, l, true
	r.add(next)
	next.before.got, next.before.lost = v.before.got+v.line.stats.Got(), v.before.lost+v.line.lost()
	next.latest = a.timestamp
	next.line.start(now, a.seq)
	v.next = next
	seq, timestamp := a.seq, a.timestamp
	r.plane.tell.add(func(now time.Time) { v.goesOn(now, next, seq, timestamp) }) // before this one is over, which may be at once
	v.detach(now, w)
	l.shard.mu.Lock()
	if l.talks[v.source] != nil { // the hub has not taken it back meanwhile
		l.talks[v.source] = next
	}
	l.shard.mu.Unlock()
	return next
}

// full tells whether no more voices of an identity fit.
func (r *relay) full(who [32]byte) bool {
	all, own := 0, 0
	for _, v := range r.voices {
		if v == nil {
			continue
		}
		all++
		if v.who == who {
			own++
		}
	}
	return all >= maxVoices || own >= maxDraining
}

// isFull is full for the hub.
func (r *relay) isFull(who [32]byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.full(who)
}

// remove frees a voice and its slot.
func (r *relay) remove(v *voice) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v.link, v.gone, v.at = nil, true, time.Time{}
	if i := slices.Index(r.voices, v); i >= 0 {
		r.voices[i] = nil
	}
	r.bytes -= v.line.bytes
	v.line.free()
}
