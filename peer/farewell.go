package peer

import (
	"time"

	"yodel/wire"
)

// parting is a session in which BYE is said, three times within 100 ms because it is not acknowledged.
type parting struct {
	s    *session
	left int
	at   time.Time
}

// part says BYE in the sessions that are given up, and closes them after the last.
func (l *loop) part(now time.Time) {
	for _, s := range l.e.parting {
		l.partings = append(l.partings, &parting{s: s, left: wire.ByeTimes, at: now})
	}
	l.e.parting = nil
	waiting := l.partings[:0]
	for _, p := range l.partings {
		if !now.Before(p.at) {
			p.s.bye()
			p.left--
			p.at = now.Add(wire.ByeSpacing)
		}
		if p.left == 0 {
			p.s.close()
			continue
		}
		waiting = append(waiting, p)
	}
	l.partings = waiting
}
