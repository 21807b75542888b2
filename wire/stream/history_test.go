package stream

import (
	"math/rand/v2"
	"testing"
)

// The counts are those of a plain list, whatever the first number, and late finds are taken back.
func TestHistoryCounts(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 2))
	for _, first := range []int64{0, 1, 63, 1<<15 - 1, 1 << 40} {
		var h history
		h.init(first)
		var lost []bool
		for range 5000 {
			step := 1 + random.IntN(3)
			for range step {
				lost = append(lost, false)
			}
			h.reach(first + int64(len(lost)) - 1)
			i := len(lost) - 1 - random.IntN(min(len(lost), 600))
			to := random.IntN(2)
			h.set(first+int64(i), to)
			if i >= len(lost)-longHistory {
				lost[i] = to == 1
			}
			if short, long := count(lost, shortHistory), count(lost, longHistory); h.short != short || h.long != long {
				t.Fatalf("first %d, after %d packets: %d and %d lost, want %d and %d", first, len(lost), h.short, h.long, short, long)
			}
		}
	}
}

func count(lost []bool, latest int) (n int) {
	for _, l := range lost[max(0, len(lost)-latest):] {
		if l {
			n++
		}
	}
	return n
}

// lose lets packets go by, every k-th of them lost; 0: none.
func lose(h *history, packets, k int) {
	for range packets {
		number := h.end
		h.reach(number)
		if k > 0 && number%int64(k) == 0 {
			h.set(number, 1)
		}
	}
}

func TestRepeatsByLoss(t *testing.T) {
	for _, test := range []struct {
		name         string
		packets, way int // every way-th is lost
		want         int
	}{
		{"nothing known", 0, 0, 1},
		{"a little known", unproven - 1, 0, 1},
		{"clean", unproven, 0, 0},
		{"1 %", 600, 100, 1},
		{"5 %", 600, 20, 3},
		{"20 %", 600, 5, 4},
	} {
		var h history
		h.init(7)
		lose(&h, test.packets, test.way)
		if got := h.repeats(); got != test.want {
			t.Errorf("%s: %d repeats, want %d (rate %.3f)", test.name, got, test.want, h.rate())
		}
	}
}

// Within 100 packets of a change for the worse the repeats are there; after it they go slowly.
func TestRepeatsFollowChanges(t *testing.T) {
	var h history
	h.init(0)
	lose(&h, 1000, 0)
	if got := h.repeats(); got != 0 {
		t.Fatalf("%d repeats on a clean path", got)
	}
	for n := 0; h.repeats() < maxRepeats; n++ {
		if n == 100 {
			t.Fatalf("%d repeats 100 packets after 20 %% loss began", h.repeats())
		}
		lose(&h, 1, 5)
	}
	lose(&h, 600, 5)
	lose(&h, 100, 0)
	if got := h.repeats(); got != maxRepeats {
		t.Errorf("%d repeats 100 packets after the loss ended", got)
	}
	lose(&h, longHistory-100, 0)
	if got := h.repeats(); got != 0 {
		t.Errorf("%d repeats %d packets after the loss ended", got, longHistory)
	}
}
