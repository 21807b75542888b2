package peer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

const (
	// firstBackoff and maxBackoff bound the wait before a session is made anew; it doubles in between.
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 3 * time.Second
	// lookAfter gathers changes of the network: an address and its routes come one by one.
	lookAfter = 200 * time.Millisecond
)

// dialling is a link in the making, on a goroutine of its own.
type dialling struct {
	cancel   context.CancelFunc
	answered atomic.Bool // some address has answered
	done     chan dialResult
}

// dialResult is what it brings.
type dialResult struct {
	link *link
	err  error
}

// results gives the channel to wait at; nil when none is under way.
func (d *dialling) results() <-chan dialResult {
	if d == nil {
		return nil
	}
	return d.done
}

// dial makes a link.
func (l *loop) dial(to target) {
	ctx, cancel := context.WithCancel(context.Background())
	d := &dialling{cancel: cancel, done: make(chan dialResult, 1)}
	l.dialling = d
	cfg := l.cfg
	cfg.pinned = l.Daemon()
	go func() {
		ctx, answered, cancel := setupContext(ctx, cfg)
		defer cancel()
		link, err := connect(ctx, cfg, to, func() {
			d.answered.Store(true)
			answered()
		})
		d.done <- dialResult{link, err}
	}()
}

// stopDialling ends the dialling that is under way, and its goroutine.
func (l *loop) stopDialling() {
	if l.dialling == nil {
		return
	}
	l.dialling.cancel()
	if r := <-l.dialling.done; r.link != nil {
		r.link.close()
	}
	l.dialling = nil
}

// redialled takes the new link, or tries again later.
func (l *loop) redialled(r dialResult) {
	l.dialling.cancel()
	l.dialling = nil
	now := time.Now()
	switch rekeying := l.e.s != nil; {
	case r.err == nil && rekeying:
		l.e.attachNext(now, newSession(now, r.link))
	case rekeying:
		l.e.rekeyFailed(now, r.err)
	case r.err == nil:
		l.up(now, r.link)
	case isFinal(r.err):
		l.finish(now, r.err)
	default:
		l.e.log.Debug("no session yet", "error", r.err)
		l.e.notBack()
		l.later(now)
	}
}

// up begins a session on a link.
func (l *loop) up(now time.Time, link *link) {
	l.tooLong = 0
	l.known.known = link.addr
	l.reached(link)
	l.e.attach(now, newSession(now, link))
}

// down ends the session: for good, or until the next one. The daemon is told of the end that is for good, and of one that was the peer's own
// decision. It is not told of another, so that it can go on with the session.
func (l *loop) down(now time.Time, err error) {
	s := l.e.s
	if n := s.link.tooLong.Load(); n > 0 {
		err = fmt.Errorf("%w (%d datagrams were too long for the path)", err, n)
	}
	for o := range l.e.sessions {
		if o != s {
			o.close()
		}
	}
	l.stopDialling()
	silent := s.stream.Err() != nil
	l.e.detach()
	again := l.cfg.Reconnect && l.e.welcomed && !isFinal(err)
	if s.gone || again && silent {
		s.close()
	} else {
		l.e.parting = append(l.e.parting, s)
	}
	if !again {
		l.finish(now, err)
		return
	}
	if s.welcomed && now.Sub(s.began) >= steadyAfter {
		l.backoff = firstBackoff
	}
	switch {
	case errors.Is(err, errNothingThere):
		l.e.mayBeLost(now, err)
		l.later(now)
	case errors.Is(err, errUnknown) && l.backoff == firstBackoff:
		l.e.lost(err)
		l.redialAt, l.backoff = now, 2*firstBackoff
	default:
		l.e.lost(err)
		l.later(now)
	}
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
	return errors.Is(err, secure.ErrHostKeyChanged) || errors.Is(err, ErrOtherDaemon) || errors.Is(err, ErrKicked)
}

// changed notes a change of the network, which is looked at when those that belong to it have come too.
func (l *loop) changed(now time.Time) {
	if l.lookAt.IsZero() && !l.final {
		l.lookAt = now.Add(lookAfter)
	}
}

// look looks for a way to the daemon after a change of the network: between sessions it dials at once, also in place of a dialling that
// nobody has answered.
func (l *loop) look(now time.Time) {
	l.lookAt = time.Time{}
	switch {
	case l.e.s != nil:
		l.e.networkChanged(now)
	case l.dialling != nil && !l.dialling.answered.Load():
		l.stopDialling()
		l.redialAt = now
	case l.dialling == nil:
		l.redialAt = now
	}
}
