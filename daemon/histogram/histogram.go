// Package histogram counts observations by size, for figures that are looked at now and then.
package histogram

import (
	"math"
	"slices"
	"sync/atomic"
)

// Histogram counts values in buckets of fixed bounds. Any goroutine may observe, and none waits or allocates.
type Histogram struct {
	bounds []float64
	counts []atomic.Uint64 // by bucket; the last is of what is beyond all bounds
	sum    atomic.Uint64   // the bits of a float64
}

// New makes a histogram with buckets up to and with each of the bounds, which ascend, and one for what is beyond.
func New(bounds ...float64) *Histogram {
	return &Histogram{bounds: bounds, counts: make([]atomic.Uint64, len(bounds)+1)}
}

// Observe counts a value.
func (h *Histogram) Observe(v float64) {
	i, _ := slices.BinarySearch(h.bounds, v)
	h.counts[i].Add(1)
	for {
		before := h.sum.Load()
		if h.sum.CompareAndSwap(before, math.Float64bits(math.Float64frombits(before)+v)) {
			return
		}
	}
}

// Snapshot is what a histogram has counted. UpTo[i] is how many values were at most Bounds[i], Count how many there were, and Sum their sum.
type Snapshot struct {
	Bounds []float64 `json:"bounds"`
	UpTo   []uint64  `json:"up_to"`
	Count  uint64    `json:"count"`
	Sum    float64   `json:"sum"`
}

// Snapshot gives what was counted up to now. A value that is observed meanwhile may be in Count and not yet in Sum.
func (h *Histogram) Snapshot() Snapshot {
	s := Snapshot{Bounds: h.bounds, UpTo: make([]uint64, len(h.bounds)), Sum: math.Float64frombits(h.sum.Load())}
	for i := range h.counts {
		s.Count += h.counts[i].Load()
		if i < len(s.UpTo) {
			s.UpTo[i] = s.Count
		}
	}
	return s
}
