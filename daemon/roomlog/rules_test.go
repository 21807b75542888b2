package roomlog

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// Each new rule removes what is over it without a message's coming, and a wider one keeps more from then on.
func TestRulesChange(t *testing.T) {
	l := begin(t, Options{Keep: Keep{Entries: 100}})
	id := uint64(0)
	fill := func(room string, n int) {
		for range n {
			id++
			l.add(room, id, "12345")
		}
	}
	fill("a", 20)
	fill("b", 20)
	for _, step := range []struct {
		rules Rules
		a, b  int
	}{
		{Rules{Keep: Keep{Entries: 15}}, 15, 15},
		{Rules{Keep: Keep{Entries: 15}, Rooms: map[string]Keep{"a": {Entries: 12}}}, 12, 15},
		{Rules{Keep: Keep{Bytes: 50}, Rooms: map[string]Keep{"a": {Entries: 12}}}, 12, 10},
		{Rules{Total: 100}, 10, 10},
		{Rules{Keep: Keep{Entries: 5}, Rooms: map[string]Keep{"a": {}}}, 10, 5},
	} {
		l.SetRules(step.rules)
		l.settles("a", step.a)
		l.settles("b", step.b)
	}
	l.SetRules(Rules{})
	fill("b", 10)
	l.settles("b", 15)
	l = l.again()
	l.settles("b", 15)
}

// A rule about age begins to be looked at when it is set, although there was none before.
func TestARuleAboutAgeIsLookedAt(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := reopen(t, Options{Dir: dir})
		for i := range uint64(3) {
			e := message("a", i+1, strconv.FormatUint(i, 10))
			e.At = time.Now().UnixNano()
			if r := l.append(e); r.Err != nil {
				t.Fatal(r.Err)
			}
			<-time.After(time.Hour)
		}
		l.SetRules(Rules{Keep: Keep{Age: 90 * time.Minute}})
		<-time.After(time.Second)
		synctest.Wait()
		if n := len(l.all("a", 0)); n != 1 {
			t.Errorf("%d entries of the last 90 minutes, want 1", n)
		}
		<-time.After(time.Hour)
		synctest.Wait()
		if n := len(l.all("a", 0)); n != 0 {
			t.Errorf("%d entries an hour later, want none", n)
		}
		l.end()
	})
}

// Rules that are set again and again, beside messages and the end, hurt nothing (under the race detector).
func TestRulesChangeUnderLoad(t *testing.T) {
	l := begin(t, Options{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 500 {
			l.SetRules(Rules{Keep: Keep{Entries: 10 + i%7}, Rooms: map[string]Keep{"a": {Entries: 5 + i%3}}})
		}
	}()
	for i := range uint64(200) {
		l.add("a", i+1, "x")
	}
	<-done
	l.SetRules(Rules{Keep: Keep{Entries: 4}})
	l.settles("a", 4)
	l.end()
	l.SetRules(Rules{}) // after the end it is for nothing
}
