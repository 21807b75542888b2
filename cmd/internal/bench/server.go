package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"yodel/cmd/internal/load"
)

// errServer is a server that does not start.
var errServer = errors.New("it does not start")

// bench is the programs, and how to use them.
type bench struct {
	*options
	dir    string // of what is made on the way
	missed int    // bars
}

// build makes what is not there.
func (b *bench) build(ctx context.Context) error {
	source := filepath.Join("cmd", "internal", "bench", "yardstick", "relay.c")
	commands := [][]string{{"cc", "-O2", "-o", filepath.Join(b.dir, "relay"), source}}
	if b.bin == "" {
		b.bin = b.dir
		commands = append(commands, []string{
			"go", "build", "-trimpath", "-tags", "nolibopusfile,urfave_cli_no_docs", "-buildvcs=false",
			"-o", b.dir, "./cmd/yodel", "./cmd/yodeld",
		})
	}
	for _, args := range commands {
		c := exec.CommandContext(ctx, args[0], args[1:]...)
		c.Stderr = os.Stderr
		if args[0] == "go" {
			c.Env = append(os.Environ(), "CGO_ENABLED=0")
		}
		if err := c.Run(); err != nil {
			return fmt.Errorf("%s: %w", c, err)
		}
	}
	return nil
}

// server is a running relay or daemon.
type server struct {
	command *exec.Cmd
	address string
	plain   bool
}

// ready is the line with which both say where they are.
var ready = regexp.MustCompile(`ready on (\S+)`)

// relay starts the yardstick.
func (b *bench) relay(ctx context.Context) (*server, error) {
	return start(exec.CommandContext(ctx, filepath.Join(b.dir, "relay")), true)
}

// daemon starts a daemon whose rooms are live, but for "echo".
func (b *bench) daemon(ctx context.Context) (*server, error) {
	return start(exec.CommandContext(ctx, filepath.Join(b.bin, "yodeld"), "serve", "--listen", "127.0.0.1:0",
		"--state", filepath.Join(b.dir, "state"), "--delay", "0", "--room", "live=0", "--room", "echo=2s"), false)
}

func start(c *exec.Cmd, plain bool) (*server, error) {
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 5 * time.Second
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the terminal's SIGINT is not for it
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	s := &server{command: c, plain: plain}
	line, err := bufio.NewReader(out).ReadString('\n')
	found := ready.FindStringSubmatch(line)
	if found == nil {
		s.stop()
		return nil, fmt.Errorf("%s: %w: %q, %w", c.Path, errServer, line, err)
	}
	s.address = found[1]
	return s, nil
}

// stop ends the server and waits for it.
func (s *server) stop() {
	_ = s.command.Process.Signal(syscall.SIGTERM)
	_ = s.command.Wait() // by the signal
}

// load has `yodel bench` load a server.
func (b *bench) load(ctx context.Context, s *server, args ...string) (*load.Result, error) {
	all := append([]string{"bench", "--json", "--quiet", "--pid", strconv.Itoa(s.command.Process.Pid)}, args...)
	if s.plain {
		all = append(all, "--plain", s.address)
	} else {
		all = append(all, "--server", s.address)
	}
	c := exec.CommandContext(ctx, filepath.Join(b.bin, "yodel"), all...)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", c, err, out)
	}
	r := new(load.Result)
	if err := json.Unmarshal(out, r); err != nil {
		return nil, fmt.Errorf("%s: %w", c, err)
	}
	if r.Daemon == nil {
		return nil, fmt.Errorf("%s: %w: no figures of the process", c, errServer)
	}
	return r, nil
}

// once starts a server, loads it, and stops it.
func (b *bench) once(ctx context.Context, start func(context.Context) (*server, error), args ...string) (*load.Result, error) {
	s, err := start(ctx)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	return b.load(ctx, s, args...)
}
