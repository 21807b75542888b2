package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"yodel/peer"
)

// newTestChat is a chat whose daemon never answers.
func newTestChat(stdin io.Reader) (c *chat, stderr *bytes.Buffer) {
	stderr = new(bytes.Buffer)
	return newChat(&shell{stdin: stdin, out: newPrinter(io.Discard, stderr)}, new(peer.Client)), stderr
}

func TestLeavingAChatWaitsForProgressOnly(t *testing.T) {
	tests := []struct {
		name         string
		lines, asked int
		receipts     int // that still come, one in 4 s
		want         error
		text         string
		waited       time.Duration
	}{
		{"nothing to do", 0, 0, 0, nil, "", 0},
		{"all come", 3, 0, 3, nil, "", 12 * time.Second},
		{"one line is left", 1, 0, 0, errNotSent, "not sent: 1 line", leaveGrace},
		{"two are left", 5, 0, 3, errNotSent, "not sent: 2 lines", 12*time.Second + leaveGrace},
		{"a command is left", 1, 1, 1, errNoAnswer, "the daemon did not answer in 5 s", 4*time.Second + leaveGrace},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := newTestChat(strings.NewReader(""))
				c.open.Store(int64(tt.lines))
				c.asking.Store(int64(tt.asked))
				done := make(chan struct{})
				go func() {
					for range tt.receipts {
						<-time.After(4 * time.Second)
						c.settled(&c.open)
					}
					if tt.want == nil {
						close(done)
					}
				}()
				began := time.Now()
				err := c.leave(t.Context(), done)
				if !errors.Is(err, tt.want) || (err != nil && err.Error() != tt.text) || time.Since(began) != tt.waited {
					t.Errorf("got %v after %v, want %q after %v", err, time.Since(began), tt.text, tt.waited)
				}
			})
		})
	}
}

func TestQuitIsReadWhateverWaits(t *testing.T) {
	var typed strings.Builder
	for i := range maxTyped {
		typed.WriteString(strconv.Itoa(i) + "\n")
	}
	c, stderr := newTestChat(strings.NewReader(typed.String() + "/quit\nafter\n"))
	if err := c.readTyped(t.Context()); err != nil || c.open.Load() != maxTyped || stderr.Len() > 0 {
		t.Errorf("ended with %v, %d lines and %q", err, c.open.Load(), stderr)
	}
	c, stderr = newTestChat(strings.NewReader(typed.String() + "one\n/who\n/quit\n"))
	c.interactive = true
	if err := c.readTyped(t.Context()); err != nil || c.open.Load() != maxTyped || c.asking.Load() != 0 {
		t.Errorf("on a terminal: ended with %v, %d lines and %d commands", err, c.open.Load(), c.asking.Load())
	}
	if n := strings.Count(stderr.String(), "yodel: error: not sent: too many lines wait for the daemon\n"); n != 2 {
		t.Errorf("on a terminal: got %q", stderr)
	}
}

func TestChatGoesOnAfterAnUnfitLine(t *testing.T) {
	c, stderr := newTestChat(strings.NewReader("one\n\xff\n" + strings.Repeat("x", 2*maxMeasured) + "\ntwo\n"))
	if err := c.readTyped(t.Context()); err != nil || c.open.Load() != 2 {
		t.Errorf("ended with %v after %d lines", err, c.open.Load())
	}
	want := "yodel: error: not sent: line 2: message is not UTF-8\nyodel: error: not sent: line 3: message too long: more than 1"
	if got := stderr.String(); !strings.HasPrefix(got, want) || strings.Count(got, "\n") != 2 {
		t.Errorf("got %q, want %q", got, want)
	}
	if !errors.Is(c.first, errNotUTF8) {
		t.Errorf("the first reason is %v", c.first)
	}
}

func TestChatEndsWithABrokenInput(t *testing.T) {
	c, _ := newTestChat(io.MultiReader(strings.NewReader("one\n"), brokenReader{os.ErrClosed}))
	if err := c.readTyped(t.Context()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("ended with %v", err)
	}
}

// brokenReader fails in one way.
type brokenReader struct{ err error }

func (r brokenReader) Read([]byte) (int, error) { return 0, r.err }
