package peer

import (
	"time"

	"yodel/peer/audio"
	"yodel/wire"
)

const (
	// bitrateEvery is the least time between two steps of the bit rate, and how long the path must have been clean before a step up.
	bitrateEvery = 10 * time.Second
	// cleanLoss is the loss under which the bit rate goes up, badLoss that over which it goes down to what it begins with, and worstLoss that over
	// which it goes further: at 16 kbit/s speech sounds worse than what two copies or repair make of most paths, as the package comment tells.
	cleanLoss, badLoss, worstLoss = 0.01, 0.15, 0.5
	// fewerAfter is how long the loss must have been below half of what the copies in use are for before there is one less.
	fewerAfter = 20 * time.Second
	// settleAfter is how long after its beginning a talk waits for reports of those who hear it: nobody else may.
	settleAfter = 3 * time.Second
	// learnedFor is how long after the last frame in a room another talk there begins with what was learned.
	learnedFor = time.Minute
	// repairTrips and repairSpare tell how much lead repair needs: a lost packet shows 20 ms later and is asked for 20 ms after that; a request, its
	// answer, and both once more on the other hop.
	repairTrips, repairSpare = 4, 60 * time.Millisecond
)

// leastLoss is from which loss on so many copies are used.
var leastLoss = [wire.MaxCopies + 1]float64{0, 0.01, 0.04}

// pathLoss is what is known of the loss between the talks in a room and those who hear them, and what these do about it: how many copies of earlier
// frames each packet carries, and the bit rate of the encoder. Both depend on loss alone, so that sizes tell nothing of what is said (RFC 6562). It
// is a state machine: now is an argument, and goes up.
type pathLoss struct {
	// Parts of the packets that are lost before repair, as reported last: up to the daemon, and up to those who hear, of both hops.
	up, down           float64
	upKnown, downKnown bool
	began, used        time.Time // the first frame and the latest
	settled            bool      // what the path is like is known

	copies  int
	calm    time.Time // since when there may soon be one less; zero: there may not
	bitrate int       // bit/s
	changed time.Time // the latest step of it, or the beginning
	clean   time.Time // since when the loss is under cleanLoss; zero: it is not
}

// begin begins a talkspurt: with what the one before has learned, if that is not long ago. The pause between them counts for nothing.
func (l *pathLoss) begin(now time.Time) {
	if l.used.IsZero() || now.Sub(l.used) > learnedFor {
		*l = pathLoss{began: now, changed: now, copies: 1, bitrate: audio.DefaultBitrate}
	}
	l.used, l.calm, l.clean = now, l.resumed(now, l.calm), l.resumed(now, l.clean)
}

// resumed is since when something has held while frames went, as it counts after the pause that ends now.
func (l *pathLoss) resumed(now, since time.Time) time.Time {
	switch {
	case since.IsZero():
		return since
	case since.After(l.used):
		return now
	}
	return since.Add(now.Sub(l.used))
}

// reportedUp takes what the daemon reports, in 1/256.
func (l *pathLoss) reportedUp(now time.Time, fraction uint8) {
	l.up, l.upKnown = float64(fraction)/256, true
	l.judge(now)
}

// reportedDown takes what those who hear report, in 1/256.
func (l *pathLoss) reportedDown(now time.Time, fraction uint8) {
	l.down, l.downKnown = float64(fraction)/256, true
	l.judge(now)
}

// loss is the part of the packets that is lost. What is lost on the way up those who hear miss too, but for what copies have brought.
func (l *pathLoss) loss() float64 { return max(l.up, l.down) }

// judge follows a report: more copies at once, fewer at once only while nothing was known.
func (l *pathLoss) judge(now time.Time) {
	p, want := l.loss(), 0
	switch {
	case p > leastLoss[2]:
		want = 2
	case p >= leastLoss[1]:
		want = 1
	}
	if !l.settled && (l.upKnown && l.downKnown || now.Sub(l.began) >= settleAfter) {
		l.settled, l.copies = true, want
	}
	l.copies = max(l.copies, want)
	l.calm = since(l.calm, now, l.isCalm())
	l.clean = since(l.clean, now, p < cleanLoss)
}

