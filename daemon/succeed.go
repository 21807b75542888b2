package daemon

import (
	"errors"
	"fmt"
	"time"

	"yodel/daemon/access"
	"yodel/wire"
	"yodel/wire/secure"
)

// partFor is how long a session whose key was replaced may take to acknowledge what it was told.
const partFor = 5 * time.Second

// succeed has another key take the place of the session's own. When that is stored it is answered, and all sessions of the old key end: this one when
// its peer knows.
func (s *session) succeed(now time.Time, m *wire.Succeed) {
	s.charge(workBurst / 10)
	next, err := secure.CheckSuccession(m.GetKey(), m.GetSignature(), s.hub.cfg.Identity.Fingerprint(), s.who)
	var undo func()
	if err == nil {
		undo, err = s.replace(now, next)
	}
	switch {
	case err != nil:
		s.hub.drops.count(dropAccess)
		s.refuse(&wire.Refused{Request: m.GetRequest(), Code: refusalOfKey(err)}, "%v", err)
	case undo == nil:
		s.succeeded(now, m.GetRequest(), next)
	default:
		s.seeking, s.succeeding = true, true
		s.hub.gate.save(now, undo, func(now time.Time, err error) { s.stored(now, m.GetRequest(), next, err) })
	}
}

// replace puts another key in the place of the session's own, in the book. Errors as of access.Book.Succeed and of Standing.
func (s *session) replace(now time.Time, next secure.Fingerprint) (undo func(), err error) {
	book := s.hub.gate.book
	if !book.Replaced(s.who, next) {
		if err := book.Standing(now, s.who, s.addr.Addr()); err != nil {
			return nil, err
		}
		if n := s.hub.census.by[next]; n > 0 {
			return nil, fmt.Errorf("%w: the new key has %d sessions already", access.ErrRequest, n)
		}
	}
	return book.Succeed(now, s.who, next)
}

func refusalOfKey(err error) wire.Code {
	switch {
	case errors.Is(err, access.ErrFull):
		return wire.Code_CODE_LIMIT
	case errors.Is(err, access.ErrRequest), errors.Is(err, secure.ErrSuccession):
		return wire.Code_CODE_PROTOCOL
	}
	return wire.Code_CODE_ACCESS
}

// stored goes on when the new key is stored, or could not be: then the old one holds, unless the same had been stored before.
func (s *session) stored(now time.Time, request uint64, next secure.Fingerprint, err error) {
	defer s.hub.containSession(choreMessage, s)
	s.seeking, s.succeeding = false, false
	switch {
	case s.hub.gate.book.Replaced(s.who, next):
		s.succeeded(now, request, next)
	case !s.gone:
		s.refuse(&wire.Refused{Request: request, Code: wire.Code_CODE_READ_ONLY}, "the daemon cannot store the new key now: %v", err)
		s.requests(now)
		s.mark()
	}
}

// succeeded answers the session, and ends all of its key.
func (s *session) succeeded(now time.Time, request uint64, next secure.Fingerprint) {
	s.hub.log.Info("key replaced", "nick", s.nick, "fingerprint", s.who, "successor", next)
	s.hub.gate.nickUsed(now)
	if !s.gone {
		s.say(wire.Encode(&wire.Message_Succeeded{Succeeded: &wire.Succeeded{Request: request}}))
		s.parting, s.partBy = wire.ByeAccess, now.Add(partFor)
	}
	s.hub.judging.key(s.who)
}
