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
)

// gatherer writes lines a little later, many at once. A system call that may block keeps the runtime's monitor thread awake for some time, and of a
// daemon that has little to do that was an eighth of the processor time. It also keeps a log that nobody reads from stopping the daemon:
// lines that find no room are counted, and the log says so. Any goroutine may use it.
type gatherer struct {
	out   io.Writer
	timer *time.Timer

	writing sync.Mutex // is held while out writes

	mu    sync.Mutex // guards what follows
	lines []byte
	lost  int
	armed bool
}

// newGatherer makes a gatherer; its owner calls flush in the end.
func newGatherer(out io.Writer) *gatherer {
	g := &gatherer{out: out}
	g.timer = time.AfterFunc(time.Hour, g.flush)
	g.timer.Stop()
	return g
}

// Write takes one line; it never fails.
func (g *gatherer) Write(line []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.lines)+len(line) > maxGathered {
		g.lost++
		return len(line), nil
	}
	g.lines = append(g.lines, line...)
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
	lines, lost := g.lines, g.lost
	g.lines, g.lost, g.armed = nil, 0, false
	g.mu.Unlock()
	if lost > 0 {
		lines = fmt.Appendf(lines, "yodeld: %d lines of the log are lost: it was not read fast enough\n", lost)
	}
	if len(lines) > 0 {
		_, _ = g.out.Write(lines) // there is nobody to tell
	}
}
