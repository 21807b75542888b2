package programs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// maxLine is the longest line that a program may print, in bytes: a message of 64 KiB, escaped.
const maxLine = 1 << 20

// Command says what is started and how.
type Command struct {
	Name   string    // of the process, for errors
	Cmd    *exec.Cmd // its standard output and standard error are taken; standard input is a pipe unless it is set
	Stderr string    // the file that standard error goes to
	Start  func(*exec.Cmd) error
}

// Process is a program that was started, and what it has printed. Its methods may be called by any goroutine.
type Process struct {
	Name  string
	Cmd   *exec.Cmd
	Stdin io.WriteCloser // nil when the command had one of its own
	Began time.Time

	stderr string
	done   chan struct{}

	mu     sync.Mutex
	events []Event
	counts map[string]int // of each type
	news   chan struct{}  // closed with the next event
}

// Start starts a command and reads what it prints until it ends.
func Start(c Command) (*Process, error) {
	p := &Process{
		Name: c.Name, Cmd: c.Cmd, stderr: c.Stderr, done: make(chan struct{}),
		counts: make(map[string]int), news: make(chan struct{}),
	}
	stderr, err := os.Create(c.Stderr)
	if err != nil {
		return nil, err
	}
	p.Cmd.Stderr = stderr
	p.Cmd.WaitDelay = time.Second
	stdout, err := p.Cmd.StdoutPipe()
	if err == nil && p.Cmd.Stdin == nil {
		p.Stdin, err = p.Cmd.StdinPipe()
	}
	if err == nil {
		p.Began = time.Now()
		if c.Start == nil {
			c.Start = (*exec.Cmd).Start
		}
		err = c.Start(p.Cmd)
	}
	if err := errors.Join(err, stderr.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	go p.read(stdout)
	return p, nil
}

func (p *Process) read(stdout io.Reader) {
	defer close(p.done)
	scanner := bufio.NewScanner(stdout)
	scanner.Buffer(nil, maxLine)
	for scanner.Scan() {
		p.take(scanner.Text())
	}
	_, _ = io.Copy(io.Discard, stdout) // what is beyond a line that is too long
	_ = p.Cmd.Wait()                   // who wants to know asks for the state
}

// take keeps a line.
func (p *Process) take(line string) {
	e := parse(line, time.Now())
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, e)
	p.counts[e.Type]++
	close(p.news)
	p.news = make(chan struct{})
}

// Done is closed when the process has ended and all that it printed was read.
func (p *Process) Done() <-chan struct{} { return p.done }

// All gives what was printed so far, and a channel that is closed when there is more.
func (p *Process) All() ([]Event, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clip(p.events), p.news
}

// Of gives the events of a type so far.
func (p *Process) Of(kind string) (found []Event) {
	events, _ := p.All()
	for _, e := range events {
		if e.Type == kind {
			found = append(found, e)
		}
	}
	return found
}

// Count is how many events of a type there are so far.
func (p *Process) Count(kind string) int {
	n, _ := p.counted(kind)
	return n
}

func (p *Process) counted(kind string) (int, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts[kind], p.news
}

// Await waits until what was printed satisfies a condition, which is asked after each line.
func (p *Process) Await(ctx context.Context, what string, ok func([]Event) bool) error {
	return p.await(ctx, what, func() (bool, <-chan struct{}) {
		events, news := p.All()
		return ok(events), news
	})
}

// AwaitCount waits until there are n events of a type.
func (p *Process) AwaitCount(ctx context.Context, kind string, n int) error {
	return p.await(ctx, fmt.Sprintf("%s %d", kind, n), func() (bool, <-chan struct{}) {
		have, news := p.counted(kind)
		return have >= n, news
	})
}

func (p *Process) await(ctx context.Context, what string, look func() (ok bool, news <-chan struct{})) error {
	for {
		ok, news := look()
		if ok {
			return nil
		}
		select {
		case <-news:
		case <-p.done:
			if ok, _ := look(); ok {
				return nil
			}
			return fmt.Errorf("%s ended (%v) before %s: %s", p.Name, p.Cmd.ProcessState, what, p.LastWords())
		case <-ctx.Done():
			return fmt.Errorf("%s: %s did not come in time: %w", p.Name, what, context.Cause(ctx))
		}
	}
}

// AwaitEvent waits for the n-th event of a type (and state, unless empty).
func (p *Process) AwaitEvent(ctx context.Context, kind, state string, n int) (found Event, err error) {
	what := strings.TrimSpace(kind + " " + state)
	err = p.Await(ctx, what, func(events []Event) bool {
		left := n
		for _, e := range events {
			if e.Type == kind && (state == "" || e.State == state) {
				if left--; left == 0 {
					found = e
					return true
				}
			}
		}
		return false
	})
	return found, err
}

// Ends waits for the end, which must have an exit code; a signal is sent first unless it is 0.
func (p *Process) Ends(ctx context.Context, signal syscall.Signal, code int) error {
	got, err := p.Exit(ctx, signal)
	if err == nil && got != code {
		err = fmt.Errorf("%s: %v, want exit code %d: %s", p.Name, p.Cmd.ProcessState, code, p.LastWords())
	}
	return err
}

// Exit waits for the end and gives the exit code, -1 after a signal; a signal is sent first unless it is 0.
func (p *Process) Exit(ctx context.Context, signal syscall.Signal) (code int, err error) {
	if signal != 0 {
		if err := p.Cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return 0, fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	select {
	case <-p.done:
		return p.Cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("%s does not end: %w", p.Name, context.Cause(ctx))
	}
}

// Stderr is all that it has said on standard error so far.
func (p *Process) Stderr() string {
	said, err := os.ReadFile(p.stderr)
	if err != nil {
		return err.Error()
	}
	return string(said)
}

// LastWords is the end of what it said on standard error.
func (p *Process) LastWords() string {
	lines := strings.Split(strings.TrimSpace(p.Stderr()), "\n")
	return filepath.Base(p.stderr) + ": " + strings.Join(lines[max(0, len(lines)-12):], "\n\t")
}

// Kill ends it in any case.
func (p *Process) Kill() {
	_ = p.Cmd.Process.Kill()
	<-p.done
}
