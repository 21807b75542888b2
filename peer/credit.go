package peer

import (
	"time"

	"yodel/wire"
)

// creditStep is how many bytes of entries are consumed before the daemon gets credit anew.
const creditStep = 64 << 10

// credit is how many bytes of Publish messages may be sent in a session.
type credit struct {
	used, limit uint64
}

// spend uses n bytes of it; false: there is not so much, and nothing is used.
func (c *credit) spend(n int) bool {
	if c.used+uint64(n) > c.limit {
		return false
	}
	c.used += uint64(n)
	return true
}

// raise takes the daemon's Credit. A limit that is no higher is ignored.
func (c *credit) raise(limit uint64) { c.limit = max(c.limit, limit) }

// allowance is how many bytes of Entry messages the daemon may send in a session: 256 KiB more than were consumed.
type allowance struct {
	consumed, limit uint64
}

// consume notes that n bytes were taken by the user or dropped.
func (a *allowance) consume(n int) { a.consumed += uint64(n) }

// grant gives the next limit, when it is time to tell it.
func (a *allowance) grant() (limit uint64, due bool) {
	limit = a.consumed + wire.FirstCredit
	if limit < a.limit+creditStep {
		return 0, false
	}
	a.limit = limit
	return limit, true
}

// giveCredit tells the daemon how much more it may send.
func (e *engine) giveCredit(now time.Time) {
	if limit, due := e.s.entries.grant(); due {
		e.send(now, wire.Encode(&wire.Message_Credit{Credit: &wire.Credit{Limit: limit}}))
	}
}

// creditFrom takes the daemon's Credit.
func (e *engine) creditFrom(now time.Time, c *wire.Credit) {
	e.s.publishes.raise(c.GetLimit())
	e.publishUnsent(now)
}
