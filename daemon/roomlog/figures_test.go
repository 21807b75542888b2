package roomlog

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFiguresOfALog(t *testing.T) {
	l := begin(t, Options{})
	defer l.end()
	for id := range uint64(3) {
		l.add("a", id, "x")
	}
	l.append(message("a", 1, "x"))               // again
	l.append(message("a", 1, "another"))         // refused
	eventually(t, "nothing waits", func() bool { // the outcome comes a little before
		s := l.Stats()
		return s.Waiting == 0 && s.WaitingBytes == 0
	})
	s := l.Stats()
	if diff := cmp.Diff([]uint64{3, 1, 3}, []uint64{s.Stored, s.Repeated, s.Latency.Count}); diff != "" {
		t.Errorf("stored, repeated, latencies: -want +got:\n%s", diff)
	}
	if s.Commits == 0 || s.Latency.Sum <= 0 {
		t.Errorf("%d commits, %v s in all", s.Commits, s.Latency.Sum)
	}
	if err := l.Err(); err != nil {
		t.Error(err)
	}
}

// A message that waits for long is told of, whatever the writer does meanwhile; and no more when it is stored.
func TestALogTellsThatMessagesWait(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var hold atomic.Bool
		held, release := make(chan struct{}, 1), make(chan struct{})
		l := reopenWith(t, Options{Dir: dir}, func() {
			if hold.Swap(false) {
				held <- struct{}{}
				<-release
			}
		})
		defer l.end()
		l.add("a", 1, "x")
		<-time.After(time.Hour)
		wants(t, l.Err(), nil)
		hold.Store(true)
		l.Append(message("a", 2, "x"), func(Result) {})
		<-held // the writer delivers, and takes nothing else
		<-time.After(slow)
		wants(t, l.Err(), nil)
		stored := make(chan Result, 1)
		l.Append(message("a", 3, "x"), func(r Result) { stored <- r })
		<-time.After(time.Second)
		wants(t, l.Err(), ErrSlow)
		close(release)
		wants(t, (<-stored).Err, nil)
		synctest.Wait()
		wants(t, l.Err(), nil)
	})
}

// What can be trusted no longer says so, to who asks as to who appends.
func TestALogTellsItsTrouble(t *testing.T) {
	told := make(chan error, 1)
	l := begin(t, Options{Failed: func(err error) { told <- err }})
	defer l.end()
	l.add("a", 1, "x")
	direct(t, l.options.Dir, "CREATE TRIGGER refuse_all BEFORE INSERT ON msg BEGIN SELECT RAISE(FAIL, 'no'); END")
	wants(t, l.append(message("a", 2, "x")).Err, ErrFailed)
	wants(t, <-told, ErrFailed)
	wants(t, l.Err(), ErrFailed)
}
