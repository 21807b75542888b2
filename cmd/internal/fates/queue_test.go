package fates

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
		q, done := NewQueue(), make(chan struct{})
		add := func(name string, delay time.Duration) {
			q.Push(Item{Due: start.Add(delay), Payload: []byte(name), Deliver: func(b []byte) {
				got <- delivery{string(b), time.Since(start)}
			}})
		}
		go q.Run(done)
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
	q := NewQueue()
	for i := range maxQueued {
		if !q.Push(Item{}) {
			t.Fatalf("item %d of %d refused", i, maxQueued)
		}
	}
	if q.Push(Item{}) {
		t.Errorf("item %d taken", maxQueued+1)
	}
}
