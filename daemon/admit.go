package daemon

import (
	"errors"
	"time"

	"yodel/daemon/access"
	"yodel/wire"
)

// admit lets the session in, if its key may come in, and goes on with its Hello. One that an invite enrols waits for the disk, and what it sends after
// Hello waits in its stream.
func (s *session) admit(now time.Time, m *wire.Hello) {
	undo, err := s.hub.gate.book.Admit(now, access.Caller{Key: s.who, Addr: s.addr.Addr(), Token: m.GetInvite()})
	switch {
	case err != nil:
		s.turnAway(err)
		return
	case undo == nil:
		s.welcome(now, m)
		return
	}
	s.seeking = true
	s.hub.gate.save(now, undo, func(now time.Time, err error) { s.enrolled(now, m, err) })
}

// enrolled goes on with the Hello of a session whose key is stored now, or could not be.
func (s *session) enrolled(now time.Time, m *wire.Hello, err error) {
	defer s.hub.containSession(choreMessage, s)
	s.seeking = false
	if s.gone {
		return
	}
	out := s.hub.gate.book.Standing(now, s.who, s.addr.Addr())
	switch {
	case err == nil:
		s.hub.log.Info("enrolled", "fingerprint", s.who, "address", s.addr, "invite", access.InviteID(m.GetInvite()))
	case out != nil: // who comes in without the invite does so
		out = notStored{err}
	}
	if out != nil {
		s.turnAway(out)
		return
	}
	s.welcome(now, m)
	s.requests(now)
	s.mark()
}

// notStored is an enrolment that the disk did not take.
type notStored struct{ error }

func (e notStored) Error() string {
	return "the daemon cannot store your key now, and the invite is as good as before: " + e.error.Error()
}

// turnAway refuses a session that may not come in. It ends when its peer knows.
func (s *session) turnAway(err error) {
	why := dropAccess
	switch {
	case errors.Is(err, access.ErrForeign), errors.Is(err, access.ErrTries):
		why = dropInvite
	case errors.Is(err, access.ErrBanned):
		why = dropBanned
	}
	s.hub.drops.count(why)
	if s.hub.gate.lines.take(s.hub.now, atRate(1, turnedAwayRate), atRate(turnedAwayBurst, turnedAwayRate)) {
		s.hub.log.Info("turned away", "fingerprint", s.who, "address", s.addr, "reason", err.Error())
	}
	s.refuse(&wire.Refused{Code: wire.Code_CODE_ACCESS}, "%v", err)
	s.parting = wire.ByeAccess
}

// accessChanged goes by the mode, the rooms' lists and the operator's file as they are now, all at once, and has all sessions judged anew.
func (h *hub) accessChanged(file grants) {
	h.gate.book.SetMode(h.cfg.Access)
	h.gate.follow(file)
	h.judging.everyone(nil)
}

// judge ends the session if it may not be where it is, tells its peer why, and tells whether it did. One that has not said Hello is judged then, and one that fades ends
// with its next one.
func (s *session) judge(now time.Time) (ended bool) {
	if s.gone || s.next != nil || !s.greeted || s.parting != "" || s.succeeding {
		return false
	}
	why := s.misplaced(now)
	if why == "" {
		return false
	}
	s.hub.log.Info("access withdrawn", "nick", s.nick, "fingerprint", s.who, "address", s.addr, "reason", why)
	s.part(now, byeWhy(wire.ByeAccess, why))
	s.remove(now, wire.ByeAccess) // the reason is nobody else's
	return true
}

// misplaced tells what the session has that it may not have; empty: nothing.
func (s *session) misplaced(now time.Time) string {
	if err := s.hub.gate.book.Standing(now, s.who, s.addr.Addr()); err != nil {
		return err.Error()
	}
	if !s.hub.gate.book.Keeps(now, s.key, s.who) {
		return "the nick was given to another key"
	}
	for name := range s.rooms {
		if !s.mayJoin(name) {
			return "may not join " + name
		}
	}
	for _, v := range s.talks {
		if !v.reported && !s.mayTalk(v.room.name) {
			return "may not talk in " + v.room.name
		}
	}
	return ""
}

// mayJoin tells whether the session may be in a room.
func (s *session) mayJoin(room string) bool {
	return s.hub.gate.book.May(s.who, s.hub.cfg.Rooms[room].Join)
}

// mayTalk tells whether the session may talk in a room that it is in.
func (s *session) mayTalk(room string) bool {
	return s.hub.gate.book.May(s.who, s.hub.cfg.Rooms[room].Talk)
}

// joinable tells whether the session may be in a room, or refuses.
func (s *session) joinable(room string, refused *wire.Refused) bool {
	if s.mayJoin(room) {
		return true
	}
	s.hub.drops.count(dropAccess)
	refused.Code = wire.Code_CODE_ACCESS
	s.refuse(refused, "this key may not join that room")
	return false
}

// hidden gives the rooms that the session may not be in.
func (s *session) hidden() map[string]bool {
	var hidden map[string]bool
	for name := range s.hub.cfg.Rooms {
		if !s.mayJoin(name) {
			if hidden == nil {
				hidden = make(map[string]bool)
			}
			hidden[name] = true
		}
	}
	return hidden
}
