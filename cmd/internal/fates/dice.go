package fates

import (
	"math/rand/v2"
	"time"
)

// A Fate is what happens to one packet.
type Fate struct {
	Copies  int              // 0 when lost, 2 when duplicated
	Early   bool             // the first copy skips the delay
	Corrupt bool             // bits are flipped, which ones Noise chooses
	Delays  [2]time.Duration // of each copy
	Noise   uint64           // evenly distributed
}

// Dice throws the fates of the packets of one direction. It belongs to one goroutine.
type Dice struct {
	rng *rand.Rand
	bad bool // of Gilbert's model: in a burst of loss
}

// NewDice returns the dice of one of the streams of a seed. Streams are independent of each other.
func NewDice(seed, stream uint64) *Dice {
	return &Dice{rng: rand.New(rand.NewPCG(seed, stream))}
}

// Throw returns the fate of the next packet. It always draws the same count of random numbers, so that raising one share does not
// reshuffle the others.
func (d *Dice) Throw(p *Profile) Fate {
	lost := d.lose(p, d.rng.Float64())
	doubled := d.rng.Float64() < p.Dup
	early := d.rng.Float64() < p.Reorder
	f := Fate{Copies: 1, Early: early}
	for i := range f.Delays {
		spread := 2*d.rng.Float64() - 1
		f.Delays[i] = p.Delay + time.Duration(spread*float64(p.Jitter))
	}
	f.Corrupt = d.rng.Float64() < p.Corrupt
	f.Noise = d.rng.Uint64()
	if early {
		f.Delays[0] = 0
	}
	if doubled {
		f.Copies = 2
	}
	if lost {
		f.Copies, f.Early, f.Corrupt = 0, false, false
	}
	return f
}

// lose moves Gilbert's model on by one packet; u is evenly distributed over [0, 1).
func (d *Dice) lose(p *Profile, u float64) bool {
	switch {
	case p.Burst == 0:
		d.bad = u < p.Loss
	case d.bad:
		d.bad = p.Loss > 0 && u >= 1/p.Burst
	case p.Loss > 0:
		d.bad = u < p.Loss/(1-p.Loss)/p.Burst
	}
	return d.bad
}
