package peer

import (
	"maps"
	"slices"
	"time"

	"yodel/wire"
)

// resuming collects what comes back after a reconnect.
type resuming struct {
	s      *session
	asked  map[string]bool // rooms that were asked for
	left   map[string]bool // those that are not joined yet
	joined []*Joined
}

// resume joins the rooms of the last session in another.
func (e *engine) resume(now time.Time, s *session) {
	if !e.welcomed {
		return
	}
	e.resumed = &resuming{s: s, asked: make(map[string]bool), left: make(map[string]bool)}
	for _, name := range slices.Sorted(maps.Keys(e.rooms)) {
		r := e.rooms[name]
		r.backoff = firstBackoff
		r.replay.counted, r.replay.tries, r.replay.gap = false, 0, 0
		e.resumed.asked[name], e.resumed.left[name] = true, true
		e.rejoin(now, s, r)
	}
}

// rejoin asks to join a room again.
func (e *engine) rejoin(now time.Time, s *session, r *room) {
	r.retryAt = time.Time{}
	e.requestIn(now, s, r.joinMessage, func(now time.Time, m *wire.Message, err error) {
		if err == nil && e.rooms[r.opts.Room] == r && r.recount(m.GetJoined()) {
			e.rejoin(now, s, r)
			return
		}
		e.rejoined(now, r, m, err)
	})
}

// awaited tells that a room is not joined yet in the present session. Messages of it that come nevertheless, because the daemon has gone on
// where the last session was, come again after the Joined.
func (e *engine) awaited(name string) bool {
	return e.resumed != nil && e.resumed.s == e.s && e.resumed.left[name]
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
		e.reconcile(now, name, m.GetJoined())
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
			t.again(now, e, e.s)
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
	if e.resumed == nil || e.resumed.s != e.s || len(e.resumed.left) > 0 || !e.s.welcomed || e.s.err != nil {
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
			e.rejoin(now, e.s, r)
		}
	}
}

// reconcile ends the streams of a room that are over to the daemon: their end may have been announced in the last session.
func (e *engine) reconcile(now time.Time, name string, j *wire.Joined) {
	going := make(map[uint32]bool)
	for _, t := range j.GetTalking() {
		going[t.GetSsrc()] = true
	}
	for ssrc, in := range e.s.streams {
		switch {
		case in.room != name || going[ssrc] || in.ended:
		case in.stats.Got() > 0:
			in.end(now, &wire.TalkEnd{LastSeq: uint32(uint16(in.highest))})
		default:
			e.dropStream(in)
		}
	}
	for ssrc, t := range e.s.told {
		if t.Room == name && !going[ssrc] {
			delete(e.s.told, ssrc)
			end := *t
			e.emitTalk(&end)
		}
	}
}
