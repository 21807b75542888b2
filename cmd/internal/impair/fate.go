package impair

import (
	"math/rand/v2"
	"time"
)

// A fate is what happens to one datagram.
type fate struct {
	copies int              // 0 when lost, 2 when duplicated
	early  bool             // the first copy skips the delay
	delays [2]time.Duration // of each copy
}

// dice throws the fates of one client's datagrams in one direction. It belongs
// to the goroutine that reads them.
type dice struct {
	cfg *Config
	rng *rand.Rand
}

// newDice returns the dice of the given stream: twice the client's number for
// the way to the target, one more for the way back.
func newDice(cfg *Config, stream uint64) *dice {
	return &dice{cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, stream))}
}

// throw returns the fate of the next datagram. It always draws the same count
// of random numbers, so that raising one share does not reshuffle the others.
func (d *dice) throw() fate {
	lost := d.rng.Float64() < d.cfg.Loss
	doubled := d.rng.Float64() < d.cfg.Dup
	early := d.rng.Float64() < d.cfg.Reorder
	f := fate{copies: 1, early: early}
	for i := range f.delays {
		spread := 2*d.rng.Float64() - 1
		f.delays[i] = d.cfg.Delay + time.Duration(spread*float64(d.cfg.Jitter))
	}
	if early {
		f.delays[0] = 0
	}
	if doubled {
		f.copies = 2
	}
	if lost {
		f.copies, f.early = 0, false
	}
	return f
}
