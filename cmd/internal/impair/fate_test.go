package impair

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// throws returns the fates of the first n datagrams.
func throws(d *dice, n int) []fate {
	fates := make([]fate, n)
	for i := range fates {
		fates[i] = d.throw()
	}
	return fates
}

func TestSameSeedSameFates(t *testing.T) {
	cfg := Config{
		Loss: 0.2, Dup: 0.1, Reorder: 0.1,
		Delay: 30 * time.Millisecond, Jitter: 10 * time.Millisecond, Seed: 7,
	}
	first := throws(newDice(&cfg, 0), 1000)
	opt := cmp.AllowUnexported(fate{})
	if diff := cmp.Diff(first, throws(newDice(&cfg, 0), 1000), opt); diff != "" {
		t.Errorf("same seed, other fates (-first +second):\n%s", diff)
	}
	if cmp.Equal(first, throws(newDice(&cfg, 1), 1000), opt) {
		t.Error("both directions share their fates")
	}
	other := cfg
	other.Seed++
	if cmp.Equal(first, throws(newDice(&other, 0), 1000), opt) {
		t.Error("another seed gives the same fates")
	}
}

func TestOneShareDoesNotReshuffleTheOthers(t *testing.T) {
	plain := Config{Dup: 0.3, Seed: 3}
	lossy := Config{Dup: 0.3, Loss: 0.5, Seed: 3}
	a, b := throws(newDice(&plain, 0), 500), throws(newDice(&lossy, 0), 500)
	for i := range a {
		if b[i].copies != 0 && a[i].copies != b[i].copies {
			t.Fatalf("datagram %d: %d copies without loss, %d with", i, a[i].copies, b[i].copies)
		}
	}
}

func TestSharesAndDelaysAreMet(t *testing.T) {
	const n = 20000
	const delay, jitter = 20 * time.Millisecond, 10 * time.Millisecond
	cfg := Config{Loss: 0.1, Dup: 0.05, Reorder: 0.2, Delay: delay, Jitter: jitter, Seed: 1}
	var lost, doubled, early float64
	for _, f := range throws(newDice(&cfg, 0), n) {
		switch f.copies {
		case 0:
			lost++
		case 2:
			doubled++
		}
		if f.early {
			early++
			if f.delays[0] != 0 {
				t.Fatalf("an early datagram waits %v", f.delays[0])
			}
			continue
		}
		for _, d := range f.delays[:f.copies] {
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
}

func TestBadConfig(t *testing.T) {
	const target = "127.0.0.1:1"
	tests := []struct {
		name string
		cfg  Config
	}{
		{"no target", Config{}},
		{"loss over one", Config{Target: target, Loss: 1.1}},
		{"negative dup", Config{Target: target, Dup: -0.1}},
		{"reorder not a number", Config{Target: target, Delay: 1, Reorder: math.NaN()}},
		{"negative delay", Config{Target: target, Delay: -1}},
		{"negative jitter", Config{Target: target, Jitter: -1}},
		{"jitter over delay", Config{Target: target, Delay: 1, Jitter: 2}},
		{"reorder without delay", Config{Target: target, Reorder: 0.1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := New(tt.cfg)
			if !errors.Is(err, ErrConfig) {
				t.Errorf("New: %v, want ErrConfig", err)
			}
			if p != nil {
				t.Error("New returned a proxy beside its error")
			}
		})
	}
}
