package daemon

import (
	"maps"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

// makers is how many rooms there are, and who made them. Of those that were in the room log when the daemon began nobody knows that.
type makers struct {
	logged int                           // rooms in the room log, at most
	live   int                           // those of which it does not know
	of     map[string]secure.Fingerprint // who made a room of the room log
	made   map[secure.Fingerprint]int    // how many of either an identity has made
	looked time.Time                     // when logged was last counted
}

func newMakers() makers {
	return makers{of: make(map[string]secure.Fingerprint), made: make(map[secure.Fingerprint]int)}
}

func (m *makers) add(who secure.Fingerprint, n int) {
	if who == (secure.Fingerprint{}) {
		return
	}
	if m.made[who] += n; m.made[who] == 0 {
		delete(m.made, who)
	}
}

// store notes that a room is in the room log from now on.
func (m *makers) store(r *room) {
	if r.logged {
		return
	}
	r.logged = true
	m.live--
	m.logged++
	if was, ok := m.of[r.name]; ok { // of that name before, which the room log has forgotten since
		m.add(was, -1)
	}
	if m.of[r.name] = r.maker; r.maker == (secure.Fingerprint{}) {
		delete(m.of, r.name)
	}
}

// found notes that the room log has a room that was among those of which it does not know.
func (m *makers) found(r *room) {
	if !r.logged {
		r.logged = true
		m.live--
	}
}

// recount looks what the room log still has.
func (m *makers) recount(names []string) {
	m.logged = len(names)
	there := make(map[string]bool, len(names))
	for _, name := range names {
		there[name] = true
	}
	maps.DeleteFunc(m.of, func(name string, who secure.Fingerprint) bool {
		if !there[name] {
			m.add(who, -1)
		}
		return !there[name]
	})
}

// keep puts a room among those that are there.
func (h *hub) keep(r *room) {
	if h.rooms[r.name] == r {
		return
	}
	h.rooms[r.name] = r
	if !r.logged {
		h.makers.live++
		h.makers.add(r.maker, 1)
	}
}

// dropRoom takes a room from those that are there.
func (h *hub) dropRoom(r *room) {
	if h.rooms[r.name] != r {
		return
	}
	delete(h.rooms, r.name)
	if !r.logged {
		h.makers.live--
		h.makers.add(r.maker, -1)
	}
}

// mayMake tells whether the session may make a room that is not there, or refuses. What the room log knows is none more.
func (s *session) mayMake(name string, refused *wire.Refused) bool {
	h := s.hub
	m, l := &h.makers, &h.cfg.Limits
	if h.messages.Newest(name) > 0 {
		return true
	}
	full := func() bool { return m.live+m.logged >= l.Rooms || m.made[s.who] >= l.roomsOfOne() }
	if full() && h.now.Sub(m.looked) >= listFresh {
		m.looked = h.now
		m.recount(h.messages.Rooms(nil))
	}
	switch {
	case m.live+m.logged >= l.Rooms:
		s.limit(refused, dropRooms, "there are %d rooms, and no more may be made", l.Rooms)
	case m.made[s.who] >= l.roomsOfOne():
		s.limit(refused, dropRooms, "this key has made %d rooms, and may make no more", l.roomsOfOne())
	default:
		return true
	}
	return false
}

// mayEnter tells whether the session may be in one more room, and the room has room for it, or refuses.
func (s *session) mayEnter(r *room, refused *wire.Refused) bool {
	switch most := s.hub.cfg.Limits.Members; {
	case len(s.rooms) >= maxRoomsIn:
		s.limit(refused, dropRooms, "this session is in %d rooms, and may be in no more", maxRoomsIn)
	case len(r.members) >= most:
		s.limit(refused, dropMembers, "the room has %d members, and no more may join", most)
	default:
		return true
	}
	return false
}
