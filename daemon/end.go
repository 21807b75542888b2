package daemon

import (
	"time"

	"yodel/wire"
)

// keyLimits say when the keys of a session are used up, each direction by itself (RFC 3711, 9.2 and 8.2 leave room for more). A
// peer makes a new session before that.
type keyLimits struct {
	age     time.Duration
	packets uint64
	ssrcs   int
}

// over says why the session is to end; empty when it is not.
func (s *session) over(now time.Time) string {
	switch {
	case s.stream.Err() != nil:
		return wire.ByeTimeout
	case s.stream.Queued() > maxQueued:
		return wire.ByeSlow
	case s.hub.keys.exceeded(s, now):
		return wire.ByeKeys
	}
	return ""
}

// exceeded tells whether a session has used more of its keys than it may.
func (l *keyLimits) exceeded(s *session, now time.Time) bool {
	return now.Sub(s.began) > l.age || max(s.tx.Packets(), s.received) > l.packets || max(s.tx.SSRCs(), s.rx.SSRCs()) > l.ssrcs
}

// end tells the peer why, and removes the session. One that fades has an heir who knows better, and ends without a word.
func (s *session) end(now time.Time, reason string) {
	if s.heir == nil {
		s.part(now, reason)
	}
	s.remove(now, reason)
}

// remove takes the session out of everything; rooms hear of it.
func (s *session) remove(now time.Time, reason string) {
	if s.gone {
		return
	}
	s.gone = true
	s.hub.nicks.touch(now, s.key)
	s.hub.timers.set(&s.timer, time.Time{})
	s.stay()
	s.release()
	if s.elder != nil {
		s.elder.remove(now, reason)
	}
	for _, v := range s.talks {
		v.abandon(now)
	}
	for _, m := range s.rooms {
		m.room.leave(now, m, reason)
	}
	s.depart(now)
}

// depart takes the session out of the tables of the hub.
func (s *session) depart(now time.Time) {
	h, expected := s.hub, time.Second
	delete(h.sessions, s)
	if h.ids[s.id] == s {
		delete(h.ids, s.id)
	}
	if s.heir != nil {
		s.heir.elder = nil
		expected = fadeFor // its peer has not been told
	}
	if p := h.table[s.addr]; p != nil && p.session == s {
		p.session, p.farewell = nil, now.Add(expected)
	}
}
