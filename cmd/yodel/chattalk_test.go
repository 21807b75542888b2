package main

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// talkOf is a talk that is under way, over, or was ended by Enter.
func talkOf(asked, over bool) *micTalk {
	t := &micTalk{enough: make(chan struct{}), over: make(chan struct{}), asked: asked}
	if asked {
		close(t.enough)
	}
	if over {
		t.ended = time.Now()
		close(t.over)
	}
	return t
}

func TestEnterBeginsOrEndsATalk(t *testing.T) {
	t.Setenv(envRecord, " ") // that ends a talk which begins
	tests := []struct {
		name   string
		talk   *micTalk
		later  time.Duration // than its end
		pasted bool
		before []string // lines that wait
		begins bool
		ends   bool
	}{
		{name: "the first", begins: true},
		{name: "the first, pasted", pasted: true},
		{name: "the first, pasted before others", before: []string{"more"}},
		{name: "under way", talk: talkOf(false, false), ends: true},
		{name: "under way, pasted", talk: talkOf(false, false), pasted: true, ends: true},
		{name: "ended, not told", talk: talkOf(true, false)},
		{name: "ended by Enter", talk: talkOf(true, true), begins: true},
		{name: "has just ended by itself", talk: talkOf(false, true), later: time.Second},
		{name: "ended by itself", talk: talkOf(false, true), later: justEnded, begins: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := newTestChat(strings.NewReader(""))
				c.talk = tt.talk
				waiting := make(chan line, 1)
				for _, text := range tt.before {
					waiting <- line{text: []byte(text)}
				}
				c.lines = typedLines{lines: waiting}
				if tt.talk != nil && !tt.talk.ended.IsZero() {
					tt.talk.ended = time.Now().Add(-tt.later)
				}
				c.enter(t.Context(), tt.pasted)
				for _, text := range tt.before {
					if l := c.lines.next(t.Context()); string(l.text) != text {
						t.Errorf("then came %q", l.text)
					}
				}
				if began := c.talk != tt.talk; began != tt.begins {
					t.Errorf("a talk began: %t", began)
				} else if began {
					c.endTalk()
				}
				if tt.talk != nil && !tt.begins && isClosed(tt.talk.enough) != (tt.ends || tt.talk.asked) {
					t.Error("it is enough, or not")
				}
			})
		})
	}
}

func TestARecorderThatCannotStartIsOneLine(t *testing.T) {
	t.Setenv(envRecord, " ")
	c, stderr := newTestChat(strings.NewReader(""))
	c.enter(t.Context(), false)
	c.endTalk()
	if got, want := stderr.String(), "yodel: error: recording failed: YODEL_RECORD is blank\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheLastLineOfARecorderIsTold(t *testing.T) {
	var l lastLine
	if err := l.explain(errRecorder); !errors.Is(err, errRecorder) || err.Error() != errRecorder.Error() {
		t.Errorf("nothing was written: %v", err)
	}
	for _, b := range []string{strings.Repeat("x", 9*maxLastLine), "\nlast ", "line\n", "\n"} {
		if n, err := l.Write([]byte(b)); n != len(b) || err != nil {
			t.Fatal(n, err)
		}
	}
	if err := l.explain(errRecorder); !errors.Is(err, errRecorder) || !strings.HasSuffix(err.Error(), ": last line") || len(l.text) > maxLastLine {
		t.Errorf("got %v of %d bytes", err, len(l.text))
	}
}
