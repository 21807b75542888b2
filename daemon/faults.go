package daemon

import (
	"sync/atomic"
	"time"
)

const (
	// failsAgain is within which time of a read that fails the next one that does is of the same fault: one is tried again after a millisecond, or at the
	// next round. Errors of peers (ICMP) come apart.
	failsAgain = 200 * time.Millisecond
	// lostAfter is how many such make a socket one that cannot be read.
	lostAfter = 500
)

// readFaults tells whether a socket cannot be read any more: its reader has ended, or reads fail one after another. Any goroutine may use it.
type readFaults struct {
	ended atomic.Bool
	last  atomic.Int64 // when a read failed, in Unix nanoseconds
	inRow atomic.Uint32
}

// failed notes a read that failed.
func (f *readFaults) failed(now time.Time) {
	if at := now.UnixNano(); at-f.last.Swap(at) > int64(failsAgain) {
		f.inRow.Store(0)
	}
	f.inRow.Add(1)
}

// succeeded notes a read that did not.
func (f *readFaults) succeeded() {
	if f.inRow.Load() > 0 {
		f.inRow.Store(0)
	}
}

func (f *readFaults) lost() bool { return f.ended.Load() || f.inRow.Load() >= lostAfter }
