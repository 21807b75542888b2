//go:build linux

package nettest

import (
	"bufio"
	"context"
	"encoding/json"
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

// event is a JSON object that a program printed, as far as the suite reads it, or a line that is none.
type event struct {
	Type, State, Text, From string
	Heard                   bool
	Frames, Lost            int
	line                    string
	got                     time.Time
}

// process is a program that was started, and what it printed.
type process struct {
	name   string
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stderr string // the file that it goes to
	began  time.Time
	done   chan struct{} // closed when it has ended

	mu     sync.Mutex
	events []event
	news   chan struct{} // closed with the next event, or the end of all
}

// watch takes over a command that was prepared, starts it and reads what it prints.
func watch(p *process, start func(*exec.Cmd) error) error {
	stderr, err := os.Create(p.stderr)
	if err != nil {
		return err
	}
	p.cmd.Stderr = stderr
	p.cmd.WaitDelay = time.Second
	stdout, err := p.cmd.StdoutPipe()
	if err == nil {
		p.began = time.Now()
		err = start(p.cmd)
	}
	if err := errors.Join(err, stderr.Close()); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	p.done, p.news = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(p.done)
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			p.take(scanner.Text())
		}
		_ = p.cmd.Wait() // exit asks for the outcome
	}()
	return nil
}

// take keeps a line.
func (p *process) take(line string) {
	e := event{line: line, got: time.Now()}
	_ = json.Unmarshal([]byte(line), &e) // the daemon's line is no JSON
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, e)
	close(p.news)
	p.news = make(chan struct{})
}

// all gives what was printed so far, and a channel that is closed when there is more.
func (p *process) all() ([]event, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clip(p.events), p.news
}

// of gives the events of a type so far.
func (p *process) of(kind string) (found []event) {
	events, _ := p.all()
	for _, e := range events {
		if e.Type == kind {
			found = append(found, e)
		}
	}
	return found
}

// await waits until what was printed satisfies a condition.
func (p *process) await(ctx context.Context, what string, ok func([]event) bool) error {
	for {
		events, news := p.all()
		if ok(events) {
			return nil
		}
		select {
		case <-news:
		case <-p.done:
			if events, _ := p.all(); ok(events) {
				return nil
			}
			return fmt.Errorf("%s ended (%v) before %s", p.name, p.cmd.ProcessState, what)
		case <-ctx.Done():
			return fmt.Errorf("%s: %s did not come in time: %w", p.name, what, context.Cause(ctx))
		}
	}
}

// awaitEvent waits for the n-th event of a type (and state, unless empty).
func (p *process) awaitEvent(ctx context.Context, kind, state string, n int) (found event, err error) {
	what := strings.TrimSpace(kind + " " + state)
	err = p.await(ctx, what, func(events []event) bool {
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

// ends waits for the end, which must have an exit code; a signal is sent first unless it is 0.
func (p *process) ends(ctx context.Context, signal syscall.Signal, code int) error {
	if signal != 0 {
		if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		return fmt.Errorf("%s does not end: %w", p.name, context.Cause(ctx))
	}
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		return fmt.Errorf("%s: %v, want exit code %d: %s", p.name, p.cmd.ProcessState, code, p.lastWords())
	}
	return nil
}

// lastWords is the end of what it said on standard error.
func (p *process) lastWords() string {
	said, err := os.ReadFile(p.stderr)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	return filepath.Base(p.stderr) + ": " + strings.Join(lines[max(0, len(lines)-12):], "\n\t")
}

// kill ends it in any case.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}
