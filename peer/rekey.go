package peer

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"yodel/wire"
)

const (
	// firstRekeyWait and maxRekeyWait bound the wait after a handshake for new keys that failed; it doubles in between. The daemon
	// takes the old keys for hours more. After one that succeeded the first holds, too: a daemon can use up a session's SSRCs as fast as it can send.
	firstRekeyWait = 5 * time.Second
	maxRekeyWait   = 10 * time.Minute
)

// rekeyDue tells that a handshake for new keys is to be made now.
func (e *engine) rekeyDue(now time.Time) bool {
	s := e.s
	if s == nil || !s.welcomed || e.rekeying || e.resumed != nil || e.next != nil || e.old != nil || now.Before(e.rekeyAt) {
		return false
	}
	return e.limits.Reached(now.Sub(s.began), max(s.tx.Packets(), s.received), max(s.tx.SSRCs(), s.rx.SSRCs()))
}

// rekeyFailed waits before the next try.
func (e *engine) rekeyFailed(now time.Time, err error) {
	e.log.Debug("no new keys", "error", err)
	e.rekeying = false
	e.rekeyAt = now.Add(e.rekeyWait)
	e.rekeyWait = min(2*e.rekeyWait, maxRekeyWait)
}

// attachNext begins the next session: Hello, the rooms, the talks. Until its Welcome the present one carries everything.
func (e *engine) attachNext(now time.Time, s *session) {
	e.next, e.rekeying = s, false
	e.hello(now, s)
	e.resume(now, s)
	for _, t := range slices.Clone(e.talks) {
		if !t.ended {
			t.again(now, e, s)
		}
	}
}

// dropNext gives up the next session. It says no BYE: should the daemon have taken it, that would be the end of both.
func (e *engine) dropNext(now time.Time, err error) {
	s := e.next
	e.next, e.resumed = nil, nil
	e.requests.endSession(s)
	for _, r := range e.rooms {
		r.retryAt = time.Time{}
	}
	s.close()
	e.rekeyFailed(now, err)
}

// advanceRekey takes what came on the next and the old session, and ends them when it is time.
func (e *engine) advanceRekey(now time.Time) {
	if e.next != nil {
		e.takeNext(now)
	}
	if e.old != nil {
		e.takeOld(now)
	}
}

// takeNext waits for the Welcome of the next session.
func (e *engine) takeNext(now time.Time) {
	s := e.next
	s.unwelcome(now)
	for b, ok := s.stream.Receive(); ok; b, ok = s.stream.Receive() {
		if e.nextMessage(now, b) {
			return
		}
	}
	if err := errors.Join(s.err, s.stream.Err()); err != nil {
		e.dropNext(now, err)
	}
}

// nextMessage takes one message of the next session, and tells that it was Welcome. A panic ends the work of that one alone.
func (e *engine) nextMessage(now time.Time, b []byte) (welcome bool) {
	defer e.faults.contain("message")
	m, err := wire.Decode(b)
	if err != nil {
		return false
	}
	if r := m.GetRefused(); r != nil && r.GetRequest() == 0 {
		e.next.err = refused(r)
	}
	w := m.GetWelcome()
	if w == nil {
		return false
	}
	welcome = true // after a panic, too
	if bytes.Equal(w.GetSessionId(), e.sessionID) {
		e.takeOver(now, w)
	} else { // the daemon was started again: what the present one has of it is void
		e.s.lose(errUnknown)
	}
	return welcome
}

// takeOver makes the next session the present one. All that has no answer goes again in it. What came of the rooms until now
// goes on: the streams that are heard, and the place in each room's log.
func (e *engine) takeOver(now time.Time, w *wire.Welcome) {
	old, s := e.s, e.next
	e.s, e.next = s, nil
	e.old, e.oldUntil = old, now.Add(wire.FadeFor)
	old.dropBeside()
	old.check = check{}
	s.streams, s.ignored, s.told, s.lastAudio = old.streams, old.ignored, old.told, old.lastAudio
	for ssrc := range s.streams {
		s.rx.Allow(ssrc)
		e.release(now, ssrc)
	}
	e.rekeyAt, e.rekeyWait = now.Add(firstRekeyWait), firstRekeyWait
	e.log.Debug("the session goes on under new keys")
	for name, r := range e.rooms { // those that were joined meanwhile
		if !e.resumed.asked[name] {
			e.resumed.asked[name], e.resumed.left[name] = true, true
			e.rejoin(now, s, r)
		}
	}
	for _, t := range slices.Clone(e.talks) { // likewise
		if t.asked != s && !t.ended {
			t.again(now, e, s)
		}
	}
	for _, r := range e.requests.inOrder() {
		if !r.once {
			e.send(now, r.msg)
		}
	}
	e.welcomeBy(w)
	e.publishAgain(now)
	e.takeMessages(now) // what came behind the Welcome
}

// takeOld takes what still comes on the old session. The rest the present one brings too.
func (e *engine) takeOld(now time.Time) {
	for e.hasRoom() {
		b, ok := e.old.stream.Receive()
		if !ok {
			break
		}
		e.oldMessage(now, b)
	}
	if e.old.err != nil || e.old.stream.Err() != nil || !now.Before(e.oldUntil) || !e.talksIn(e.old) {
		e.endOld()
	}
}

// oldMessage takes one message of the old session; a panic ends the work of that one alone.
func (e *engine) oldMessage(now time.Time, b []byte) {
	defer e.faults.contain("message")
	m, err := wire.Decode(b)
	if err != nil {
		return
	}
	switch k := m.GetKind().(type) {
	case *wire.Message_Entry:
		e.entry(e.old, k.Entry, len(b))
	case *wire.Message_Receipt:
		e.receipted(now, k.Receipt)
	case *wire.Message_TalkEnd:
		e.talkEnd(now, k.TalkEnd)
	case *wire.Message_TalkReport:
		e.talkReport(e.old, k.TalkReport)
	}
}

// talksIn tells that something of a talk belongs to a session.
func (e *engine) talksIn(s *session) bool {
	return slices.ContainsFunc(e.talks, func(t *talkOut) bool { return t.in(s) })
}

// endOld lets go of the old session, and of the reports that it did not bring. Its BYE goes out by the loop.
func (e *engine) endOld() {
	old := e.old
	e.old = nil
	e.requests.endSession(old)
	for _, t := range slices.Clone(e.talks) {
		t.endSession(e, old)
	}
	e.parting = append(e.parting, old)
}

func (e *engine) rekeyDeadlines(sooner func(time.Time)) {
	if e.next != nil {
		sooner(e.next.stream.Deadline())
		sooner(e.next.due)
	}
	if e.old != nil {
		sooner(e.old.stream.Deadline())
		sooner(e.oldUntil)
	}
	if e.s.welcomed && !e.rekeying && e.next == nil && e.old == nil {
		at := e.s.began.Add(e.limits.Age)
		if at.Before(e.rekeyAt) {
			at = e.rekeyAt
		}
		sooner(at)
	}
}
