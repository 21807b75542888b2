package daemon

import (
	"math/rand/v2"
	"testing"
	"time"
)

// A bucket gives what is in it at once, and then its rate, whatever was refused in between.
func TestBucketHoldsItsRate(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 6))
	const rate, burst, seconds = 200, 50, 60
	var b bucket
	cost, depth := atRate(1, rate), atRate(burst, rate)
	taken, now := 0, epoch
	for now.Before(epoch.Add(seconds * time.Second)) {
		for b.take(now, cost, depth) {
			taken++
		}
		if b.take(now, cost, depth) {
			t.Fatal("there is more after a refusal")
		}
		now = now.Add(time.Duration(r.IntN(int(depth / 2))))
	}
	if most := burst + rate*seconds; taken > most || taken < most-burst {
		t.Errorf("%d were taken in %d s, at most %d may be", taken, seconds, most)
	}
	if now = b.paid; !b.full(now) || b.full(now.Add(-1)) {
		t.Error("it is full at another time than when all is paid")
	}
	taken = 0
	for b.take(now, cost, depth) {
		taken++
	}
	if taken != burst {
		t.Errorf("%d are in a full bucket of %d", taken, burst)
	}
}

func TestChargingMayOverdrawABucket(t *testing.T) {
	var b bucket
	b.charge(epoch, 3*time.Second)
	if b.take(epoch.Add(time.Second), 1, time.Second) || !b.free(time.Second).Equal(epoch.Add(2*time.Second)) {
		t.Errorf("free at %v", b.free(time.Second))
	}
	if !b.take(epoch.Add(2*time.Second+1), 1, time.Second) {
		t.Error("what is owed is not paid in time")
	}
}
