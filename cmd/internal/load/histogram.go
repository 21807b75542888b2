package load

import (
	"math/bits"
	"time"
)

// subBits is how finely a histogram tells durations apart: 64 steps from one power of two to the next, 1.6 %.
const subBits = 6

// histogram counts durations without allocation. The zero value is ready.
type histogram struct {
	counts [(64 - subBits) << subBits]uint32
	n      int
	most   time.Duration
}

// add counts a duration; one below 0 counts as 0.
func (h *histogram) add(d time.Duration) {
	d = max(d, 0)
	h.counts[bucket(uint64(d))]++
	h.n++
	h.most = max(h.most, d)
}

// bucket numbers the range that a value is in. Values below 2^(subBits+1) have one each.
func bucket(v uint64) int {
	shift := max(0, bits.Len64(v)-subBits-1)
	return shift<<subBits + int(v>>shift)
}

// top is the largest value of a range.
func top(bucket int) uint64 {
	shift := max(0, bucket>>subBits-1)
	return uint64(bucket-shift<<subBits+1)<<shift - 1
}

// quantile gives a value that the share q of all does not exceed, at most 1.6 % too high; 0 of none.
func (h *histogram) quantile(q float64) time.Duration {
	rank, seen := uint64(q*float64(h.n)+0.5), uint64(0)
	rank = max(rank, 1)
	for i, n := range h.counts {
		if seen += uint64(n); seen >= rank {
			return min(time.Duration(top(i)), h.most)
		}
	}
	return h.most
}

func (h *histogram) quantiles() Quantiles {
	return Quantiles{seconds(h.quantile(0.5)), seconds(h.quantile(0.99)), seconds(h.most)}
}
