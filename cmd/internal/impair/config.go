package impair

import (
	"fmt"

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
	// Profile is what happens in each direction. Nothing is corrupted here:
	// Corrupt must be 0.
	fates.Profile
	// Seed chooses the sequence of fates.
	Seed uint64
}

func (c *Config) validate() error {
	switch {
	case c.Target == "":
		return fmt.Errorf("%w: no target", ErrConfig)
	case c.Corrupt != 0:
		return fmt.Errorf("%w: a share of %v is to be corrupted", ErrConfig, c.Corrupt)
	}
	if err := c.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return nil
}
