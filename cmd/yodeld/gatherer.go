package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// gatherFor is how long a line of the log waits for others.
	gatherFor = 50 * time.Millisecond
	// maxGathered is how many bytes of lines may wait for a reader of the log that is slow.
	maxGathered = 1 << 20
	// endIn bounds the wait for the last lines.
	endIn = 2 * time.Second
)

// gatherer writes lines a little later, many at once. A system call that may block keeps the runtime's monitor thread awake for some time, and of a
// daemon that has little to do that was an eighth of the processor time. It also keeps a log that nobody reads from stopping the daemon:
// lines that find no room are counted, and the log says so. Any goroutine may use it.
type gatherer struct {
	out   io.Writer
	apart bool                  // out is the journal, which takes an entry a write; else it takes all lines together
	tell  func(lost int) []byte // the line that says so
	timer *time.Timer

	writing sync.Mutex // is held while out writes

	mu    sync.Mutex // guards what follows
	lines []byte
	ends  []int // of the entries in lines, when they are written apart
	lost  int
	armed bool
}

// newGatherer makes a gatherer of lines of text; its owner calls end in the end.
func newGatherer(out io.Writer) *gatherer {
	g := &gatherer{out: out, tell: func(lost int) []byte { return []byte("yodeld: " + lostText(lost) + "\n") }}
	g.timer = time.AfterFunc(time.Hour, g.flush)
	g.timer.Stop()
	return g
}

func lostText(lost int) string {
	return fmt.Sprintf("%d lines of the log are lost: it was not read fast enough", lost)
}

// Write takes one line, or entry; it never fails.
func (g *gatherer) Write(line []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.lines)+len(line) > maxGathered {
		g.lost++
		return len(line), nil
	}
	if g.lines = append(g.lines, line...); g.apart {
		g.ends = append(g.ends, len(g.lines))
	}
	if !g.armed {
		g.armed = true
		g.timer.Reset(gatherFor)
	}
	return len(line), nil
}

// flush writes what is there.
func (g *gatherer) flush() {
	g.writing.Lock()
	defer g.writing.Unlock()
	g.timer.Stop()
	g.mu.Lock()
	lines, ends, lost := g.lines, g.ends, g.lost
	g.lines, g.ends, g.lost, g.armed = nil, nil, 0, false
	g.mu.Unlock()
	if lost > 0 {
		if lines = append(lines, g.tell(lost)...); g.apart {
			ends = append(ends, len(lines))
		}
	}
	if !g.apart {
		if len(lines) > 0 {
			_, _ = g.out.Write(lines) // there is nobody to tell
		}
		return
	}
	begin := 0
	for i, end := range ends {
		if _, err := g.out.Write(lines[begin:end]); err != nil { // nobody reads: the others would each wait as long
			g.mu.Lock()
			g.lost += len(ends) - i
			g.mu.Unlock()
			return
		}
		begin = end
	}
}

// end writes what is there, if that does not take long. Where nobody reads the log a goroutine stays behind.
func (g *gatherer) end() {
	over := make(chan struct{})
	go func() {
		defer close(over)
		g.flush()
	}()
	late := time.NewTimer(endIn)
	defer late.Stop()
	select {
	case <-over:
	case <-late.C:
	}
}
