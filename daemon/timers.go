package daemon

import (
	"container/heap"
	"time"
)

// timer is something of which only the next moment counts.
type timer struct {
	at    time.Time
	index int // in the heap + 1; 0: not set
	run   func(now time.Time)
}

// timers are ordered by time: those of the hub, and those of each shard.
type timers []*timer

// set moves a timer; the zero time stops it.
func (ts *timers) set(t *timer, at time.Time) {
	switch {
	case at.IsZero() && t.index > 0:
		heap.Remove(ts, t.index-1)
	case at.IsZero():
	case t.index == 0:
		t.at = at
		heap.Push(ts, t)
	case !t.at.Equal(at):
		t.at = at
		heap.Fix(ts, t.index-1)
	}
}

// next is when the first timer is due; zero for never.
func (ts timers) next() time.Time {
	if len(ts) == 0 {
		return time.Time{}
	}
	return ts[0].at
}

// due takes out the first timer if it is due, else it gives nil.
func (ts *timers) due(now time.Time) *timer {
	if len(*ts) == 0 || (*ts)[0].at.After(now) {
		return nil
	}
	return heap.Pop(ts).(*timer)
}

// fire runs all timers that are due. A timer is stopped before it runs.
func (ts *timers) fire(now time.Time) {
	for t := ts.due(now); t != nil; t = ts.due(now) {
		t.run(now)
	}
}

// Len, Less, Swap, Push and Pop make heap.Interface.

func (ts timers) Len() int           { return len(ts) }
func (ts timers) Less(i, j int) bool { return ts[i].at.Before(ts[j].at) }

func (ts timers) Swap(i, j int) {
	ts[i], ts[j] = ts[j], ts[i]
	ts[i].index, ts[j].index = i+1, j+1
}

// Push appends a timer.
func (ts *timers) Push(x any) {
	t := x.(*timer)
	*ts = append(*ts, t)
	t.index = len(*ts)
}

// Pop takes the last one away.
func (ts *timers) Pop() any {
	old := *ts
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*ts = old[:len(old)-1]
	t.index = 0
	return t
}
