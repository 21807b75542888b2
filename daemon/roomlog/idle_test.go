package roomlog

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestALogWorksInABubble opens, uses and closes a log while nothing but it moves the clock.
func TestALogWorksInABubble(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := reopen(t, Options{Dir: dir, Keep: Keep{Age: 4 * time.Hour}})
		e := message("a", 1, "x")
		e.At = time.Now().UnixNano()
		l.append(e)
		if c := l.seek("a", Last(1)); c.Count != 1 {
			t.Errorf("%+v", c)
		}
		<-time.After(3 * time.Hour)
		l.settles("a", 1)
		<-time.After(2 * time.Hour)
		synctest.Wait()
		if n := len(l.all("a", 0)); n != 0 || l.Count() != 0 {
			t.Errorf("%d entries are older than they may be", n)
		}
		if r := l.append(e); !r.Duplicate {
			t.Errorf("a removed message came again: %+v", r)
		}
		l.end()
		l = reopen(t, Options{Dir: dir}) // no minute needs a look
		<-time.After(keepKeys + 2*time.Hour)
		synctest.Wait()
		e.Body = []byte("y") // nobody knows the key any more
		if r := l.append(e); r.Err != nil || r.Duplicate {
			t.Errorf("a message whose key was kept long enough: %+v", r)
		}
		l.end()
	})
}

// TestAnIdleLogSleeps looks at when the writer would wake.
func TestAnIdleLogSleeps(t *testing.T) {
	now := time.Unix(1e9, 0)
	suspicious := &Log{}
	suspicious.suspected.Store(&errFull)
	for name, test := range map[string]struct {
		w    writer
		want time.Duration
	}{
		"beside messages":        {writer{busyUntil: now.Add(time.Second)}, pollEvery},
		"idle":                   {writer{busyUntil: now}, sleep},
		"idle, with keys":        {writer{limits: limits{gone: 1}}, keysEvery},
		"idle, over a limit":     {writer{limits: limits{over: map[*room]bool{{}: true}}}, sweepEvery},
		"idle, over that of all": {writer{limits: limits{full: true}}, sweepEvery},
		"idle, with ages":        {writer{Log: &Log{}, keeps: Rules{Rooms: map[string]Keep{"a": {Age: 1}}}}, sweepEvery},
		"with a damaged index":   {writer{Log: suspicious}, sweepEvery},
		"after it has failed":    {writer{failed: ErrFailed, limits: limits{gone: 1}}, sleep},
	} {
		if test.w.Log == nil {
			test.w.Log = &Log{}
		}
		if got := test.w.patience(now); got != test.want {
			t.Errorf("%s: it wakes after %v, want %v", name, got, test.want)
		}
	}
}

// TestTheOwnerHearsOfAnErasure has nobody read and nobody append.
func TestTheOwnerHearsOfAnErasure(t *testing.T) {
	l := begin(t, Options{})
	e := l.add("a", 1, "x")
	if _, err := Erase(t.Context(), l.options.Dir, e.Pos); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the owner is told", func() bool { return l.erased.Load() > 0 && l.Count() == 0 })
}
