package main

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// sink notes each write, and waits while it is held up.
type sink struct {
	mu     sync.Mutex
	writes []string
	gate   chan struct{}
}

func (s *sink) written() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.writes)
}

func (s *sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	s.writes = append(s.writes, string(b))
	s.mu.Unlock()
	if s.gate != nil {
		<-s.gate
	}
	return len(b), nil
}

func say(t *testing.T, g *gatherer, line string) {
	t.Helper()
	if n, err := g.Write([]byte(line)); n != len(line) || err != nil {
		t.Error(n, err)
	}
}

func TestLinesAreGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := new(sink)
		g := newGatherer(out)
		say(t, g, "a\n")
		say(t, g, "b\n")
		<-time.After(gatherFor - 1)
		synctest.Wait()
		if w := out.written(); len(w) != 0 {
			t.Errorf("%q before its time", w)
		}
		<-time.After(1)
		synctest.Wait()
		say(t, g, "c\n")
		g.flush()
		g.flush()
		<-time.After(time.Minute)
		if w := out.written(); len(w) != 2 || w[0] != "a\nb\n" || w[1] != "c\n" {
			t.Errorf("%q", w)
		}
	})
}

func TestALogThatNobodyReadsStopsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &sink{gate: make(chan struct{})}
		g := newGatherer(out)
		say(t, g, "first\n")
		<-time.After(time.Second) // held up from here on
		line := strings.Repeat("x", 1023) + "\n"
		for range maxGathered/len(line) + 3 {
			say(t, g, line)
		}
		close(out.gate)
		<-time.After(time.Second)
		synctest.Wait()
		if got := strings.Join(out.written(), ""); len(got) < maxGathered || !strings.HasSuffix(got, "yodeld: 3 lines of the log are lost: it was not read fast enough\n") {
			t.Errorf("%d bytes, the end: %q", len(got), got[max(0, len(got)-100):])
		}
		if !strings.HasPrefix(out.written()[1], line) {
			t.Error("a line is cut")
		}
	})
}

// A log that nobody reads does not hold up the end.
func TestALogThatNobodyReadsDoesNotHoldUpTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &sink{gate: make(chan struct{})}
		g := newGatherer(out)
		say(t, g, "last\n")
		began := time.Now()
		g.end()
		if took := time.Since(began); took != endIn {
			t.Errorf("it took %v", took)
		}
		close(out.gate)
		synctest.Wait()
		if got := strings.Join(out.written(), ""); got != "last\n" {
			t.Errorf("%q", got)
		}
		began = time.Now()
		g.end()
		if took := time.Since(began); took != 0 {
			t.Errorf("with nothing to write it took %v", took)
		}
	})
}
