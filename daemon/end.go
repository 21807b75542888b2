package daemon

import (
	"time"

	"yodel/wire"
)

// over says why the session is to end; empty when it is not.
func (s *session) over(now time.Time) string {
	switch {
	case s.faulty:
		return wire.ByeFault
	case s.stream.Err() != nil:
		return wire.ByeTimeout
	case s.stream.Queued() > maxQueued, s.stream.Messages() > maxMessages, s.stream.Waiting(now) > maxUnacknowledged, s.stream.Incomplete(now) > maxIncomplete:
		return wire.ByeSlow
	case s.usedUp:
		return wire.ByeKeys
	case s.parting != "" && (s.stream.Idle() || !s.partBy.IsZero() && !now.Before(s.partBy)):
		return s.parting
	}
	return ""
}

// keysUsedUp tells whether the session has used more of its keys than it may. A peer makes a new session before that.
func (s *session) keysUsedUp(now time.Time) bool {
	packets, ssrcs := s.link.usage()
	return s.hub.keys.Reached(now.Sub(s.began), packets, ssrcs)
}

// end tells the peer why, and removes the session. One that fades ends without a word: its peer goes on in the next one.
func (s *session) end(now time.Time, reason string) {
	if s.next == nil {
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
	s.stream.Close()
	s.link.end()
	s.hub.gate.book.Depart(now, s.key)
	s.hub.timers.set(&s.timer, time.Time{})
	s.cancelMove()
	s.linger = nil
	if s.old != nil {
		s.old.remove(now, reason)
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
	h.census.forget(s)
	delete(h.sessions, s)
	if h.ids[s.id] == s {
		delete(h.ids, s.id)
	}
	if s.next != nil {
		s.next.old = nil
		expected = wire.FadeFor // its peer has not been told
	}
	if p := h.table[s.addr]; p != nil && p.session == s {
		p.session, p.farewell = nil, now.Add(expected)
		h.routed(s.addr, p)
	}
}
