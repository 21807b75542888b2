package stream

import "time"

const (
	// brakeMargin is how much longer than calm a round trip may take beyond the usual deviation. A path that repeats choke shows more: then a
	// packet takes longer to send than the time to the next message.
	brakeMargin = 20 * time.Millisecond
	// brakeLate is how many late round trips in a row put repeats on hold, and brakeAfter for how long they must have come: random jitter seldom
	// makes so many, and a machine that is busy seldom so long. The queue of a path that is choked stays.
	brakeLate  = 4
	brakeAfter = 250 * time.Millisecond
	// brakeGain is the weight of a round trip in the calm time: so slow that a queue that is there does not soon count as calm.
	brakeGain = 32
	// minHold and maxHold bound for how many packets repeats are on hold …
	minHold, maxHold = 64, 4096
	// … twice as many as the last time, unless this many went by in between.
	holdProven = 512
	// brakeRamp is after how many packets without a hold one more message may be repeated.
	brakeRamp = 8
)

// brake finds out if repeats make a queue: a longer packet takes longer on a slow link, and messages that come faster than that wait.
// Loss alone can not tell, as a short queue loses what is too much, and random loss looks the same.
type brake struct {
	calm, jitter time.Duration // round trip without repeats, and its usual deviation; 0: not measured
	late         int           // round trips in a row that took clearly longer …
	since        time.Time     // … when the first of them ended
	resume       int64         // the packet number from which on repeats are allowed …
	hold         int64         // … that many after the last time that they were forbidden
}

// init allows all repeats from the first packet on.
func (b *brake) init(first int64) { b.resume = first - brakeRamp*maxRepeats }

// allowed is how many messages this packet may repeat. One late round trip is enough for none: the queue goes down then.
func (b *brake) allowed(number int64) int {
	if number < b.resume || b.late > 0 {
		return 0
	}
	return int(min(1+(number-b.resume)/brakeRamp, maxRepeats))
}

// sample takes a round trip without the delay of its report. resting tells that it shows the path without repeats; starting that only
// few of them were.
func (b *brake) sample(now time.Time, took time.Duration, resting, starting bool) {
	if b.calm == 0 {
		b.calm = took
	}
	if b.late == 0 {
		b.since = now
	}
	b.late++
	if took <= b.calm+b.jitter+brakeMargin {
		b.late = 0
	}
	if resting || starting && b.late == 0 {
		b.jitter += ((took - b.calm).Abs() - b.jitter) / brakeGain
		b.calm += (took - b.calm) / brakeGain
	}
}

// pull forbids repeats for a while from the packet of this number on.
func (b *brake) pull(next int64) {
	b.hold = min(max(2*b.hold, minHold), maxHold)
	if next-b.resume > holdProven {
		b.hold = minHold
	}
	b.resume = next + b.hold
}

// watchDelay lets the latest round trip pull the brake. The loss so far may be the repeats' own: it is measured anew without them.
func (s *Stream) watchDelay(now time.Time) {
	b, next := &s.brake, s.sent.end()
	resting := next < b.resume || s.history.repeats() == 0
	b.sample(now, s.rtt.adjusted, resting, s.history.known() < unproven)
	b.calm = min(b.calm, s.rtt.smoothed)
	if !resting && b.late >= brakeLate && now.Sub(b.since) >= brakeAfter {
		b.pull(next)
		s.history = history{}
		s.history.init(next)
	}
}

// forget measures the calm time anew: it is another path, perhaps.
func (b *brake) forget() { b.calm, b.jitter, b.late = 0, 0, 0 }
