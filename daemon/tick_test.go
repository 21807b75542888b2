package daemon

import (
	"testing"
	"time"

	"yodel/wire"
)

// A member is told how far from its time a packet may come, never less.
func TestTickIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  Config
		want uint32
	}{
		"live":                {Config{Gather: 5 * time.Millisecond, Grid: 20 * time.Millisecond}, 5},
		"live, at once":       {Config{Grid: 20 * time.Millisecond}, 0},
		"echo":                {Config{Delay: time.Second, Gather: 5 * time.Millisecond, Grid: 20 * time.Millisecond}, 10},
		"echo, no grid":       {Config{Delay: time.Second, Gather: 5 * time.Millisecond}, 0},
		"half a step is 2.5":  {Config{Delay: time.Second, Grid: 5 * time.Millisecond}, 3},
		"less than one, live": {Config{Gather: time.Microsecond}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inRoom(t, c.cfg, func(t *testing.T, a, _ *client) {
				if got := last(a, (*wire.Message).GetJoined).GetTickMs(); got != c.want {
					t.Errorf("%d ms, want %d", got, c.want)
				}
			})
		})
	}
}
