package roomlog

import (
	"sync"
	"time"
)

// What became of a push.
const (
	pushed  = iota
	refused // as pushed; its outcome, a refusal, keeps its place among the others
	full
	ended
)

// appendQueue hands messages to the writer. Pushing never waits.
type appendQueue struct {
	kick chan struct{} // has one when there is something to look at

	mu    sync.Mutex
	items []request
	taken []request // by the writer, and not committed or refused yet
	spare []request // given back, to be filled again
	count int       // to be stored, with those that the writer has taken and not committed
	noes  int       // to be refused, likewise
	bytes int       // of their bodies
	over  bool
}

// maxSpare is how many places are kept to be filled again.
const maxSpare = 4096

func (q *appendQueue) push(r request) (what int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.over:
		return ended
	case q.count < maxQueued && q.bytes+len(r.entry.Body) <= maxQueuedBytes:
		q.count++
		q.bytes += len(r.entry.Body)
	case q.noes >= maxQueued:
		return full
	default:
		q.noes++
		what = refused
		r = request{done: r.done, at: r.at, full: true, refusal: errFull}
	}
	q.items = append(q.items, r)
	if len(q.items) == 1 {
		q.wake()
	}
	return what
}

// wake lets the writer look.
func (q *appendQueue) wake() {
	select {
	case q.kick <- struct{}{}:
	default:
	}
}

// take gives all that is there. over: nothing more will come.
func (q *appendQueue) take() (items []request, over bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	items, q.items, q.spare = q.items, q.spare, nil
	q.taken = items
	return items, q.over
}

// oldest is when the first of those that wait was appended, since the log was opened; false: none waits.
func (q *appendQueue) oldest() (at time.Duration, waits bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case len(q.taken) > 0:
		return q.taken[0].at, true
	case len(q.items) > 0:
		return q.items[0].at, true
	}
	return 0, false
}

// some tells whether anything waits to be taken, be it the end.
func (q *appendQueue) some() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items) > 0 || q.over
}

// finished tells that the first of what was taken is committed or refused.
func (q *appendQueue) finished(done []request) {
	noes, bytes := 0, 0
	for i := range done {
		if done[i].full {
			noes++
		}
		bytes += len(done[i].entry.Body)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.count -= len(done) - noes
	q.noes -= noes
	q.bytes -= bytes
	q.taken = q.taken[len(done):]
}

// giveBack returns what take gave, to be used again.
func (q *appendQueue) giveBack(items []request) {
	if cap(items) > maxSpare {
		return
	}
	clear(items)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.spare = items[:0]
}

// end refuses what comes from now on.
func (q *appendQueue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.over = true
	q.wake()
}

// readQueue hands the work of Read and Seek to the readers.
type readQueue struct {
	mu    sync.Mutex
	some  sync.Cond
	items []task
	over  bool
}

// task is one Read or Seek. With an error it only tells the owner.
type task func(r *reader, err error)

// push adds work; false: it is over.
func (q *readQueue) push(t task) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.over {
		return false
	}
	q.items = append(q.items, t)
	q.some.Signal()
	return true
}

// next waits for work; false: there will be none.
func (q *readQueue) next() (task, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.items) == 0 && !q.over {
		q.some.Wait()
	}
	if len(q.items) == 0 {
		return nil, false
	}
	t := q.items[0]
	q.items[0] = nil
	q.items = q.items[1:]
	return t, true
}

// end takes no more work, and gives what nobody has begun.
func (q *readQueue) end() []task {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.over = true
	left := q.items
	q.items = nil
	q.some.Broadcast()
	return left
}
