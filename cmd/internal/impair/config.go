package impair

import (
	"fmt"
	"time"

	"yodel/cmd/internal/fates"
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
	if c.Target == "" {
		return fmt.Errorf("%w: no target", ErrConfig)
	}
	p := c.profile()
	if err := p.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return nil
}

// profile is what happens to the datagrams of each direction.
func (c *Config) profile() fates.Profile {
	return fates.Profile{Loss: c.Loss, Dup: c.Dup, Reorder: c.Reorder, Delay: c.Delay, Jitter: c.Jitter}
}
