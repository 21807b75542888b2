package histogram

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBuckets(t *testing.T) {
	h := New(1, 2.5, 10)
	for _, v := range []float64{0, 1, 1.5, 2.5, 10, 11, 1000} {
		h.Observe(v)
	}
	want := Snapshot{Bounds: []float64{1, 2.5, 10}, UpTo: []uint64{2, 4, 5}, Count: 7, Sum: 1026}
	if diff := cmp.Diff(want, h.Snapshot()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestNothingObserved(t *testing.T) {
	if diff := cmp.Diff(Snapshot{Bounds: []float64{1}, UpTo: []uint64{0}}, New(1).Snapshot()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestManyObserveAtOnce(t *testing.T) {
	h := New(0.5)
	const goroutines, each = 8, 1000
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range each {
				h.Observe(0.25)
			}
		})
	}
	wg.Wait()
	if s := h.Snapshot(); s.Count != goroutines*each || s.UpTo[0] != s.Count || s.Sum != goroutines*each*0.25 {
		t.Errorf("%+v", s)
	}
}

func TestObservingAllocatesNothing(t *testing.T) {
	h := New(1, 2, 3)
	if n := testing.AllocsPerRun(100, func() { h.Observe(2) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
