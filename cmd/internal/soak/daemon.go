package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"yodel/cmd/internal/programs"
)

// Rooms of the load.
const (
	live = "live"
	echo = "echo" // 2 s of delay
)

var errNotReady = errors.New("the daemon is not ready")

// server is the daemon that is looked at.
type server struct {
	*programs.Process
	addr string
}

func startServer(ctx context.Context, o options) (*server, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(o.bin, "yodeld"), "serve", "--listen", "127.0.0.1:0",
		"--state", filepath.Join(o.dir, "daemon"), "--room", live+"=0s", "--room", echo+"=2s")
	p, err := programs.Start(programs.Command{Name: "yodeld", Cmd: cmd, Stderr: filepath.Join(o.dir, "yodeld.err")})
	if err != nil {
		return nil, err
	}
	s := &server{Process: p}
	err = p.Await(ctx, "ready", func(events []programs.Event) bool {
		for _, e := range events {
			if words := strings.Fields(e.Line); len(words) == 5 && strings.HasPrefix(e.Line, "yodeld: ready on ") {
				s.addr = words[3]
				return true
			}
		}
		return false
	})
	if err != nil {
		p.Kill()
		return nil, fmt.Errorf("%w: %w", errNotReady, err)
	}
	return s, nil
}

// stop ends it as a service manager would.
func (s *server) stop(ctx context.Context) error { return s.Ends(ctx, syscall.SIGTERM, 0) }

// figures are those of a process at one moment (proc_pid_status(5)).
type figures struct {
	rss          int // KiB
	threads, fds int
}

func (s *server) figures() (f figures, err error) {
	dir := fmt.Sprintf("/proc/%d/", s.Cmd.Process.Pid)
	status, err := os.ReadFile(dir + "status")
	if err != nil {
		return f, err
	}
	for line := range strings.Lines(string(status)) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		switch n, _ := strconv.Atoi(words[1]); words[0] {
		case "VmRSS:":
			f.rss = n
		case "Threads:":
			f.threads = n
		}
	}
	fds, err := os.ReadDir(dir + "fd")
	f.fds = len(fds)
	return f, err
}

// counted finds the counts in a line of what was dropped.
var counted = regexp.MustCompile(`("[^"]+"|[a-z]+)=(\d+)`)

// drops adds up what the daemon has logged as dropped, and tells how many panics were contained.
func (s *server) drops() (all, panics int) {
	for line := range strings.Lines(s.Stderr()) {
		if strings.Contains(line, "panic contained") {
			panics++
		}
		_, counts, ok := strings.Cut(line, "msg=dropped ")
		if !ok {
			continue
		}
		for _, m := range counted.FindAllStringSubmatch(counts, -1) {
			n, _ := strconv.Atoi(m[2])
			all += n
		}
	}
	return all, panics
}
