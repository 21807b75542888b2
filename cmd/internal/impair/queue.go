package impair

import (
	"container/heap"
	"sync"
	"time"
)

// maxQueued bounds the datagrams on their way, so that a proxy with a long
// delay in front of a flood does not eat the machine: 2^16 of 1200 bytes are
// under 80 MiB.
const maxQueued = 1 << 16

// An item is one copy of a datagram on its way.
type item struct {
	due     time.Time
	seq     uint64 // order of arrival, for equal due times
	payload []byte
	deliver func(payload []byte)
}

// A queue holds items until they are due. Any goroutine may push; one runs.
type queue struct {
	wake chan struct{} // tells run that the head may have changed

	mu    sync.Mutex
	items itemHeap
	seq   uint64
}

func newQueue() *queue {
	return &queue{wake: make(chan struct{}, 1)}
}

// push adds an item and reports whether there was room for it.
func (q *queue) push(it item) bool {
	q.mu.Lock()
	if len(q.items) >= maxQueued {
		q.mu.Unlock()
		return false
	}
	it.seq = q.seq
	q.seq++
	heap.Push(&q.items, it)
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return true
}

// next takes the first item if it is due at now. Otherwise it returns how long
// to wait for it, or a negative duration when the queue is empty.
func (q *queue) next(now time.Time) (it item, wait time.Duration, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return item{}, -1, false
	}
	if wait = q.items[0].due.Sub(now); wait > 0 {
		return item{}, wait, false
	}
	return heap.Pop(&q.items).(item), 0, true
}

// run delivers items as they fall due, until done is closed.
func (q *queue) run(done <-chan struct{}) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		it, wait, ok := q.next(time.Now())
		if ok {
			it.deliver(it.payload)
			continue
		}
		if wait < 0 {
			wait = time.Hour
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-q.wake:
		case <-done:
			return
		}
	}
}

// itemHeap orders items by due time, then by arrival.
type itemHeap []item

func (h itemHeap) Len() int { return len(h) }

func (h itemHeap) Less(i, j int) bool {
	if h[i].due.Equal(h[j].due) {
		return h[i].seq < h[j].seq
	}
	return h[i].due.Before(h[j].due)
}

func (h itemHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h *itemHeap) Push(x any) { *h = append(*h, x.(item)) }

func (h *itemHeap) Pop() any {
	old := *h
	last := len(old) - 1
	it := old[last]
	old[last] = item{} // let go of the payload
	*h = old[:last]
	return it
}
