package peer

import "time"

// links are those that the loop reads; nil where there is none.
type links struct {
	used, beside, leaving *link // of the present session
	next, old             *link
}

func (e *engine) links() (in links) {
	if s := e.s; s != nil {
		in.used, in.leaving = s.link, s.leaving
		if s.check.beside != nil {
			in.beside = s.check.beside.link
		}
	}
	if e.next != nil {
		in.next = e.next.link
	}
	if e.old != nil {
		in.old = e.old.link
	}
	return in
}

// inbox is where a link's datagrams wait; nil when there is no link.
func (l *link) inbox() <-chan datagram {
	if l == nil {
		return nil
	}
	return l.in
}

// take takes a datagram from a link, or what the socket says.
func (e *engine) take(now time.Time, from *link, d *datagram) {
	if d.err == nil {
		e.contained(now, from, d)
	} else if s := e.sessionOf(from); s != nil {
		e.socketSays(s, from, d.err)
	}
	d.release()
}

// contained takes a datagram; a panic ends the work of that one alone.
func (e *engine) contained(now time.Time, from *link, d *datagram) {
	defer e.faults.contain("datagram")
	e.receiveFrom(now, from, d.bytes, d.arrived)
}

// socketSays takes an error of a read.
func (e *engine) socketSays(s *session, from *link, err error) {
	switch {
	case from == s.link && (isPathError(err) || isRefused(err)):
		s.socketSays(err)
	case from == s.link:
		s.lose(lostErr(err.Error()))
	case s.check.beside != nil && from == s.check.beside.link && !isPathError(err):
		s.dropBeside()
	}
}

// flush sends what the message streams have to send.
func (e *engine) flush(now time.Time) {
	for s := range e.sessions {
		s.flush(now)
	}
}
