package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// room is where everything happens, and delay its echo.
const (
	room  = "demo"
	delay = 2 * time.Second
)

// stage is a daemon with a temporary folder, and the peers that were started.
type stage struct {
	ctx    context.Context //nolint:containedctx // one run, one context
	bin    string
	dir    string
	server string
	procs  []*process
}

// process is a program that was started, and the JSON objects that it prints.
type process struct {
	name   string
	cmd    *exec.Cmd
	lines  chan string
	stderr bytes.Buffer
	done   chan struct{}
	err    error
}

// event is what the demonstration reads of the peers' JSON objects.
type event struct {
	Type     string
	State    string
	Text     string
	Message  string
	From     string
	At       time.Time
	Delay    float64
	Duration float64
	Frames   int
	Lost     int
	Late     int
}

func newStage(ctx context.Context, bin string) (*stage, error) {
	dir, err := os.MkdirTemp("", "yodel-demo-")
	if err != nil {
		return nil, err
	}
	s := &stage{ctx: ctx, bin: bin, dir: dir}
	d, err := s.start("yodeld", "yodeld", "serve", "--listen", "127.0.0.1:0", "--state", filepath.Join(dir, "daemon"),
		"--room", room+"="+delay.String())
	if err == nil {
		err = s.await(d)
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// await waits for the daemon's ready line and takes the address from it.
func (s *stage) await(d *process) error {
	line, err := d.line(s.ctx)
	if err != nil {
		return err
	}
	fields := strings.Fields(line) // yodeld: ready on ADDRESS FINGERPRINT
	if len(fields) < 4 || fields[1] != "ready" {
		return fmt.Errorf("the daemon said %q instead of that it is ready", line)
	}
	s.server = fields[3]
	fmt.Printf("A daemon is ready on %s, with an echo of %v in the room %q.\n", s.server, delay, room)
	return nil
}

// peer starts yodel as somebody.
func (s *stage) peer(nick, command string, args ...string) (*process, error) {
	args = append([]string{
		command, "--server", s.server, "--room", room, "--nick", nick,
		"--identity", filepath.Join(s.dir, nick, "identity.pem"), "--json",
	}, args...)
	return s.start(nick, "yodel", args...)
}

// start runs a program until the stage is closed or it ends by itself.
func (s *stage) start(name, program string, args ...string) (*process, error) {
	path, err := filepath.Abs(filepath.Join(s.bin, program))
	if err != nil {
		return nil, err
	}
	p := &process{name: name, cmd: exec.Command(path, args...), lines: make(chan string, 1024), done: make(chan struct{})}
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	s.procs = append(s.procs, p)
	go p.read(out)
	return p, nil
}

// read collects the lines and then the exit of a process; it ends with the process.
func (p *process) read(out io.Reader) {
	scanner := bufio.NewScanner(out)
	for scanner.Scan() {
		p.lines <- scanner.Text()
	}
	close(p.lines)
	p.err = p.cmd.Wait()
	close(p.done)
}

// line gives the next line of output.
func (p *process) line(ctx context.Context) (string, error) {
	select {
	case l, ok := <-p.lines:
		if !ok {
			<-p.done
			return "", fmt.Errorf("%s ended early (%w): %s", p.name, p.ending(), strings.TrimSpace(p.stderr.String()))
		}
		return l, nil
	case <-ctx.Done():
		return "", fmt.Errorf("waiting for %s: %w", p.name, ctx.Err())
	}
}

// ending tells how a process ended.
func (p *process) ending() error {
	if p.err == nil {
		return errors.New("exit code 0")
	}
	return p.err
}

// next gives the next JSON object of that type (and state, unless empty).
func (p *process) next(ctx context.Context, kind, state string) (event, error) {
	for {
		l, err := p.line(ctx)
		if err != nil {
			return event{}, err
		}
		var e event
		if err := json.Unmarshal([]byte(l), &e); err != nil {
			return event{}, fmt.Errorf("%s printed %q: %w", p.name, l, err)
		}
		if e.Type == kind && (state == "" || e.State == state) {
			return e, nil
		}
	}
}

// wait waits for the end of a process, which must be a good one.
func (p *process) wait(ctx context.Context) error {
	select {
	case <-p.done:
	case <-ctx.Done():
		return fmt.Errorf("waiting for the end of %s: %w", p.name, ctx.Err())
	}
	if p.err != nil {
		return fmt.Errorf("%s: %w: %s", p.name, p.err, strings.TrimSpace(p.stderr.String()))
	}
	return nil
}

// close ends what still runs, the daemon last, and removes the folder.
func (s *stage) close() error {
	var errs []error
	for i := len(s.procs) - 1; i >= 0; i-- {
		errs = append(errs, s.procs[i].stop())
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

// stop asks a process to end, and makes it end if it does not within three seconds.
func (p *process) stop() error {
	select {
	case <-p.done:
		return nil
	default:
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	timer := time.NewTimer(3 * time.Second)
	defer timer.Stop()
	for {
		select {
		case <-p.lines: // a full pipe would keep it from ending
		case <-p.done:
			return nil
		case <-timer.C:
			_ = p.cmd.Process.Kill()
			<-p.done
			return fmt.Errorf("%s did not end within 3 s of SIGTERM", p.name)
		}
	}
}
