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
	over map[uint32]chan struct{} // by SSRC: closed when its talk was heard to the end
}

// startEcho plays the room until stop. An output that cannot be opened is an error before anything is shouted.
func startEcho(ctx context.Context, sh *shell, h hearing) (*echo, error) {
	play, err := sh.openOutput(h)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	e := &echo{cancel: cancel, played: make(chan error, 1), over: make(map[uint32]chan struct{})}
	go func() { e.played <- play(ctx) }()
	return e, nil
}

// note takes what was heard.
func (e *echo) note(ev *peer.Talking) {
	if ev.Self && !ev.Start {
		close(e.heard(ev.SSRC))
	}
}

// heard gives the channel of an SSRC.
func (e *echo) heard(ssrc uint32) chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	over := e.over[ssrc]
	if over == nil {
		over = make(chan struct{})
		e.over[ssrc] = over
	}
	return over
}

// wait returns when the talk was heard to its end, and the output is complete.
func (e *echo) wait(ctx context.Context, ssrc uint32, delay time.Duration) error {
	timeout := time.NewTimer(waitFor(delay))
	defer timeout.Stop()
	select {
	case <-e.heard(ssrc):
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
