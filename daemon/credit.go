package daemon

import (
	"time"

	"yodel/wire"
)

// pace is the rate at which a session gets credit for what it publishes.
type pace struct {
	granted bucket
	owed    int64     // bytes that were consumed since the last Credit
	until   time.Time // when credit that is due may be granted; zero: none waits for that
}

// consumed grants the peer more when a publish of n bytes has its outcome.
func (s *session) consumed(n int) {
	s.publishes.Consume(n)
	s.pace.owed += int64(max(n, leastPublished))
	s.grant(s.hub.now)
}

// grant gives credit that is due, or later if that is faster than the session may publish.
func (s *session) grant(now time.Time) {
	p, raised := &s.pace, s.publishes
	limit, due := raised.Grant()
	if !due {
		return
	}
	if rate := s.hub.cfg.Limits.PublishRate; rate > 0 {
		if free := p.granted.free(publishBurst); now.Before(free) {
			if p.until.IsZero() {
				s.hub.drops.count(dropCreditLate)
			}
			p.until = free
			s.mark()
			return
		}
		p.granted.charge(now, atRate(p.owed, rate))
	}
	p.owed, p.until = 0, time.Time{}
	s.publishes = raised
	s.say(wire.Encode(&wire.Message_Credit{Credit: &wire.Credit{Limit: limit}}))
}

// granted takes the peer's credit for entries, and lets those go on that wait for it.
func (s *session) granted(m *wire.Credit) {
	if s.entries.Raise(m.GetLimit()) {
		s.starved = false
		s.mark()
	}
}

// sayEntry queues an entry if the peer's credit is enough for it.
func (s *session) sayEntry(encoded []byte) bool {
	if !s.entries.Spend(len(encoded)) {
		return false
	}
	s.say(encoded)
	return true
}
