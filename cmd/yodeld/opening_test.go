package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A start that takes long is told of while it lasts; one that is short, or is given up, is not.
func TestALongStartAsksForPatience(t *testing.T) {
	const says = "EXTEND_TIMEOUT_USEC=30000000\nSTATUS=opening the room log for "
	for name, c := range map[string]struct {
		cancelled, stopped time.Duration
		want               []string
	}{
		"short":    {time.Hour, extendEvery - 1, nil},
		"long":     {time.Hour, 7 * time.Second, []string{says + "3s", says + "6s"}},
		"given up": {4 * time.Second, time.Minute, []string{says + "3s"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), c.cancelled)
			defer cancel()
			var told []string
			stop := opening(ctx, func(state string) { told = append(told, state) })
			<-time.After(c.stopped)
			stop()
			stop()
			<-time.After(time.Minute)
			if d := cmp.Diff(c.want, told); d != "" {
				t.Errorf("%s: (-want +got)\n%s", name, d)
			}
		})
	}
}
