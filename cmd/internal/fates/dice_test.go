package fates

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// throws returns the fates of the first n packets.
func throws(d *Dice, p *Profile, n int) []Fate {
	all := make([]Fate, n)
	for i := range all {
		all[i] = d.Throw(p)
	}
	return all
}

func TestSameSeedSameFates(t *testing.T) {
	p := Profile{
		Loss: 0.2, Burst: 2, Dup: 0.1, Reorder: 0.1, Corrupt: 0.1,
		Delay: 30 * time.Millisecond, Jitter: 10 * time.Millisecond,
	}
	first := throws(NewDice(7, 0), &p, 1000)
	if diff := cmp.Diff(first, throws(NewDice(7, 0), &p, 1000)); diff != "" {
		t.Errorf("same seed, other fates (-first +second):\n%s", diff)
	}
	if cmp.Equal(first, throws(NewDice(7, 1), &p, 1000)) {
		t.Error("both directions share their fates")
	}
	if cmp.Equal(first, throws(NewDice(8, 0), &p, 1000)) {
		t.Error("another seed gives the same fates")
	}
}

func TestOneShareDoesNotReshuffleTheOthers(t *testing.T) {
	plain := Profile{Dup: 0.3}
	lossy := Profile{Dup: 0.3, Loss: 0.5}
	a, b := throws(NewDice(3, 0), &plain, 500), throws(NewDice(3, 0), &lossy, 500)
	for i := range a {
		if b[i].Copies != 0 && a[i].Copies != b[i].Copies {
			t.Fatalf("packet %d: %d copies without loss, %d with", i, a[i].Copies, b[i].Copies)
		}
	}
}

func TestSharesAndDelaysAreMet(t *testing.T) {
	const n = 20000
	const delay, jitter = 20 * time.Millisecond, 10 * time.Millisecond
	p := Profile{Loss: 0.1, Dup: 0.05, Reorder: 0.2, Corrupt: 0.3, Delay: delay, Jitter: jitter}
	var lost, doubled, early, corrupt float64
	for _, f := range throws(NewDice(1, 0), &p, n) {
		switch f.Copies {
		case 0:
			lost++
		case 2:
			doubled++
		}
		if f.Corrupt {
			corrupt++
		}
		if f.Early {
			early++
			if f.Delays[0] != 0 {
				t.Fatalf("an early packet waits %v", f.Delays[0])
			}
			continue
		}
		for _, d := range f.Delays[:f.Copies] {
			if d < delay-jitter || d > delay+jitter {
				t.Fatalf("delay %v outside %v ± %v", d, delay, jitter)
			}
		}
	}
	near := func(name string, got, want float64) {
		if math.Abs(got/n-want) > 0.01 {
			t.Errorf("%s %.3f, want %.3f", name, got/n, want)
		}
	}
	near("loss", lost, 0.1)
	near("dup", doubled, 0.05*0.9)
	near("reorder", early, 0.2*0.9)
	near("corrupt", corrupt, 0.3*0.9)
}

// Bursts have the length and the loss the share that was asked for, both in the mean.
func TestBurstsOfLoss(t *testing.T) {
	const n = 200000
	tests := []struct{ loss, burst float64 }{{0.05, 1}, {0.05, 8}, {0.2, 3}, {0.5, 10}}
	for _, tt := range tests {
		p := Profile{Loss: tt.loss, Burst: tt.burst}
		lost, bursts, before := 0.0, 0.0, false
		for _, f := range throws(NewDice(1, 0), &p, n) {
			if f.Copies == 0 {
				lost++
				if !before {
					bursts++
				}
			}
			before = f.Copies == 0
		}
		if share := lost / n; math.Abs(share-tt.loss) > 0.1*tt.loss {
			t.Errorf("loss %v in bursts of %v: lost %.4f", tt.loss, tt.burst, share)
		}
		if mean := lost / bursts; math.Abs(mean-tt.burst) > 0.1*tt.burst {
			t.Errorf("loss %v in bursts of %v: the mean burst is %.2f", tt.loss, tt.burst, mean)
		}
	}
}

func TestBadProfile(t *testing.T) {
	tests := []struct {
		name string
		p    Profile
	}{
		{"loss over one", Profile{Loss: 1.1}},
		{"negative dup", Profile{Dup: -0.1}},
		{"corrupt over one", Profile{Corrupt: 2}},
		{"reorder not a number", Profile{Delay: 1, Reorder: math.NaN()}},
		{"negative delay", Profile{Delay: -1}},
		{"negative jitter", Profile{Jitter: -1}},
		{"jitter over delay", Profile{Delay: 1, Jitter: 2}},
		{"reorder without delay", Profile{Reorder: 0.1}},
		{"burst under one", Profile{Loss: 0.1, Burst: 0.5}},
		{"burst too short for the loss", Profile{Loss: 0.9, Burst: 2}},
	}
	for _, tt := range tests {
		if err := tt.p.Validate(); !errors.Is(err, ErrProfile) {
			t.Errorf("%s: %v, want ErrProfile", tt.name, err)
		}
	}
}
