package peer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

const (
	// firstBackoff and maxBackoff bound the wait before a session is made anew; it doubles in between.
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 3 * time.Second
	// batch is how many datagrams are taken in one turn of the loop.
	batch = 64
	// never stands for no deadline.
	never = 24 * time.Hour
)

// loop is the goroutine that owns the engine and the link.
type loop struct {
	*Client
	e     *engine
	link  *link // nil between sessions
	timer *time.Timer

	redialAt time.Time // zero: not waiting to dial
	dialled  chan dialResult
	cancel   context.CancelFunc // of the dialling that is under way
	backoff  time.Duration
	final    bool  // over is closed
	closed   bool  // events is closed
	tooLong  int64 // of the link, as it was logged
}

// dialResult is what a dialling goroutine brings.
type dialResult struct {
	link *link
	err  error
}

// run is the client's loop: it ends after Close.
func (c *Client) run(first *link) {
	l := &loop{Client: c, e: c.engine, timer: time.NewTimer(never), backoff: firstBackoff}
	defer close(c.ended)
	defer l.timer.Stop()
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
	if l.final && len(l.e.events) == 0 {
		l.closeEvents()
	}
	var in <-chan datagram
	if l.link != nil {
		in = l.link.in
	}
	var events chan<- Event
	var event Event
	if len(l.e.events) > 0 {
		events, event = l.events, l.e.events[0].Event
	}
	frames, commands := l.frames, l.commands
	if l.final {
		frames, commands = nil, nil // who calls sees that the client is over
	}
	select {
	case <-l.closing:
		return false
	case events <- event:
		l.e.delivered()
	case d := <-in:
		l.receive(d)
	case f := <-frames:
		l.e.frame(time.Now(), f)
	case f := <-commands:
		f(time.Now())
	case <-l.nudge:
		l.e.takeHeard()
	case <-l.timer.C:
	case r := <-l.dialled:
		l.redialled(r)
	}
	return true
}

// receive takes a datagram, and some of those that wait behind it.
func (l *loop) receive(d datagram) {
	now := time.Now()
	for range batch {
		l.take(now, &d)
		select {
		case d = <-l.link.in:
		default:
			return
		}
	}
	l.take(now, &d)
}

// take takes one datagram, or the end of reading.
func (l *loop) take(now time.Time, d *datagram) {
	switch {
	case d.err == nil:
		l.e.receive(now, d.bytes, d.arrived)
	case isRefused(d.err):
		l.e.broken(lostErr(nothingThere))
	default:
		l.e.broken(lostErr(d.err.Error()))
	}
	d.release()
}

// settle sends what there is to send, and ends the session if it is over.
func (l *loop) settle(now time.Time) {
	if l.e.s != nil {
		l.e.s.flush(now)
		l.tell()
	}
	if err := l.e.failed(); err != nil {
		l.down(now, err)
	}
	if !l.redialAt.IsZero() && !now.Before(l.redialAt) {
		l.redialAt = time.Time{}
		l.dial()
	}
}

// tell lets others know the round-trip time, and the log that the path is too narrow.
func (l *loop) tell() {
	if n := l.link.tooLong.Load(); n != l.tooLong {
		l.tooLong = n
		l.e.log.Debug("the path does not take datagrams of this length", "datagrams", n)
	}
	if rtt, _ := l.e.s.stream.RTT(); rtt != l.e.rtt {
		l.e.rtt = rtt
		l.shared.set(func(s *shared) { s.rtt = rtt })
	}
}

// setTimer waits for the next thing that is due.
func (l *loop) setTimer(now time.Time) {
	wait := never
	if at := l.e.deadline(); !at.IsZero() {
		wait = at.Sub(now)
	}
	if !l.redialAt.IsZero() {
		wait = min(wait, l.redialAt.Sub(now))
	}
	l.timer.Reset(max(wait, 0))
}

// up begins a session on a link.
func (l *loop) up(now time.Time, link *link) {
	l.link, l.tooLong = link, 0
	l.shared.set(func(s *shared) { s.daemon, s.addr = link.daemon, unmapped(link.addr) })
	l.e.attach(now, newSession(now, link))
}

// down ends the session: for good, or until the next one.
func (l *loop) down(now time.Time, err error) {
	if n := l.link.tooLong.Load(); n > 0 {
		err = fmt.Errorf("%w (%d datagrams were too long for the path)", err, n)
	}
	welcomed := l.e.s.welcomed
	l.e.s.bye()
	l.link.close()
	l.link = nil
	l.e.detach()
	if !l.cfg.Reconnect || !l.e.welcomed || isFinal(err) {
		l.finish(now, err)
		return
	}
	if welcomed {
		l.backoff = firstBackoff
	}
	l.e.lost(err)
	l.later(now)
}

// later waits a little longer each time, at random so that peers do not come back all at once.
func (l *loop) later(now time.Time) {
	l.redialAt = now.Add(l.backoff/2 + rand.N(l.backoff/2+1))
	l.backoff = min(2*l.backoff, maxBackoff)
}

// isFinal tells that a new session would end as this one did.
func isFinal(err error) bool {
	var r *RefusedError
	if errors.As(err, &r) {
		return r.Code != wire.Code_CODE_STOPPING && r.Code != wire.Code_CODE_LIMIT
	}
	return errors.Is(err, secure.ErrHostKeyChanged)
}

// dial makes a link on a goroutine of its own.
func (l *loop) dial() {
	ctx, cancel := context.WithCancel(context.Background())
	results := make(chan dialResult, 1)
	l.dialled, l.cancel = results, cancel
	cfg := l.cfg
	go func() {
		ctx, answered, cancel := setupContext(ctx, cfg)
		defer cancel()
		link, err := connect(ctx, cfg, answered)
		results <- dialResult{link, err}
	}()
}

// redialled takes the new link, or tries again later.
func (l *loop) redialled(r dialResult) {
	l.cancel()
	l.dialled, l.cancel = nil, nil
	now := time.Now()
	switch {
	case r.err == nil:
		l.up(now, r.link)
	case isFinal(r.err):
		l.finish(now, r.err)
	default:
		l.e.log.Debug("no session yet", "error", r.err)
		l.later(now)
	}
}

// finish ends all that waits. Events that wait can still be read.
func (l *loop) finish(now time.Time, err error) {
	if !errors.Is(err, ErrClosed) {
		l.shared.set(func(s *shared) { s.err = err })
	}
	l.e.fail(now, err)
	l.final = true
	close(l.over)
}

// shutdown says BYE and ends everything.
func (l *loop) shutdown() {
	if l.e.s != nil {
		l.farewell()
	}
	if l.cancel != nil {
		l.cancel()
		if r := <-l.dialled; r.link != nil {
			r.link.close()
		}
	}
	if l.link != nil {
		l.link.close()
	}
	if !l.final {
		if l.e.s != nil {
			l.e.detach()
		}
		l.finish(time.Now(), ErrClosed)
	}
	l.closeEvents()
}

// farewell sends BYE, more than once because it is not acknowledged.
func (l *loop) farewell() {
	l.e.s.flush(time.Now())
	for i := range wire.ByeTimes {
		if i > 0 {
			l.timer.Reset(wire.ByeSpacing)
			<-l.timer.C
		}
		l.e.s.bye()
	}
}

// closeEvents closes Events, once.
func (l *loop) closeEvents() {
	if !l.closed {
		l.closed = true
		close(l.events)
	}
}
