//go:build linux

package logtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"yodel/cmd/internal/fates"
	"yodel/cmd/internal/impair"
	"yodel/cmd/internal/programs"
)

const (
	room = "log" // in which the trials write
	// settle is how long each step may take that is over at once on a good disk and network.
	settle = time.Minute
	// Ports of daemons are outside of those that the system gives out: a daemon finds its own free when it comes back.
	firstPort, ports = 20000, 10000
)

// bar is what something may take: so much, or in the short form, which runs on machines that others use, ten times as much.
func bar(d time.Duration) time.Duration {
	if settings.Full {
		return d
	}
	return 10 * d
}

// world is a daemon and its peers on this machine.
type world struct {
	t      *testing.T
	ctx    context.Context //nolint:containedctx // one trial, one context
	dir    string
	state  string // the daemon's folder
	server string // where peers find the daemon
	seed   uint64
	rng    *rand.Rand

	listen       string
	wrap         []string // the command that runs the daemon's; empty: none
	args         []string // of the daemon, beside the usual ones
	daemon       *programs.Process
	daemonNumber int

	started atomic.Int64 // programs: tells their names apart

	mu    sync.Mutex
	procs []*programs.Process
}

// newWorld prepares a world without a daemon; everything must be over within the limit.
func newWorld(t *testing.T, limit time.Duration) *world {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(context.Background(), limit, fmt.Errorf("the trial's limit of %v is over", limit))
	t.Cleanup(cancel)
	w := &world{t: t, ctx: ctx, dir: settings.Folder(t), seed: settings.SeedOf(t.Name())}
	w.rng = rand.New(rand.NewPCG(w.seed, 1))
	w.state = filepath.Join(w.dir, "state")
	w.listen = w.freePort()
	w.server = w.listen
	t.Cleanup(w.end)
	return w
}

// freePort gives an address of this machine at which nothing listens.
func (w *world) freePort() string {
	for range 100 {
		addr := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: firstPort + rand.IntN(ports)}
		if conn, err := net.ListenUDP("udp", addr); err == nil {
			_ = conn.Close()
			return addr.String()
		}
	}
	w.t.Fatal("no port is free")
	return ""
}

// lose puts a proxy between the peers that begin from now on and the daemon. It loses datagrams both ways.
func (w *world) lose(share float64) {
	p, err := impair.New(impair.Config{Target: w.listen, Profile: fates.Profile{Loss: share}, Seed: w.seed})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = p.Close() })
	w.server = p.Addr().String()
}

// end kills what still runs, and tells after a failure what the programs said.
func (w *world) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	programs.End(w.t, w.procs)
}

// launch starts a daemon and does not wait for anything. It becomes the world's daemon.
func (w *world) launch() (*programs.Process, error) {
	w.daemonNumber++
	args := append([]string{}, w.wrap...)
	args = append(args, filepath.Join(settings.Bin, "yodeld"), "serve", "--verbose", "--listen", w.listen, "--access", "open",
		"--state", w.state, "--delay", "0")
	p, err := w.start(fmt.Sprintf("yodeld-%d", w.daemonNumber), nil, append(args, w.args...)...)
	if err == nil {
		w.daemon = p
	}
	return p, err
}

// serve starts the daemon and waits until it is ready.
func (w *world) serve() error {
	p, err := w.launch()
	if err != nil {
		return err
	}
	return w.within(settle, func(ctx context.Context) error { return p.Await(ctx, "ready", isReady) })
}

func isReady(events []programs.Event) bool {
	return len(events) > 0 && strings.HasPrefix(events[0].Line, "yodeld: ready on ")
}

// restart ends the daemon by a signal and starts it again.
func (w *world) restart(signal syscall.Signal) error {
	if err := w.stop(signal); err != nil {
		return err
	}
	return w.serve()
}

// stop ends the daemon by a signal.
func (w *world) stop(signal syscall.Signal) error {
	code := 0
	if signal == syscall.SIGKILL {
		code = -1
	}
	return w.within(settle, func(ctx context.Context) error { return w.daemon.Ends(ctx, signal, code) })
}

// alive tells whether the daemon runs.
func (w *world) alive() bool {
	select {
	case <-w.daemon.Done():
		return false
	default:
		return true
	}
}

// within runs a step with a limit.
func (w *world) within(limit time.Duration, step func(context.Context) error) error {
	return programs.Within(w.ctx, limit, step)
}

// pause lets time pass.
func (w *world) pause(d time.Duration) error {
	return programs.Pause(w.ctx, d)
}

// start starts a command; it is killed at the trial's end or limit. input is its standard input; nil: a pipe.
func (w *world) start(name string, input *os.File, args ...string) (*programs.Process, error) {
	p, err := programs.Start(programs.Command{Name: name, Cmd: w.command(input, args...), Stderr: filepath.Join(w.dir, name+".err")})
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.procs = append(w.procs, p)
	return p, nil
}

// command prepares a command whose home is the trial's folder.
func (w *world) command(input *os.File, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(w.ctx, args[0], args[1:]...)
	cmd.Dir = w.dir
	cmd.Env = []string{"HOME=" + w.dir, "PATH=" + os.Getenv("PATH")}
	if input != nil {
		cmd.Stdin = input
	}
	return cmd
}
