package daemon

import "time"

const (
	// anchorWindow is how long arrivals are compared before the anchor is corrected.
	anchorWindow = 2 * time.Second
	// anchorStep is the most that one correction moves it: 500 ppm of the window, more than two sound cards' clocks differ.
	anchorStep = time.Millisecond
	// anchorSettle is how long after the first packet an earlier arrival moves the anchor at once.
	anchorSettle = 200 * time.Millisecond
	// maxAstray is how far a timestamp may be from the clock before it is not believed.
	maxAstray = 5 * time.Second
)

// anchor maps the RTP timestamps of one talkspurt to the daemon's clock: the moment at which a packet with
// that timestamp comes when the network does not hold it up. It is the least of the arrivals at first, and then follows the
// drift of the talker's clock slowly, so that neither jitter nor a late repair is passed on.
type anchor struct {
	clock   int
	set     bool
	first   time.Time // arrival of the first packet
	base    time.Time // of timestamp ts
	ts      int64     // extended
	window  time.Time // when the running comparison began
	least   time.Duration
	samples int
}

// due gives the moment for a packet that comes now. inOrder is false for packets that come late or again:
// they are no measure.
func (a *anchor) due(now time.Time, timestamp uint32, inOrder bool) time.Time {
	if !a.set {
		*a = anchor{clock: a.clock, set: true, first: now, base: now, ts: int64(timestamp), window: now}
		return now
	}
	ts := a.ts + int64(int32(timestamp-uint32(a.ts)))
	at := a.base.Add(ticks(ts-a.ts, a.clock))
	if !inOrder {
		if at.After(now.Add(maxAstray)) {
			return now
		}
		return at
	}
	early := now.Sub(at) // negative: earlier than the anchor says
	if early < 0 && now.Sub(a.first) < anchorSettle {
		a.base = a.base.Add(early)
		at = now
		early = 0
	}
	if early > maxAstray || early < -maxAstray { // the timestamp says nothing any more: begin anew
		*a = anchor{clock: a.clock}
		return a.due(now, timestamp, true)
	}
	at = at.Add(a.follow(now, early))
	// keep the difference of timestamps small, however long the talkspurt is
	a.base, a.ts = at, ts
	return at
}

// follow gives the little step toward the least delay that was seen, once a window.
func (a *anchor) follow(now time.Time, delay time.Duration) time.Duration {
	if a.samples == 0 || delay < a.least {
		a.least = delay
	}
	a.samples++
	if now.Sub(a.window) < anchorWindow {
		return 0
	}
	a.window, a.samples = now, 0
	return min(max(a.least, -anchorStep), anchorStep)
}

// ticks is the time of n ticks of a clock.
func ticks(n int64, hz int) time.Duration {
	return time.Duration(n/int64(hz))*time.Second + time.Duration(n%int64(hz))*time.Second/time.Duration(hz)
}