// isCalm tells that fewer copies would do.
func (l *pathLoss) isCalm() bool {
	return l.settled && l.copies > 0 && l.loss() < leastLoss[l.copies]/2
}

// since keeps since when something holds.
func since(at, now time.Time, holds bool) time.Time {
	switch {
	case !holds:
		return time.Time{}
	case at.IsZero():
		return now
	}
	return at
}

// frame takes the steps that time brings. It is called with each frame.
func (l *pathLoss) frame(now time.Time) {
	if l.used.IsZero() { // the room was left, and is joined again while the talk goes on
		l.begin(now)
	}
	l.used = now
	if !l.calm.IsZero() && now.Sub(l.calm) >= fewerAfter {
		l.copies--
		l.calm = since(time.Time{}, now, l.isCalm())
	}
	step := 0
	switch p := l.loss(); {
	case now.Sub(l.changed) < bitrateEvery:
	case p > worstLoss, p > badLoss && l.bitrate > audio.DefaultBitrate:
		step = -audio.BitrateStep
	case !l.clean.IsZero() && now.Sub(l.clean) >= bitrateEvery:
		step = audio.BitrateStep
	}
	if next := min(max(l.bitrate+step, audio.MinBitrate), audio.MaxBitrate); next != l.bitrate {
		l.bitrate, l.changed = next, now
	}
}

// repairable tells whether in a room with that lead repair is in time on both hops, so that copies are not needed.
func repairable(lead, rtt time.Duration) bool { return lead >= repairTrips*rtt+repairSpare }

// adapt lets the talker know how to send the next frame.
func (t *talkOut) adapt(now time.Time, r *room) {
	if r == nil || t.talk.codec != audio.Opus {
		return
	}
	r.loss.frame(now)
	copies := r.loss.copies
	if rtt, _ := t.s.stream.RTT(); repairable(wire.Lead(r.delay), rtt) {
		copies = 0
	}
	t.talk.copies.Store(int32(copies))
	t.talk.bitrate.Store(int32(r.loss.bitrate))
}

// pathOf gives what is known of the path of the talk that goes out under an SSRC in a session; nil: there is none.
func (e *engine) pathOf(s *session, ssrc uint32) *pathLoss {
	for _, t := range e.talks {
		if r := e.rooms[t.room]; r != nil && t.granted && t.s == s && t.ssrc == ssrc {
			return &r.loss
		}
	}
	return nil
}

// carrier makes packets that carry copies of the frames before. It is the talker's.
type carrier struct {
	recent  [wire.MaxCopies]earlier // the latest first
	red     wire.Redundant
	carried int // copies in the latest packet
}

// earlier is a frame that was sent. Nothing in it: there was none.
type earlier struct {
	payload []byte
	ts      uint32
}

// pack appends the payload of a packet to dst: the frame's, and as many copies of those before it as are wanted and fit.
func (c *carrier) pack(dst, payload []byte, ts uint32, copies int) (packet []byte, redundant bool) {
	c.carried = 0
	for left := maxAudioPacket - len(dst) - wire.REDHeader - len(payload); c.carried < copies; c.carried++ {
		e := &c.recent[c.carried]
		left -= wire.CopyHeader + len(e.payload)
		if len(e.payload) == 0 || len(e.payload) > wire.MaxCopy || ts-e.ts > wire.MaxCopyOffset || left < 0 {
			break
		}
	}
	c.red.PayloadType, c.red.Primary, c.red.Copies = wire.PayloadOpus, payload, c.red.Copies[:0]
	for i := c.carried - 1; i >= 0; i-- {
		c.red.Copies = append(c.red.Copies, wire.Copy{Offset: ts - c.recent[i].ts, Payload: c.recent[i].payload})
	}
	if c.carried == 0 {
		return append(dst, payload...), false
	}
	packet, err := c.red.Append(dst)
	if err != nil { // it fits, as was looked at
		c.carried = 0
		return append(dst, payload...), false
	}
	return packet, true
}

// remember keeps a frame for the packets after it.
func (c *carrier) remember(payload []byte, ts uint32) {
	last := len(c.recent) - 1
	oldest := c.recent[last]
	copy(c.recent[1:], c.recent[:last])
	c.recent[0] = earlier{append(oldest.payload[:0], payload...), ts}
}
