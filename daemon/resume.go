package daemon

import (
	"maps"
	"slices"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

// quietFor is how long after the daemon's start the joins of peers that come back are not announced: those who are back already were
// never told that they had gone.
const quietFor = 30 * time.Second

// resume goes on with the session that Hello names, if it is there and of the same identity: the new session gets its id, its nick
// and its rooms, and nobody sees anyone leave or join. It tells whether that was so.
func (s *session) resume(now time.Time, m *wire.Hello) (done bool) {
	if len(m.GetSessionId()) != len(s.id) {
		return false
	}
	id := secure.SessionID(m.GetSessionId())
	old := s.hub.ids[id]
	switch {
	case old == nil && now.Before(s.hub.began.Add(quietFor)):
		s.quiet = s.hub.began.Add(quietFor)
		return false
	case old == nil || old == s || old.who != s.who || !old.greeted:
		return false
	}
	delete(s.hub.ids, s.id)
	s.id = id
	s.hub.ids[id] = s
	s.bear(now, old.nick, old.key)
	s.since, s.quality = old.since, old.quality
	s.link.goesOnWith(old.link.soFar())
	s.rooms, old.rooms = old.rooms, nil
	for _, in := range s.rooms {
		// What the old session had queued may not have arrived: entries wait for the Join that says what has.
		heard := in.hear
		in.hears(false)
		in.dropPages()
		in.session, in.paused = s, true
		in.hears(heard)
	}
	old.fade(now, s)
	s.hub.log.Info("resumed", "nick", s.nick, "fingerprint", s.who, "address", s.addr)
	return true
}

// fade leaves the session only the voices that it has begun: next has the rest.
func (s *session) fade(now time.Time, next *session) {
	if s.old != nil { // so that sessions do not pile up behind one id
		s.hub.drops.count(dropTakeover)
		s.old.remove(now, wire.ByeReplaced)
	}
	s.cancelMove()
	s.hub.census.forget(s)
	s.next, next.old = next, s
	s.fades = now.Add(wire.FadeFor)
	s.mark()
}

// faded tells whether a fading session has nothing more to do.
func (s *session) faded(now time.Time) bool {
	if !now.Before(s.fades) || s.stream.Err() != nil {
		return true
	}
	for _, v := range s.talks {
		if !v.reported {
			return false
		}
	}
	return s.stream.Idle()
}

// fadingMessage takes a message that came for a session after another had taken its place. What is asked of rooms has been asked
// again there.
func (s *session) fadingMessage(now time.Time, m *wire.Message, size int) {
	switch k := m.GetKind().(type) {
	case *wire.Message_Publish:
		s.published(now, k.Publish, size)
	case *wire.Message_TalkStart:
		s.talkStart(now, k.TalkStart)
	case *wire.Message_TalkEnd:
		s.talkEnd(now, k.TalkEnd)
	case *wire.Message_Leave:
		if in := s.next.rooms[k.Leave.GetRoom()]; in != nil && in.paused && !s.next.seeking { // it was not joined again
			s.next.leave(now, k.Leave)
		}
	}
}

// supersede ends the session that was at the same address before, of the same identity, unless it has been taken over: its
// program has been started anew.
func (s *session) supersede(now time.Time) {
	old := s.replaces
	s.replaces = nil
	if old != nil && !old.gone && old.displaced && old.addr == s.addr && old.next == nil {
		old.remove(now, wire.ByeReplaced)
	}
}

// wish gives the session the nick that Hello asks for. One that it has already, by comparison form, it keeps as it is.
func (s *session) wish(now time.Time, nick string) error {
	if nick == "" {
		return nil
	}
	s.chargeNick(nick)
	nick, key, err := s.hub.gate.book.Claim(now, nick, s.who)
	if err == nil && key != s.key {
		s.adopt(now, nick, key)
	}
	return err
}

// adopt gives the session a nick; the rooms that it is in see the change.
func (s *session) adopt(now time.Time, nick, key string) {
	old := s.nick
	s.bear(now, nick, key)
	if nick == old {
		return
	}
	for _, v := range s.talks {
		v.nick, v.key = nick, key
	}
	if s.old != nil {
		s.old.adopt(now, nick, key)
	}
	for _, in := range slices.Collect(maps.Values(s.rooms)) {
		in.room.rename(now, in)
	}
}

// bear gives the session a nick, and its comparison form. While a session has it nobody else gets it.
func (s *session) bear(now time.Time, nick, key string) {
	book := s.hub.gate.book
	book.Arrive(key)
	book.Depart(now, s.key)
	s.nick, s.key = nick, key
	s.hub.gate.nickUsed(now)
}
