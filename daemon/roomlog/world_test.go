package roomlog

import (
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// owner is the goroutine that a log belongs to.
type owner struct {
	mu   sync.Mutex
	more sync.Cond
	work []func()
	over bool
	wg   sync.WaitGroup
}

func newOwner() *owner {
	o := &owner{}
	o.more.L = &o.mu
	o.wg.Go(o.run)
	return o
}

func (o *owner) deliver(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.work = append(o.work, f)
	o.more.Signal()
}

func (o *owner) run() {
	for {
		o.mu.Lock()
		for len(o.work) == 0 && !o.over {
			o.more.Wait()
		}
		work := o.work
		o.work = nil
		o.mu.Unlock()
		if len(work) == 0 {
			return
		}
		for _, f := range work {
			f()
		}
	}
}

func (o *owner) stop() {
	o.mu.Lock()
	o.over = true
	o.more.Signal()
	o.mu.Unlock()
	o.wg.Wait()
}

// testLog is a log with its owner.
type testLog struct {
	*Log
	t      testing.TB
	owner  *owner
	erased atomic.Int32 // how often Erased was called
	closed bool
}

// begin opens a log in a folder of its own.
func begin(t testing.TB, o Options) *testLog {
	t.Helper()
	o.Dir = t.TempDir()
	return reopen(t, o)
}

// reopen opens a log in o.Dir. It is closed with the test at the latest.
func reopen(t testing.TB, o Options) *testLog {
	t.Helper()
	return reopenWith(t, o, func() {})
}

// reopenWith opens a log whose goroutines call delivered when they have something to deliver.
func reopenWith(t testing.TB, o Options, delivered func()) *testLog {
	t.Helper()
	l := &testLog{t: t, owner: newOwner()}
	o.Deliver = func(f func()) {
		delivered()
		l.owner.deliver(f)
	}
	o.Erased = func() { l.erased.Add(1) }
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	if o.Failed == nil {
		o.Failed = func(err error) { t.Errorf("failed: %v", err) }
	}
	var err error
	if l.Log, err = Open(o); err != nil {
		l.owner.stop()
		t.Fatal(err)
	}
	t.Cleanup(l.end)
	return l
}

// end closes the log, once.
func (l *testLog) end() {
	if l.closed {
		return
	}
	l.closed = true
	if err := l.Close(); err != nil {
		l.t.Errorf("close: %v", err)
	}
	l.owner.stop()
}

// again closes the log and opens it anew.
func (l *testLog) again() *testLog {
	l.t.Helper()
	l.end()
	return reopen(l.t, l.options)
}

func (l *testLog) file() string { return filepath.Join(l.options.Dir, fileName) }

// message is one of a sender; its id is its time as well.
func message(room string, id uint64, body string) Entry {
	return Entry{Room: room, Sender: [32]byte{1}, ID: id, Nick: "anna", Body: []byte(body), At: int64(id)}
}

func (l *testLog) append(e Entry) Result {
	got := make(chan Result, 1)
	l.Append(e, func(r Result) { got <- r })
	return <-got
}

// add appends a message that is to be stored.
func (l *testLog) add(room string, id uint64, body string) Entry {
	l.t.Helper()
	r := l.append(message(room, id, body))
	if r.Err != nil || r.Duplicate {
		l.t.Fatalf("append %s %d: %v, duplicate %v", room, id, r.Err, r.Duplicate)
	}
	return r.Entry
}

type pageResult struct {
	page []Entry
	err  error
}

func (l *testLog) page(room string, after uint64) ([]Entry, error) {
	got := make(chan pageResult, 1)
	l.Read(room, after, func(p []Entry, err error) { got <- pageResult{p, err} })
	r := <-got
	return r.page, r.err
}

// all reads page by page what lies after a position.
func (l *testLog) all(room string, after uint64) (all []Entry) {
	l.t.Helper()
	for {
		page, err := l.page(room, after)
		if err != nil {
			l.t.Fatalf("read %s after %d: %v", room, after, err)
		}
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
		after = page[len(page)-1].Pos
	}
}

func (l *testLog) seek(room string, from From) Cursor {
	l.t.Helper()
	got := make(chan Cursor, 1)
	failed := make(chan error, 1)
	l.Seek(room, from, func(c Cursor, err error) {
		if err != nil {
			failed <- err
		}
		got <- c
	})
	c := <-got
	select {
	case err := <-failed:
		l.t.Fatalf("seek %s: %v", room, err)
	default:
	}
	return c
}

func bodies(es []Entry) []string {
	var out []string
	for _, e := range es {
		out = append(out, string(e.Body))
	}
	return out
}

// eventually waits until what it looks at is true.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	late := time.Now().Add(time.Minute)
	for tick := time.Tick(5 * time.Millisecond); !is(); <-tick {
		if time.Now().After(late) {
			t.Fatalf("it never came true: %s", what)
		}
	}
}

func wants(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}
