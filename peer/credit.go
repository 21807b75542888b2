package peer

import (
	"time"

	"yodel/wire"
)

// giveCredit tells the daemon how much more it may send.
func (e *engine) giveCredit(now time.Time) {
	if limit, due := e.s.entries.Grant(); due {
		e.send(now, wire.Encode(&wire.Message_Credit{Credit: &wire.Credit{Limit: limit}}))
	}
}

// creditFrom takes the daemon's Credit.
func (e *engine) creditFrom(now time.Time, c *wire.Credit) {
	e.s.publishes.Raise(c.GetLimit())
	e.publishUnsent(now)
}
