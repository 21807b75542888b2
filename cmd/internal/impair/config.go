package impair

import (
	"fmt"
	"time"
)

// A Config says where datagrams come from, where they go, and what happens to
// them on the way. The zero impairments pass everything on at once.
type Config struct {
	// Listen is the UDP address that clients send to. Empty means a free port
	// on 127.0.0.1.
	Listen string
	// Target is the UDP address that datagrams are passed on to. Required.
	Target string
	// Loss is the share of datagrams dropped, 0 to 1, in each direction.
	Loss float64
	// Dup is the share of datagrams delivered twice, 0 to 1. The second copy
	// gets a delay of its own.
	Dup float64
	// Reorder is the share of datagrams that skip the delay, 0 to 1, and so
	// overtake those before them. It needs a Delay.
	Reorder float64
	// Delay is how long a datagram takes, one way.
	Delay time.Duration
	// Jitter varies the delay evenly over Delay ± Jitter, which reorders too.
	// It may not exceed Delay.
	Jitter time.Duration
	// Seed chooses the sequence of fates.
	Seed uint64
}

// validate returns an error that names the first field that makes no sense.
func (c *Config) validate() error {
	shares := []struct {
		name  string
		value float64
	}{{"loss", c.Loss}, {"dup", c.Dup}, {"reorder", c.Reorder}}
	for _, s := range shares {
		if !(s.value >= 0 && s.value <= 1) {
			return fmt.Errorf("%w: %s is a share from 0 to 1, not %v", ErrConfig, s.name, s.value)
		}
	}
	switch {
	case c.Target == "":
		return fmt.Errorf("%w: no target", ErrConfig)
	case c.Delay < 0 || c.Jitter < 0:
		return fmt.Errorf("%w: negative delay %v or jitter %v", ErrConfig, c.Delay, c.Jitter)
	case c.Jitter > c.Delay:
		return fmt.Errorf("%w: jitter %v exceeds the delay %v", ErrConfig, c.Jitter, c.Delay)
	case c.Reorder > 0 && c.Delay == 0:
		return fmt.Errorf("%w: reorder needs a delay to skip", ErrConfig)
	}
	return nil
}
