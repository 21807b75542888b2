package fates

import (
	"fmt"
	"time"
)

// A Profile is what happens to the packets of one direction. The zero Profile lets everything through at once.
type Profile struct {
	// Loss is the share of packets dropped, 0 to 1.
	Loss float64
	// Burst is the mean length, in packets, of a run of lost packets (Gilbert's model: all is lost in the bad state, nothing in
	// the good one, and Loss is met in the mean). 0 loses each packet by itself.
	Burst float64
	// Dup is the share of packets delivered twice, 0 to 1. The second copy gets a delay of its own.
	Dup float64
	// Reorder is the share of packets that skip the delay, 0 to 1, and so overtake those before them. It needs a Delay.
	Reorder float64
	// Corrupt is the share of packets in which bits are flipped, 0 to 1.
	Corrupt float64
	// Delay is how long a packet takes, one way.
	Delay time.Duration
	// Jitter varies the delay evenly over Delay ± Jitter, which reorders too. It may not exceed Delay.
	Jitter time.Duration
}

// Validate returns an error wrapping ErrProfile that names the first field that makes no sense.
func (p *Profile) Validate() error {
	shares := []struct {
		name  string
		value float64
	}{{"loss", p.Loss}, {"dup", p.Dup}, {"reorder", p.Reorder}, {"corrupt", p.Corrupt}}
	for _, s := range shares {
		if !(s.value >= 0 && s.value <= 1) {
			return fmt.Errorf("%w: %s is a share from 0 to 1, not %v", ErrProfile, s.name, s.value)
		}
	}
	switch {
	case p.Delay < 0 || p.Jitter < 0:
		return fmt.Errorf("%w: negative delay %v or jitter %v", ErrProfile, p.Delay, p.Jitter)
	case p.Jitter > p.Delay:
		return fmt.Errorf("%w: jitter %v exceeds the delay %v", ErrProfile, p.Jitter, p.Delay)
	case p.Reorder > 0 && p.Delay == 0:
		return fmt.Errorf("%w: reorder needs a delay to skip", ErrProfile)
	case p.Burst != 0 && !(p.Burst >= 1):
		return fmt.Errorf("%w: a burst of %v packets", ErrProfile, p.Burst)
	case p.Burst != 0 && p.Loss > p.Burst/(1+p.Burst):
		return fmt.Errorf("%w: bursts of %v packets cannot lose a share of %v", ErrProfile, p.Burst, p.Loss)
	}
	return nil
}
