package main

import (
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// cmdStartStalled runs a program whose standard output is a pipe that nobody reads; the rest goes to NAME.err.
func cmdStartStalled(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start-stalled NAME program...")
	}
	r, w, err := os.Pipe()
	ts.Check(err)
	stderr, err := os.Create(ts.MkAbs(args[0] + ".err"))
	ts.Check(err)
	cmd := program(ts, args[1:])
	cmd.Stdout, cmd.Stderr = w, stderr
	stdin, err := cmd.StdinPipe()
	ts.Check(err)
	p := watch(ts, args[0], cmd)
	p.stdin, p.stalled = stdin, w
	_ = stderr.Close()
	ts.Defer(func() { _, _ = r.Close(), w.Close() })
	worldOf(ts).background[args[0]] = p
}

// cmdFull waits until the pipe of a program that was started with start-stalled takes no more.
func cmdFull(ts *testscript.TestScript, _ bool, args []string) {
	pipe := []unix.PollFd{{Fd: int32(background(ts, args[0]).stalled.Fd()), Events: unix.POLLOUT}}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		n, err := unix.Poll(pipe, 0)
		if n == 0 && err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			ts.Fatalf("there is still room: %v", err)
		}
	}
}
