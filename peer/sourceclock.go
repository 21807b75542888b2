package peer

import "time"

const (
	// clockWindow is how long a source is watched before it is followed.
	clockWindow = 2 * time.Second
	// waitedPart is the part of that time, one of so many, for which the source must have been waited for: what a file, or a pipe that is
	// filled from one, never comes to.
	waitedPart = 4
	// clockStep bounds a step: 1000 millionths of the window. What the hearers follow is not more.
	clockStep = clockWindow / 1000
	// clockSlack is how long the frames that come last after their time may wait to be sent.
	clockSlack = 2 * time.Millisecond
)

// sourceClock finds out that a source is live, and how its clock differs from ours. A sound card that is fast by 200 millionths fills
// the pipe by 12 ms a minute; so much later would it all be heard.
type sourceClock struct {
	began  time.Time
	waited time.Duration // for the source, since began
	early  time.Duration // how long before its time the latest frame was there
	live   bool          // it was waited for so long, when it was watched last
}

// restart watches anew, after a stall.
func (c *sourceClock) restart() { *c = sourceClock{live: c.live} }

// follow takes a frame that was to be sent at due, and tells by how much the timeline moves.
func (c *sourceClock) follow(f readFrame, due time.Time) time.Duration {
	early := due.Sub(f.ready)
	if c.began.IsZero() {
		*c = sourceClock{began: f.ready, early: early, live: c.live}
		return 0
	}
	c.waited += f.blocked
	c.early = min(c.early, early)
	passed := f.ready.Sub(c.began)
	if passed < clockWindow {
		return 0
	}
	step := -max(min(c.early-clockSlack, clockStep), -clockStep)
	live := c.waited >= passed/waitedPart
	if !live {
		step = 0
	}
	*c = sourceClock{began: f.ready, early: early + step, live: live}
	return step
}
