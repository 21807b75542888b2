package impair

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestQueueDeliversWhenDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type delivery struct {
			Name string
			At   time.Duration
		}
		start := time.Now()
		got := make(chan delivery, 8)
		q, done := newQueue(), make(chan struct{})
		add := func(name string, delay time.Duration) {
			q.push(item{due: start.Add(delay), payload: []byte(name), deliver: func(b []byte) {
				got <- delivery{string(b), time.Since(start)}
			}})
		}
		go q.run(done)
		defer close(done)
		add("late", 300*time.Millisecond)
		synctest.Wait() // the runner now waits for "late"
		add("soon", 100*time.Millisecond)
		add("twin", 100*time.Millisecond)
		add("past", -time.Second)

		want := []delivery{
			{"past", 0},
			{"soon", 100 * time.Millisecond},
			{"twin", 100 * time.Millisecond},
			{"late", 300 * time.Millisecond},
		}
		var seen []delivery
		for range want {
			seen = append(seen, <-got)
		}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("deliveries (-want +got):\n%s", diff)
		}
	})
}

func TestQueueIsBounded(t *testing.T) {
	q := newQueue()
	for i := range maxQueued {
		if !q.push(item{}) {
			t.Fatalf("item %d of %d refused", i, maxQueued)
		}
	}
	if q.push(item{}) {
		t.Errorf("item %d taken", maxQueued+1)
	}
}
