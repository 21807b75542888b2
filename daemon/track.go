package daemon

import (
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"github.com/pion/rtp"

	"yodel/wire"
)

// What follows is the relay's half of a voice: it is called with relay.mu held.

// arrival makes of an authentic audio packet what its relay takes; ok is false for one that is not of a voice of this link. It is called with
// the mu of the link's shard held.
func (l *link) arrival(header *rtp.Header, plain []byte) (a arrival, ok bool) {
	n, err := header.Unmarshal(plain)
	if err != nil || n > maxHeader || len(plain) > maxPlain || !hasPayload(header, plain[n:]) {
		return a, false
	}
	v := l.talks[header.SSRC]
	if v == nil || !v.carries(header.PayloadType) {
		return a, false
	}
	return arrival{
		voice: v, link: l, seq: header.SequenceNumber, timestamp: header.Timestamp, plain: plain,
		header: n, red: header.PayloadType == wire.PayloadRED,
	}, true
}

// carries tells whether packets of a payload type belong to the voice: its own, or of Opus those with copies of earlier ones.
func (v *voice) carries(payloadType uint8) bool {
	return payloadType == v.payload || payloadType == wire.PayloadRED && v.payload == wire.PayloadOpus
}

// hasPayload tells whether there is anything to be heard behind the header of a packet, and its padding ends where it says. RFC 3550, 5.1: "The last
// octet of the padding contains a count of how many padding octets should be ignored, including itself".
func hasPayload(header *rtp.Header, rest []byte) bool {
	if !header.Padding || len(rest) == 0 {
		return len(rest) > 0
	}
	padding := int(rest[len(rest)-1])
	return padding > 0 && padding < len(rest)
}

// arrive puts a packet into its voice's line.
func (r *relay) arrive(now time.Time, w *writer, a *arrival) {
	defer r.containVoice(choreAudio, a.voice)
	v, drops := a.voice.newest(), &r.plane.drops
	if v.link == nil {
		drops.count(dropLate)
		return
	}
	if r.echoFull(v, len(a.plain)) {
		drops.count(dropEchoFull)
		return
	}
	if v.line.jumps(a.seq) {
		next := v.split(now, w, a)
		if next == nil {
			return
		}
		v = next
	}
	before, repaired := v.line.bytes, v.line.asks.Repaired()
	switch v.line.arrive(now, a) {
	case accepted:
		if a.red {
			r.fill(now, v, a)
		}
		r.home.repaired.Add(v.line.asks.Repaired() - repaired)
		r.hold(v, v.line.bytes-before)
		v.note(a.timestamp)
		v.turn(now, w)
	case duplicate:
		drops.count(dropDuplicate)
	case late:
		drops.count(dropLate)
	}
}

// fill puts packets that have not come, but copies of which came, into the line of a live voice. So nothing is asked for that would be too late, and
// they have a way of their own to those who hear. They are packets of the talk as any: more than its budget is not made.
func (r *relay) fill(now time.Time, v *voice, a *arrival) {
	if v.line.delay > 0 || r.red.Parse(a.plain[a.header:]) != nil || r.red.PayloadType != v.payload {
		return
	}
	for i, c := range r.red.Copies {
		b := arrival{
			voice: a.voice, link: a.link, at: a.at, copied: true,
			seq: a.seq - uint16(len(r.red.Copies)-i), timestamp: a.timestamp - c.Offset,
		}
		if !v.line.lacks(b.seq) {
			continue
		}
		r.made = append(r.made[:0], 2<<6, v.payload)
		r.made = binary.BigEndian.AppendUint16(r.made, b.seq)
		r.made = binary.BigEndian.AppendUint32(r.made, b.timestamp)
		r.made = append(append(r.made, a.plain[8:12]...), c.Payload...) // the SSRC
		b.plain = r.made
		if a.link.makesMore(now, len(b.plain)) {
			return
		}
		v.line.arrive(now, &b)
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
	if v.gone {
		return
	}
	for s := v.line.pop(now); s != nil; s = v.line.pop(now) {
		r.depart(v, s)
	}
	before := v.line.bytes
	v.line.tidy(now)
	r.hold(v, v.line.bytes-before)
	v.ask(now, w)
	if v.link != nil && !v.told && v.line.complete() {
		v.told = true
		r.plane.notice(v.report)
	}
	if !v.gone && v.line.drained() {
		v.gone = true
		r.plane.notice(func(time.Time) { v.remove() })
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
	v.relay.home.asked.Add(uint64(len(v.lost)))
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
// follow it under the present SSRC. It is nil, and that counted, when the talker has not said that it begins, or is over, or when there is no room for
// one more.
func (v *voice) split(now time.Time, w *writer, a *arrival) *voice {
	r, l := v.relay, v.link
	if !v.begun || v.line.ended {
		r.plane.drops.count(dropJump)
		return nil
	}
	if r.full(v.who) || !r.starts.admit(now, v.who) {
		r.plane.drops.count(dropTalks)
		return nil
	}
	next := newVoice(v.room, v.who, v.payload, v.line.clock)
	next.delay, next.line.delay, next.line.lead = v.delay, v.line.delay, v.line.lead // the room may have another now
	next.source, next.link, next.begun, next.account = v.source, l, true, v.account
	r.add(next)
	next.before = v.fate()
	next.latest = a.timestamp
	next.line.start(now, a.seq)
	v.next = next
	seq, timestamp := a.seq, a.timestamp
	r.plane.notice(func(now time.Time) { v.goesOn(now, next, seq, timestamp) }) // before this one is over, which may be at once
	v.detach(now, w)
	l.goesOn(v.source, next)
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

// admits tells whether an identity may begin a talkspurt now, and counts it if so. For the hub.
func (r *relay) admits(now time.Time, who [32]byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.full(who) && r.starts.admit(now, who)
}

// starts limits how many talkspurts begin in a room.
type starts struct {
	all  bucket
	each map[[32]byte]bucket // of identities
}

// admit tells whether one more of an identity may begin now, and counts it if so. Who has begun none lately comes before others: what all may is for
// those who begin many, and is not used up by those.
func (q *starts) admit(now time.Time, who [32]byte) bool {
	own := q.each[who]
	if !rested(now, own) && !q.all.has(now, atRate(1, startRateAll), atRate(startBurstAll, startRateAll)) ||
		!own.take(now, atRate(1, startRate), atRate(startBurst, startRate)) {
		return false
	}
	q.all.take(now, atRate(1, startRateAll), atRate(startBurstAll, startRateAll))
	if len(q.each) >= maxVoices {
		maps.DeleteFunc(q.each, func(_ [32]byte, b bucket) bool { return rested(now, b) })
	}
	if q.each == nil {
		q.each = make(map[[32]byte]bucket)
	}
	q.each[who] = own
	return true
}

// rested tells of an identity that it has begun no talkspurt for a while.
func rested(now time.Time, own bucket) bool { return now.Sub(own.paid) >= startRest }

// remove frees a voice and its slot.
func (r *relay) remove(v *voice) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v.link, v.gone, v.at = nil, true, time.Time{}
	if i := slices.Index(r.voices, v); i >= 0 {
		r.voices[i] = nil
	}
	r.hold(v, -v.held)
	v.line.free()
}
