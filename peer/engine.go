package peer

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

// engine is all that a client knows, over any number of sessions. It has no clock, no socket and no goroutine: the
// loop calls it with the time, and each session writes by a function. Only the loop's goroutine may use it.
type engine struct {
	cfg    Config
	log    *slog.Logger
	own    secure.Fingerprint
	shared *shared

	s         *session // nil between two sessions
	sessionID []byte   // of the last one
	nick      string   // wished, or as the daemon gave it

	requests requests
	outbox   outbox
	rooms    map[string]*room
	talks    []*talkOut
	nextID   uint32 // of the next stream in a playout
	resumed  *resuming

	events    []queued
	untold    map[talkKey]bool // talks whose start was left out, so that their end is too
	welcome   func(error)      // called once for the first session: it is there, or refused
	welcomed  bool             // some session has been
	away      bool             // *Lost was told, *Back was not
	rtt       time.Duration
	nackSpace []uint16
}

func newEngine(cfg Config, sh *shared) *engine {
	e := &engine{
		cfg: cfg, log: cfg.Logger, own: cfg.Identity.Fingerprint(), shared: sh,
		nick: cfg.Nick, rooms: make(map[string]*room), untold: make(map[talkKey]bool),
	}
	return e
}

// attach begins a session: it says Hello, and after a reconnect all that was under way goes again in the same flight.
func (e *engine) attach(now time.Time, s *session) {
	e.s = s
	e.send(now, wire.Encode(&wire.Message_Hello{Hello: &wire.Hello{
		Versions: []uint32{wire.MaxVersion}, Software: e.cfg.Software, Nick: e.nick, SessionId: e.sessionID,
	}}))
	pending := e.requests.inOrder()
	e.resume(now)
	for _, t := range slices.Clone(e.talks) {
		t.again(now, e)
	}
	for _, r := range pending {
		e.send(now, r.msg)
	}
	e.publishAgain(now)
}

// detach ends the session; what waits stays for the next one.
func (e *engine) detach() {
	for _, in := range e.s.streams {
		in.stop()
	}
	for _, t := range e.talks {
		t.detach()
	}
	for _, r := range e.rooms {
		r.retryAt = time.Time{}
	}
	e.s, e.resumed = nil, nil
	e.requests.endSession()
}

// lost tells the user, once, that there is no session.
func (e *engine) lost(err error) {
	if !e.away {
		e.away = true
		e.emitLink(&Lost{Err: err})
	}
}

// broken ends the session for a reason that was not known before.
func (e *engine) broken(err error) {
	if e.s != nil && e.s.err == nil {
		e.s.err = err
	}
}

// whenWelcome calls f once the first session is there, or is not going to be.
func (e *engine) whenWelcome(f func(error)) {
	if e.welcomed {
		f(nil)
		return
	}
	e.welcome = f
}

// fail ends everything that waits.
func (e *engine) fail(now time.Time, err error) {
	e.s = nil
	e.requests.fail(now, err)
	e.failPublications(err)
	for _, t := range slices.Clone(e.talks) {
		t.finish(e, err)
	}
	if e.welcome != nil {
		e.welcome(err)
		e.welcome = nil
	}
}

// advance does what is due, and takes the messages that there is room for.
func (e *engine) advance(now time.Time) {
	for i := len(e.talks) - 1; i >= 0; i-- { // backwards: it may remove itself
		e.talks[i].advance(now, e)
	}
	if e.s == nil {
		return
	}
	e.s.stream.Advance(now)
	e.takeMessages(now)
	e.advanceStreams(now)
	e.retryRooms(now)
	e.keepAlive(now)
}

// deadline is when advance must be called next; zero: never.
func (e *engine) deadline() time.Time {
	var first time.Time
	sooner := func(t time.Time) {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	for _, t := range e.talks {
		sooner(t.dueAt())
	}
	if e.s == nil {
		return first
	}
	sooner(e.s.stream.Deadline())
	sooner(e.s.keepAliveDeadline())
	for _, in := range e.s.streams {
		sooner(in.deadline())
	}
	for _, r := range e.rooms {
		sooner(r.retryAt)
	}
	return first
}

// failed tells why the session is over; nil while it is not.
func (e *engine) failed() error {
	switch {
	case e.s == nil:
		return nil
	case e.s.err != nil:
		return e.s.err
	case e.s.stream.Err() != nil:
		return fmt.Errorf("%w: %w", ErrLost, e.s.stream.Err())
	}
	return nil
}

// send queues a message for the daemon; without a session it does nothing, because the next one begins with what waits.
func (e *engine) send(now time.Time, msg []byte) {
	if e.s == nil {
		return
	}
	e.s.lastMessage = now
	if err := e.s.stream.Send(msg); err != nil && e.s.err == nil {
		e.s.err = fmt.Errorf("%w: %w", ErrLost, err)
	}
}

// request sends a request and keeps it until it is answered.
func (e *engine) request(now time.Time, encode func(id uint64) []byte, done func(time.Time, *wire.Message, error)) (id uint64) {
	e.ask(now, encode, done)
	return e.requests.last
}

func (e *engine) ask(now time.Time, encode func(id uint64) []byte, done func(time.Time, *wire.Message, error)) *request {
	r := &request{done: done, sent: now}
	e.requests.add(r, encode)
	e.send(now, r.msg)
	return r
}
