package daemon

import (
	"context"
	"net/netip"
	"sync/atomic"
	"time"

	"yodel/daemon/access"
)

// Daemon is a daemon at work, as its operator sees it. Any goroutine may use it, also when it has ended: then its methods give ErrStopped.
type Daemon struct {
	server *server
	addr   netip.AddrPort
	access access.Mode
}

// Addr is the address that the daemon listens on.
func (d *Daemon) Addr() netip.AddrPort { return d.addr }

// Access says who may come in, as it was when the daemon was started.
func (d *Daemon) Access() access.Mode { return d.access }

// ask has the hub's loop run f, and gives what that gives. ctx bounds the wait for its turn: with an error of ctx f has not run, and will not. With
// ErrStopped it may have.
func ask[T any](ctx context.Context, d *Daemon, f func(h *hub, now time.Time) T) (answer T, err error) {
	got := make(chan T, 1)
	var settled atomic.Bool // whether f runs
	h := d.server.hub
	h.plane.tell.add(func(now time.Time) {
		if ctx.Err() == nil && settled.CompareAndSwap(false, true) {
			got <- f(h, now)
		}
	})
	given := ctx.Done()
	for {
		select {
		case answer = <-got:
			return answer, nil
		case <-given:
			if settled.CompareAndSwap(false, true) {
				return answer, context.Cause(ctx)
			}
			given = nil // f runs
		case <-d.server.done:
			return answer, ErrStopped
		}
	}
}

// await has the hub's loop run f, and waits until f has called reply, in the loop, then or later: until ctx ends or the daemon stops. f does not run when ctx has
// ended before its turn; else what it has begun goes on, whatever becomes of ctx.
func await[T any](ctx context.Context, d *Daemon, f func(h *hub, now time.Time, reply func(T))) (answer T, err error) {
	got := make(chan T, 1)
	h := d.server.hub
	h.plane.tell.add(func(now time.Time) {
		if ctx.Err() == nil {
			f(h, now, func(a T) { got <- a })
		}
	})
	select {
	case answer = <-got:
		return answer, nil
	case <-ctx.Done():
		return answer, context.Cause(ctx)
	case <-d.server.done:
	}
	select {
	case answer = <-got: // with the last that was done
		return answer, nil
	default:
		return answer, ErrStopped
	}
}
