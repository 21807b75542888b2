package wire

import (
	"math/rand/v2"
	"testing"
)

// unwrapStep is a sequence number that arrives, and what it is extended to.
type unwrapStep struct {
	seq  uint16
	want uint64
	ok   bool
}

var unwrapCases = []struct {
	name  string
	steps []unwrapStep
}{
	{"first as it is", []unwrapStep{{40000, 40000, true}}},
	{"in order over the wrap", []unwrapStep{{65534, 65534, true}, {65535, 65535, true}, {0, 65536, true}, {1, 65537, true}}},
	{"late over the wrap", []unwrapStep{{65535, 65535, true}, {2, 65538, true}, {65534, 65534, true}, {3, 65539, true}}},
	{"half a cycle ahead is ahead", []unwrapStep{{0, 0, true}, {32767, 32767, true}}},
	{"exactly half a cycle is behind", []unwrapStep{{0, 0, true}, {40, 40, true}, {32808, 0, false}, {41, 41, true}}},
	{"before number 0", []unwrapStep{{3, 3, true}, {65535, 0, false}, {4, 4, true}}},
	{"late numbers do not lower the reference", []unwrapStep{{60000, 60000, true}, {30000, 30000, true}, {20000, 85536, true}}},
}

func TestUnwrapFollowsAStreamThatJumpsAndReorders(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var u Unwrapper
	highest := uint64(random.IntN(1 << 15))
	u.Unwrap(uint16(highest))
	for range 100_000 {
		n := highest + uint64(random.IntN(1<<15))
		if back := uint64(random.IntN(1<<15 + 1)); random.IntN(2) == 0 && back <= highest {
			n = highest - back
		}
		if got, ok := u.Unwrap(uint16(n)); !ok || got != n {
			t.Fatalf("after %d: Unwrap(%d) = %d, %v; want %d", highest, uint16(n), got, ok, n)
		}
		highest = max(highest, n)
	}
}

func FuzzNearest(f *testing.F) {
	f.Add(int64(0), uint16(0))
	f.Add(int64(65535), uint16(0))
	f.Add(int64(-1), uint16(32767))
	f.Add(int64(1<<40+5), uint16(32773))
	f.Fuzz(func(t *testing.T, reference int64, seq uint16) {
		reference >>= 1
		n := Nearest(reference, seq)
		if uint16(n) != seq {
			t.Errorf("Nearest(%d, %d) = %d: low bits are %d", reference, seq, n, uint16(n))
		}
		if d := n - reference; d < -1<<15 || d >= 1<<15 {
			t.Errorf("Nearest(%d, %d) = %d: %d away", reference, seq, n, d)
		}
	})
}
