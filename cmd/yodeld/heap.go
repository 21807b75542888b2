package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// leastHeadroom is how much garbage there may be at least before it is collected: that of some fifty who join.
	leastHeadroom = 6 << 20
	// headroom is how much there may be for 100 bytes that live. Go's default of 100 would double what an idle session costs, and while they
	// are idle, and while audio flows, there is little garbage.
	headroom = 30
)

// keepHeapSmall sets after each garbage collection when the next one is due.
func keepHeapSmall() {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	debug.SetGCPercent(gcPercent(sample[0].Value.Uint64()))
	collected := new([16]byte)
	runtime.AddCleanup(collected, func(struct{}) { keepHeapSmall() }, struct{}{})
}

// gcPercent is how much the heap may grow in percent of what lives.
func gcPercent(live uint64) int {
	return max(headroom, int(100*leastHeadroom/max(live, 1<<20)))
}
