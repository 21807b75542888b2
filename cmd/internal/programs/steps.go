package programs

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// Pause lets time pass: how long something lasts is part of many a trial. The error is the cause of ctx's end.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Within runs a step with a limit, which is the cause of its context's end.
func Within(ctx context.Context, limit time.Duration, step func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %v", limit))
	defer cancel()
	return step(ctx)
}

// End kills what still runs of the programs, and tells after a failure of the test what they said.
func End(t *testing.T, all []*Process) {
	t.Helper()
	for _, p := range all {
		p.Kill()
		if t.Failed() {
			t.Logf("%s (%v): %s", p.Name, p.Cmd.ProcessState, p.LastWords())
		}
	}
}
