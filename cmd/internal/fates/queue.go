package fates

import (
	"container/heap"
	"sync"
	"time"
)

// maxQueued bounds the packets on their way, so that a long delay in front of
// a flood does not eat the machine: 2^16 of 1200 bytes are under 80 MiB.
const maxQueued = 1 << 16

// An Item is one copy of a packet on its way.
type Item struct {
	Due     time.Time
	Payload []byte
	Deliver func(payload []byte) // called by Run; it must not wait
	seq     uint64               // order of arrival, for equal due times
}

// A Queue holds items until they are due. Any goroutine may push; one runs.
type Queue struct {
	wake chan struct{} // tells Run that the head may have changed

	mu    sync.Mutex
	items itemHeap
	seq   uint64
}

// NewQueue returns an empty queue.
func NewQueue() *Queue {
	return &Queue{wake: make(chan struct{}, 1)}
}

// Push adds an item and reports whether there was room for it.
func (q *Queue) Push(it Item) bool {
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
func (q *Queue) next(now time.Time) (it Item, wait time.Duration, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return Item{}, -1, false
	}
	if wait = q.items[0].Due.Sub(now); wait > 0 {
		return Item{}, wait, false
	}
	return heap.Pop(&q.items).(Item), 0, true
}

// Run delivers items as they fall due, until done is closed.
func (q *Queue) Run(done <-chan struct{}) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		it, wait, ok := q.next(time.Now())
		if ok {
			it.Deliver(it.Payload)
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
type itemHeap []Item

func (h itemHeap) Len() int { return len(h) }

func (h itemHeap) Less(i, j int) bool {
	if h[i].Due.Equal(h[j].Due) {
		return h[i].seq < h[j].seq
	}
	return h[i].Due.Before(h[j].Due)
}

func (h itemHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h *itemHeap) Push(x any) { *h = append(*h, x.(Item)) }

func (h *itemHeap) Pop() any {
	old := *h
	last := len(old) - 1
	it := old[last]
	old[last] = Item{} // let go of the payload
	*h = old[:last]
	return it
}
