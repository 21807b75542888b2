package main

import (
	"context"
	"sync"
	"time"

	"yodel/peer"
)

// echo is the room as it is heard while one talks oneself.
type echo struct {
	cancel context.CancelFunc
	played chan error // how playing ended; one value

	mu   sync.Mutex
	ssrc uint32        // of the talk whose end is awaited
	over chan struct{} // nil until one is; closed when it was heard to its end
}

// startEcho plays the room until stop.
func startEcho(ctx context.Context, play func(context.Context) error) *echo {
	ctx, cancel := context.WithCancel(ctx)
	e := &echo{cancel: cancel, played: make(chan error, 1)}
	go func() { e.played <- play(ctx) }()
	return e
}

// expect begins to look for the end of the talk that is about to end here. What is heard of others, and of other talks of
// this identity, is no matter.
func (e *echo) expect(ssrc uint32) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ssrc, e.over = ssrc, make(chan struct{})
}

// note takes what was heard.
func (e *echo) note(ev *peer.Talking) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.over == nil || !ev.Self || ev.Start || ev.SSRC != e.ssrc {
		return
	}
	select {
	case <-e.over:
	default:
		close(e.over)
	}
}

// wait returns when the expected talk was heard to its end, and the output is complete.
func (e *echo) wait(ctx context.Context, delay time.Duration) error {
	timeout := time.NewTimer(waitFor(delay))
	defer timeout.Stop()
	select {
	case <-e.over:
		return e.stop()
	case err := <-e.played:
		e.played <- nil
		if err == nil {
			err = context.Cause(ctx)
		}
		return err
	case <-timeout.C:
		return firstError(e.stop(), errNoEcho)
	case <-ctx.Done():
		return firstError(e.stop(), context.Cause(ctx))
	}
}

// stop ends playing; it may be called again.
func (e *echo) stop() error {
	e.cancel()
	err := <-e.played
	e.played <- nil
	return err
}
