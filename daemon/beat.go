package daemon

import "sync/atomic"

// beat shows that a goroutine goes on. The goroutine steps when it begins to work and when it begins to wait, so the count is odd while it works.
// Any goroutine may look.
type beat struct {
	steps atomic.Uint32
}

func (b *beat) step() { b.steps.Add(1) }

// working tells whether it works, at a count.
func working(steps uint32) bool { return steps%2 == 1 }
