package daemon

import "time"

// bucket is a token bucket (ITU-T I.371, the virtual scheduling form of the generic cell rate algorithm): what is taken has a cost in time, that in which
// the rate gives as much. The zero value is full. Its rate and depth are the caller's, so that many share one.
type bucket struct {
	paid time.Time // until when all that was taken is paid for
}

// has tells whether something may be taken: what is owed then comes to no more than depth.
func (b *bucket) has(now time.Time, cost, depth time.Duration) bool {
	return b.paid.Sub(now)+cost <= depth
}

// take takes something; false: it is not there, and nothing is taken.
func (b *bucket) take(now time.Time, cost, depth time.Duration) bool {
	if !b.has(now, cost, depth) {
		return false
	}
	b.charge(now, cost)
	return true
}

// charge takes something that may be more than is there.
func (b *bucket) charge(now time.Time, cost time.Duration) {
	if b.paid.Before(now) {
		b.paid = now
	}
	b.paid = b.paid.Add(cost)
}

// free is from when on no more than depth is owed.
func (b *bucket) free(depth time.Duration) time.Time { return b.paid.Add(-depth) }

// full tells that nothing is owed.
func (b *bucket) full(now time.Time) bool { return !b.paid.After(now) }

// atRate is the cost of n at a rate a second.
func atRate(n, rate int64) time.Duration {
	return time.Duration(n * int64(time.Second) / rate)
}
