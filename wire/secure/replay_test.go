package secure

import (
	"math/rand/v2"
	"testing"
)

func TestGuessIsThatOfRFC3711(t *testing.T) {
	const roc = 7 << 16
	for name, c := range map[string]struct {
		newest   uint64
		sequence uint16
		want     uint64
	}{
		"nothing yet":                     {0, 0xffff, 0xffff},
		"next":                            {roc + 5, 6, roc + 6},
		"late":                            {roc + 5, 4, roc + 4},
		"after the wrap":                  {roc + 0xffff, 0, roc + 1<<16},
		"back over the wrap":              {roc + 1, 0xffff, roc - 1},
		"low half: 2^15 ahead":            {roc + 5, 5 + 1<<15, roc + 5 + 1<<15},
		"low half: more is behind":        {roc + 5, 6 + 1<<15, roc - 1<<16 + 6 + 1<<15},
		"high half: 2^15 behind":          {roc + 1<<15 + 5, 5, roc + 5},
		"high half: more is ahead":        {roc + 1<<15 + 5, 4, roc + 1<<16 + 4},
		"nothing is before counter 0":     {5, 0xfffe, 0xfffe},
		"after the last counter comes 0":  {maxIndexRTP, 3, 3},
		"the last counter, from its half": {maxIndexRTP - 0x7fff, 0xffff, maxIndexRTP},
	} {
		if got := guess(c.newest, c.sequence); got != c.want {
			t.Errorf("%s: %#x, want %#x", name, got, c.want)
		}
	}
}

func TestReplaysIsAWindow(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for run := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, run))
		r := make(replays, []int{2, 16}[run%2])
		size := r.size()
		received, newest := map[uint64]bool{}, uint64(0)
		for range 3000 {
			index := newest - min(newest, rng.Uint64N(size+10))
			switch n := rng.IntN(100); {
			case n < 50:
				index = newest + rng.Uint64N(3)
			case n < 55:
				index = newest + rng.Uint64N(2*size)
			case n < 56:
				index = newest + size - 1 + rng.Uint64N(3)
			}
			want := received[index] || index+size <= newest
			if got := r.has(newest, index); got != want {
				t.Fatalf("run %d: index %d with %d the newest: %t, want %t", run, index, newest, got, want)
			}
			if !want {
				received[index] = true
				newest = r.add(newest, index)
			}
		}
	}
}

func TestSSRCsAreFound(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	var table ssrcs[uint32]
	known := map[uint32]*uint32{}
	for range 2000 {
		ssrc := rng.Uint32() >> rng.IntN(32)
		if got, _ := table.find(ssrc); got != known[ssrc] {
			t.Fatalf("%d is %v, want %v", ssrc, got, known[ssrc])
		}
		of := table.findOrAdd(ssrc)
		if known[ssrc] == nil {
			known[ssrc] = of
		}
		if of == nil || of != known[ssrc] || len(table) != len(known) {
			t.Fatalf("%d is %v, want %v; %d of %d", ssrc, of, known[ssrc], len(table), len(known))
		}
	}
}
