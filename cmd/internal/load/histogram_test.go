package load

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestQuantilesAreWithinTwoPercent(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	var h histogram
	var all []time.Duration
	for range 10_000 {
		d := time.Duration(r.Int64N(1 << (r.IntN(40) + 1)))
		h.add(d)
		all = append(all, d)
	}
	slices.Sort(all)
	for _, q := range []float64{0.001, 0.25, 0.5, 0.9, 0.99, 0.999} {
		got, want := h.quantile(q), all[int(q*float64(len(all)))-1]
		if got < want || float64(got) > float64(want)*1.016+1 {
			t.Errorf("quantile %v: %d, want %d", q, got, want)
		}
	}
	if got := h.quantile(1); got != all[len(all)-1] || h.most != got {
		t.Errorf("the largest is %d and %d, want %d", got, h.most, all[len(all)-1])
	}
}

func TestBucketsFollowOnEachOther(t *testing.T) {
	last := -1
	for v := range uint64(100_000) {
		b := bucket(v)
		if b != last && b != last+1 || v > top(b) || top(b)-v > v>>subBits {
			t.Fatalf("%d is in bucket %d after %d, up to %d", v, b, last, top(b))
		}
		last = b
	}
	if b := bucket(1<<63 - 1); b >= len(histogram{}.counts) || top(b) != 1<<63-1 {
		t.Errorf("the longest duration is in bucket %d, up to %d", b, top(b))
	}
}

func TestAnEmptyHistogram(t *testing.T) {
	var h histogram
	if got := h.quantiles(); got != (Quantiles{}) {
		t.Errorf("%+v", got)
	}
	h.add(-time.Second)
	if h.n != 1 || h.quantile(0.5) != 0 {
		t.Errorf("a negative duration is %v", h.quantile(0.5))
	}
}
