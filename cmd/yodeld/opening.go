package main

import (
	"context"
	"fmt"
	"time"
)

const (
	// extendEvery is how often the service manager is told that a start goes on.
	extendEvery = 3 * time.Second
	// extendBy is how long it is to wait from then on (sd_notify(3), EXTEND_TIMEOUT_USEC).
	extendBy = 30 * time.Second
)

// opening asks the service manager for patience every 3 s while the daemon opens the room log, which takes long where it is large and damaged: who is killed
// at that begins anew. It ends with ctx, for an end is not to take longer, or with stop; then it says nothing any more.
func opening(ctx context.Context, tell func(state string)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		began := time.Now()
		again := time.NewTicker(extendEvery)
		defer again.Stop()
		for {
			select {
			case <-again.C:
				tell(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d\nSTATUS=opening the room log for %v", extendBy.Microseconds(), time.Since(began).Round(time.Second)))
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}
