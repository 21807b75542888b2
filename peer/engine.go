package peer

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
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
	faults faults

	s         *session // nil between two sessions
	next      *session // to take its place, not welcome yet; nil: none
	old       *session // whose place it has taken, as long as talks go on there; nil: none
	oldUntil  time.Time
	sessionID []byte // of the last one
	limits    wire.KeyLimits
	rekeying  bool          // the handshake for next is under way
	rekeyAt   time.Time     // not before it is the next handshake for new keys tried
	rekeyWait time.Duration // before the one after that

	// open gives a link to an address if its local address is none of these, else nil. Nil: there are none.
	open func(addr netip.AddrPort, others []netip.Addr) *link
	// parting are sessions that the loop says BYE in and closes.
	parting []*session
	nick    string // wished, or as the daemon gave it

	requests requests
	outbox   outbox
	rooms    map[string]*room
	talks    []*talkOut
	nextID   uint32 // of the next stream in a playout
	resumed  *resuming

	events     []queued
	eventBytes int              // of the messages among them
	untold     map[talkKey]bool // talks whose start was left out, so that their end is too
	welcome    []func(error)    // called once for the first session: it is there, or refused
	welcomed   bool             // some session has been
	away       bool             // *Lost was told, *Back was not
	losing     error            // *Lost is told with it at losingAt, unless the session is there again before; nil: it is not
	losingAt   time.Time
	rtt        time.Duration
	nackSpace  []uint16
}

func newEngine(cfg Config, sh *shared) *engine {
	e := &engine{
		cfg: cfg, log: cfg.Logger, faults: faults{log: cfg.Logger}, own: cfg.Identity.Fingerprint(), shared: sh,
		nick: cfg.Nick, rooms: make(map[string]*room), untold: make(map[talkKey]bool),
		limits: *cfg.limits, rekeyWait: firstRekeyWait,
	}
	return e
}

// sessions ranges over those that there are: the present, the next and the old one.
func (e *engine) sessions(yield func(*session) bool) {
	for _, s := range [...]*session{e.s, e.next, e.old} {
		if s != nil && !yield(s) {
			return
		}
	}
}

// attach begins a session: it says Hello, and after a reconnect all that was under way goes again in the same flight.
func (e *engine) attach(now time.Time, s *session) {
	e.s = s
	e.hello(now, s)
	pending := e.requests.inOrder()
	e.resume(now, s)
	for _, t := range slices.Clone(e.talks) {
		t.again(now, e, s)
	}
	for _, r := range pending {
		e.send(now, r.msg)
	}
	e.publishAgain(now)
}

// hello begins a session on the wire, naming the one that it goes on with.
func (e *engine) hello(now time.Time, s *session) {
	hello := &wire.Hello{Versions: []uint32{wire.MaxVersion}, Software: e.cfg.Software, Nick: e.nick, SessionId: e.sessionID}
	if !e.welcomed {
		hello.Invite = e.cfg.Invite
	}
	e.sendOn(now, s, wire.Encode(&wire.Message_Hello{Hello: hello}))
}

// detach ends the session, with the next and the old one; what waits stays for the next one.
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
	for s := range e.sessions {
		e.requests.endSession(s)
	}
	e.s, e.next, e.old, e.resumed = nil, nil, nil, nil
	e.rekeying = false
}

// lostGrace is how long *Lost waits where the next session may be the same one to the daemon.
const lostGrace = time.Second

// mayBeLost tells of the loss later, unless it was none.
func (e *engine) mayBeLost(now time.Time, err error) {
	if !e.away && e.losing == nil {
		e.losing, e.losingAt = err, now.Add(lostGrace)
	}
}

// lost tells the user, once, that there is no session.
func (e *engine) lost(err error) {
	if e.losing != nil {
		e.losing, err = nil, e.losing
	}
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

// notBack tells of the loss at once: there is no other session yet.
func (e *engine) notBack() {
	if e.losing != nil {
		e.lost(e.losing)
	}
}

// identify takes the session id of Welcome. The same as before tells that the daemon goes on with the session; then nothing was lost.
func (e *engine) identify(s *session, id []byte) {
	if len(id) != idLength {
		id = nil
	}
	s.resumed = e.welcomed && len(id) > 0 && bytes.Equal(id, e.sessionID)
	e.sessionID = id
	copy(s.id[:], id)
	if e.losing == nil {
		return
	}
	if s.resumed {
		e.losing = nil
		return
	}
	e.lost(e.losing)
}

// whenWelcome calls f once the first session is there, or is not going to be.
func (e *engine) whenWelcome(f func(error)) {
	if e.welcomed {
		f(nil)
		return
	}
	e.welcome = append(e.welcome, f)
}

// tellWelcome ends that wait.
func (e *engine) tellWelcome(err error) {
	for _, f := range e.welcome {
		f(err)
	}
	e.welcome = nil
}

// fail ends everything that waits.
func (e *engine) fail(now time.Time, err error) {
	e.s, e.next, e.old = nil, nil, nil
	e.requests.fail(now, err)
	e.failPublications(err)
	for _, t := range slices.Clone(e.talks) {
		t.finish(e, err)
	}
	e.tellWelcome(err)
}

// advance does what is due, and takes the messages that there is room for.
func (e *engine) advance(now time.Time) {
	for i := len(e.talks) - 1; i >= 0; i-- { // backwards: it may remove itself
		e.talks[i].advance(now, e)
	}
	if e.losing != nil && !now.Before(e.losingAt) {
		e.lost(e.losing)
	}
	if e.s == nil {
		return
	}
	for s := range e.sessions {
		s.stream.Advance(now)
	}
	e.takeMessages(now)
	e.s.unwelcome(now)
	e.advanceRekey(now)
	e.advancePath(now)
	e.advanceStreams(now)
	e.retryRooms(now)
	if !e.outbox.pause.until.IsZero() {
		e.publishUnsent(now)
	}
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
	if e.losing != nil {
		sooner(e.losingAt)
	}
	if e.s == nil {
		return first
	}
	if !e.s.welcomed {
		sooner(e.s.due)
	}
	e.rekeyDeadlines(sooner)
	e.s.pathDeadlines(sooner)
	sooner(e.s.stream.Deadline())
	sooner(e.keepAliveDeadline())
	sooner(e.outbox.pause.until)
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
	if e.s != nil {
		e.sendOn(now, e.s, msg)
	}
}

func (e *engine) sendOn(now time.Time, s *session, msg []byte) {
	s.lastMessage = now
	err := s.stream.Send(msg)
	switch {
	case s.err != nil:
	case err != nil:
		s.err = fmt.Errorf("%w: %w", ErrLost, err)
	case s.stream.Queued() > maxUnacknowledged:
		s.err = errUnacknowledged
	}
}

// request sends a request and keeps it until it is answered.
func (e *engine) request(now time.Time, encode func(id uint64) []byte, done func(time.Time, *wire.Message, error)) (id uint64) {
	r := &request{s: e.s, done: done}
	id = e.requests.add(r, encode)
	e.send(now, r.msg)
	return id
}

// requestIn sends a request that ends with the session s.
func (e *engine) requestIn(now time.Time, s *session, encode func(id uint64) []byte, done func(time.Time, *wire.Message, error)) (id uint64) {
	r := &request{s: s, once: true, done: done}
	id = e.requests.add(r, encode)
	e.sendOn(now, s, r.msg)
	return id
}
