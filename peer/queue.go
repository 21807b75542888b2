package peer

import "yodel/wire"

const (
	// maxUnread is how many events may wait for the user before presence and talks are told no more one by one: what changed
	// meanwhile in a room's members is told when the user has caught up, and of a talk neither start nor end.
	maxUnread = 1024
	// maxEvents is how many events may wait at all. At this number no more messages are taken from the stream. A daemon that keeps to
	// its credit does not get there: messages of a room stop long before.
	maxEvents = 8192
)

// hasRoom tells that messages may be taken from the stream.
func (e *engine) hasRoom() bool { return len(e.events) < maxEvents && e.eventBytes < maxEventBytes }

// queued is an event that waits for the user.
type queued struct {
	Event
	cost int             // in bytes of the session's credit
	from *wire.Allowance // that session's; nil: it costs nothing
}

// talkKey names a talk among the events.
type talkKey struct {
	room string
	ssrc uint32
}

// emit gives the user an event.
func (e *engine) emit(ev Event) { e.events = append(e.events, queued{Event: ev}) }

// emitLink gives the user a *Lost or *Back. Where nobody reads events they do not pile up: an outage that was not seen
// is forgotten when the next one begins.
func (e *engine) emitLink(ev Event) {
	n := len(e.events)
	if _, lost := ev.(*Lost); lost && n >= 2 {
		_, back := e.events[n-1].Event.(*Back)
		_, before := e.events[n-2].Event.(*Lost)
		if back && before {
			e.events = e.events[:n-2]
		}
	}
	e.emit(ev)
}

// emitTalk gives the user the start or the end of a talk, or neither when too much waits.
func (e *engine) emitTalk(t *Talking) {
	key := talkKey{t.Room, t.SSRC}
	switch {
	case t.Start && e.crowded():
		if len(e.untold) >= maxIgnored {
			clear(e.untold)
		}
		e.untold[key] = true
		return
	case !t.Start && e.untold[key]:
		delete(e.untold, key)
		return
	}
	delete(e.untold, key)
	e.emit(t)
}

// crowded tells that the user does not keep up.
func (e *engine) crowded() bool { return len(e.events) >= maxUnread }

// giveBack gives the daemon credit for an event.
func (q *queued) giveBack() {
	if q.from != nil {
		q.from.Consume(q.cost)
	}
}

// takeAll removes all events that wait, and gives the daemon's credit back.
func (e *engine) takeAll() []Event {
	if len(e.events) == 0 {
		return nil
	}
	group := make([]Event, len(e.events))
	for i, q := range e.events {
		group[i] = q.Event
		q.giveBack()
	}
	clear(e.events)
	e.events, e.eventBytes = e.events[:0], 0
	if cap(e.events) > maxUnread {
		e.events = nil
	}
	return group
}

// takeHeard takes what the hearings have heard.
func (e *engine) takeHeard() {
	for _, r := range e.rooms {
		if r.hearing == nil {
			continue
		}
		for _, t := range r.hearing.takeEvents() {
			e.emitTalk(t)
		}
	}
}
