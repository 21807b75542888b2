package roomlog

import (
	"fmt"
	"sync/atomic"
	"time"

	"yodel/daemon/histogram"
)

// Stats are figures of a log since it was opened.
type Stats struct {
	Stored   uint64 `json:"stored"`   // messages that were committed
	Repeated uint64 `json:"repeated"` // that were there already
	Commits  uint64 `json:"commits"`  // transactions with messages that were tried
	// Latency is in seconds, from Append to the commit, of messages that were stored.
	Latency histogram.Snapshot `json:"latency"`
	// Waiting and WaitingBytes are messages that wait to be stored now, with those of the transaction under way, and their bodies.
	Waiting      int `json:"waiting"`
	WaitingBytes int `json:"waiting_bytes"`
}

// figures is what the writer counts. Any goroutine may read it.
type figures struct {
	opened                    time.Time
	stored, repeated, commits atomic.Uint64
	latency                   *histogram.Histogram
	trouble                   atomic.Pointer[error] // why nothing is stored; nil: it is
}

func (f *figures) init(now time.Time) {
	f.opened = now
	f.latency = histogram.New(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
}

// since is the time since the log was opened.
func (f *figures) since() time.Duration { return time.Since(f.opened) }

// observe counts the outcomes of a batch.
func (f *figures) observe(batch []request, results []outcome) {
	now := f.since()
	for i := range results {
		switch r := &results[i].result; {
		case r.Err != nil:
		case r.Duplicate:
			f.repeated.Add(1)
		default:
			f.stored.Add(1)
			f.latency.Observe((now - batch[i].at).Seconds())
		}
	}
}

// state notes why nothing is stored from now on; nil: all is well again.
func (f *figures) state(err error) {
	if err == nil {
		f.trouble.Store(nil)
		return
	}
	f.trouble.Store(&err)
}

// Stats gives the figures.
func (l *Log) Stats() Stats {
	f := &l.figures
	s := Stats{Stored: f.stored.Load(), Repeated: f.repeated.Load(), Commits: f.commits.Load(), Latency: f.latency.Snapshot()}
	s.Waiting, s.WaitingBytes = l.appends.waiting()
	return s
}

// slow is from when on a message that waits to be stored is worth telling.
const slow = 10 * time.Second

// Err tells why nothing is stored now: ErrReadOnly, ErrFailed, or ErrSlow when a message has waited for 10 s, for a disk that does not answer or for other
// work on the file. nil: messages are stored, as far as was tried.
func (l *Log) Err() error {
	if err := l.figures.trouble.Load(); err != nil {
		return *err
	}
	if at, waits := l.appends.oldest(); waits {
		if waited := l.figures.since() - at; waited > slow {
			return fmt.Errorf("%w for %v", ErrSlow, waited.Round(time.Second))
		}
	}
	return nil
}

// waiting is what waits to be stored.
func (q *appendQueue) waiting() (messages, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.count, q.bytes
}
