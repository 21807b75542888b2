package daemon

import "yodel/wire"

// consumed grants the peer more when a publish of n bytes has its outcome.
func (s *session) consumed(n int) {
	s.publishes.Consume(n)
	if limit, due := s.publishes.Grant(); due {
		s.say(wire.Encode(&wire.Message_Credit{Credit: &wire.Credit{Limit: limit}}))
	}
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
