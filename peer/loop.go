package peer

import (
	"errors"
	"time"
)

const (
	// batch is how many datagrams are taken in one turn of the loop.
	batch = 64
	// never stands for no deadline.
	never = 24 * time.Hour
)

// loop is the goroutine that owns the engine and its links.
type loop struct {
	*Client
	e     *engine
	timer *time.Timer

	group []Event // those that the user gets next; of no others is the daemon's credit given back

	redialAt time.Time // zero: not waiting to dial
	dialling *dialling // nil: none is under way
	backoff  time.Duration
	known    target // what is dialled when the name cannot be looked up

	changes  <-chan struct{} // of the network
	lookAt   time.Time       // when the network is looked at, after a change; zero: none
	partings []*parting
	final    bool  // over is closed
	closed   bool  // events is closed
	tooLong  int64 // of the link, as it was logged
}

// run is the client's loop: it ends after Close.
func (c *Client) run(first *link) {
	l := &loop{Client: c, e: c.engine, timer: time.NewTimer(never), backoff: firstBackoff}
	defer close(c.ended)
	defer l.timer.Stop()
	changes, unwatch := c.cfg.net.watch()
	defer unwatch()
	l.changes = changes
	l.e.open = c.cfg.net.linkFromElsewhere
	l.up(time.Now(), first)
	for l.turn() {
	}
	l.shutdown()
}

// turn waits for something to do and does it; false ends the loop.
func (l *loop) turn() bool {
	now := time.Now()
	l.e.advance(now)
	l.settle(now)
	l.setTimer(now)
	if len(l.group) == 0 {
		l.group = l.e.takeAll()
	}
	if l.final && len(l.group) == 0 {
		l.closeEvents()
	}
	in := l.e.links()
	var event Event
	var events chan<- Event
	var groups chan<- []Event
	if len(l.group) > 0 {
		event, events, groups = l.group[0], l.events, l.groups
	}
	frames, commands := l.frames, l.commands
	if l.final {
		frames, commands = nil, nil // who calls sees that the client is over
	}
	select {
	case <-l.closing:
		return false
	case groups <- l.group:
		l.group = nil
	case events <- event:
		l.group = l.group[1:]
	case d := <-in.used.inbox():
		l.receive(in.used, d)
	case d := <-in.beside.inbox():
		l.receive(in.beside, d)
	case d := <-in.leaving.inbox():
		l.receive(in.leaving, d)
	case d := <-in.next.inbox():
		l.receive(in.next, d)
	case d := <-in.old.inbox():
		l.receive(in.old, d)
	case f := <-frames:
		l.e.frame(time.Now(), f)
	case f := <-commands:
		f(time.Now())
	case <-l.nudge:
		l.e.takeHeard()
	case <-l.timer.C:
	case <-l.changes:
		l.changed(time.Now())
	case r := <-l.dialling.results():
		l.redialled(r)
	}
	return true
}

// receive takes a datagram, and some of those that wait behind it.
func (l *loop) receive(from *link, d datagram) {
	now := time.Now()
	for range batch {
		l.e.take(now, from, &d)
		select {
		case d = <-from.in:
		default:
			return
		}
	}
	l.e.take(now, from, &d)
}

// settle sends what there is to send, and ends the session if it is over.
func (l *loop) settle(now time.Time) {
	l.e.flush(now)
	l.tell()
	if err := l.e.failed(); err != nil {
		l.down(now, err)
	}
	l.part(now)
	if !l.lookAt.IsZero() && !now.Before(l.lookAt) {
		l.look(now)
	}
	if !l.redialAt.IsZero() && !now.Before(l.redialAt) {
		l.redialAt = time.Time{}
		l.dial(l.known)
	}
	if l.dialling == nil && l.e.rekeyDue(now) {
		l.e.rekeying = true
		l.dial(target{only: l.e.s.link.addr})
	}
}

// tell lets others know the round-trip time, and the log that the path is too narrow.
func (l *loop) tell() {
	s := l.e.s
	if s == nil {
		return
	}
	if n := s.link.tooLong.Load(); n > l.tooLong {
		l.tooLong = n
		l.e.log.Debug("the path does not take datagrams of this length", "datagrams", n)
	}
	if rtt, _ := s.stream.RTT(); rtt != l.e.rtt {
		l.e.rtt = rtt
		l.shared.set(func(s *shared) { s.rtt = rtt })
	}
}

// setTimer waits for the next thing that is due.
func (l *loop) setTimer(now time.Time) {
	wait := never
	sooner := func(at time.Time) {
		if !at.IsZero() {
			wait = min(wait, at.Sub(now))
		}
	}
	sooner(l.e.deadline())
	sooner(l.redialAt)
	sooner(l.lookAt)
	for _, p := range l.partings {
		sooner(p.at)
	}
	l.timer.Reset(max(wait, 0))
}

// finish ends all that waits. Events that wait can still be read.
func (l *loop) finish(now time.Time, err error) {
	if !errors.Is(err, ErrClosed) {
		l.shared.set(func(s *shared) { s.err = err })
	}
	l.redialAt, l.lookAt = time.Time{}, time.Time{}
	l.e.fail(now, err)
	l.final = true
	close(l.over)
}

// shutdown says BYE and ends everything.
func (l *loop) shutdown() {
	now := time.Now()
	l.e.flush(now)
	l.stopDialling()
	for s := range l.e.sessions {
		if s == l.e.next {
			s.close()
		} else {
			l.e.parting = append(l.e.parting, s)
		}
	}
	if !l.final {
		if l.e.s != nil {
			l.e.detach()
		}
		l.finish(now, ErrClosed)
	}
	for l.part(time.Now()); len(l.partings) > 0; l.part(time.Now()) {
		l.setTimer(time.Now())
		<-l.timer.C
	}
	l.closeEvents()
}

// closeEvents closes Events, once.
func (l *loop) closeEvents() {
	if !l.closed {
		l.closed = true
		close(l.events)
		close(l.groups)
	}
}
