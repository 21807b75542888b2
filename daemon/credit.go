package daemon

import "yodel/wire"

// creditStep is how many bytes a peer's publishes must have used before it is told of new credit.
const creditStep = 64 << 10

// credit counts, in bytes of whole messages since the session began, what one side may send of a kind that has to be paid for.
type credit struct {
	limit uint64 // granted
	used  uint64 // sent
	done  uint64 // consumed by the receiver; kept by the one that grants
}

func newCredit() credit { return credit{limit: wire.FirstCredit} }

// spend takes n bytes from the credit; false when there are not so many.
func (c *credit) spend(n int) bool {
	if c.used+uint64(n) > c.limit {
		return false
	}
	c.used += uint64(n)
	return true
}

// consume notes that n bytes were consumed; true when the limit was raised by that and is to be told.
func (c *credit) consume(n int) bool {
	c.done += uint64(n)
	if c.done+wire.FirstCredit < c.limit+creditStep {
		return false
	}
	c.limit = c.done + wire.FirstCredit
	return true
}

// raise takes a limit that the receiver has granted; true when it is more than before.
func (c *credit) raise(limit uint64) bool {
	if limit <= c.limit {
		return false
	}
	c.limit = limit
	return true
}

// consumed grants the peer more when a publish of n bytes has its outcome.
func (s *session) consumed(n int) {
	if s.publishes.consume(n) {
		s.say(wire.Encode(&wire.Message_Credit{Credit: &wire.Credit{Limit: s.publishes.limit}}))
	}
}

// granted takes the peer's credit for entries, and lets those go on that wait for it.
func (s *session) granted(m *wire.Credit) {
	if s.entries.raise(m.GetLimit()) {
		s.starved = false
		s.mark()
	}
}

// sayEntry queues an entry if the peer's credit is enough for it; else the session waits for credit.
func (s *session) sayEntry(encoded []byte) bool {
	if !s.entries.spend(len(encoded)) {
		s.starved = true
		return false
	}
	s.say(encoded)
	return true
}
