package peer

import (
	"maps"
	"slices"
	"time"

	"yodel/wire"
)

// resuming collects what comes back after a reconnect.
type resuming struct {
	left   map[string]bool // rooms that are not joined yet
	joined []*Joined
}

// resume joins the rooms of the last session.
func (e *engine) resume(now time.Time) {
	if !e.welcomed {
		return
	}
	e.resumed = &resuming{left: make(map[string]bool)}
	for _, name := range slices.Sorted(maps.Keys(e.rooms)) {
		r := e.rooms[name]
		r.backoff = firstBackoff
		e.resumed.left[name] = true
		e.rejoin(now, r)
	}
}

// rejoin asks to join a room again.
func (e *engine) rejoin(now time.Time, r *room) {
	r.retryAt = time.Time{}
	q := e.ask(now, r.joinMessage, func(now time.Time, m *wire.Message, err error) { e.rejoined(now, r, m, err) })
	q.once = true
}

// rejoined takes the answer to one Join of resume.
func (e *engine) rejoined(now time.Time, r *room, m *wire.Message, err error) {
	name := r.opts.Room
	switch {
	case e.rooms[name] != r: // it was left, or joined anew, while it was tried again
		e.unwanted(now, m)
	case err != nil && isFinal(err):
		e.roomLost(name, err)
	case err != nil:
		r.retryAt = now.Add(r.backoff)
		r.backoff = min(2*r.backoff, maxBackoff)
		return
	default:
		if r.resume(m.GetJoined()) {
			e.emit(&Truncated{Room: name})
		}
		e.joinedAgain(now, r, m.GetJoined())
		e.talkAgain(now, name)
	}
	e.settled(name)
}

// roomLost gives a room up that the daemon refuses for good. A client to which no room is left has come to its end.
func (e *engine) roomLost(name string, err error) {
	e.log.Warn("room lost in a reconnect", "room", name, "error", err)
	delete(e.rooms, name)
	for _, t := range e.talks {
		if t.room == name && t.held {
			t.talk.broken.Store(&err)
		}
	}
	if len(e.rooms) == 0 {
		e.broken(err)
		return
	}
	e.emit(&RoomLost{Room: name, Err: err})
}

// talkAgain goes on with the talks that were refused because their room was not joined yet.
func (e *engine) talkAgain(now time.Time, name string) {
	for _, t := range e.talks {
		if t.room == name && t.held {
			t.again(now, e)
		}
	}
}

// settled notes that a room is not waited for any more.
func (e *engine) settled(name string) {
	if e.resumed != nil {
		delete(e.resumed.left, name)
		e.back()
	}
}

// back tells that the session is there again, once it is welcome and all rooms are joined.
func (e *engine) back() {
	if e.resumed == nil || len(e.resumed.left) > 0 || !e.s.welcomed || e.s.err != nil {
		return
	}
	if e.away {
		e.away = false
		e.emitLink(&Back{Rooms: e.resumed.joined})
	}
	e.resumed = nil
}

// retryRooms tries rooms again that the daemon could not take.
func (e *engine) retryRooms(now time.Time) {
	for _, r := range e.rooms {
		if !r.retryAt.IsZero() && !now.Before(r.retryAt) {
			e.rejoin(now, r)
		}
	}
}
