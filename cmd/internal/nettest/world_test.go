//go:build linux

package nettest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"yodel/cmd/internal/netem"
	"yodel/cmd/internal/programs"
)

const (
	port     = 9635
	echoRoom = "echo" // 2 s of delay
	liveRoom = "live"
)

// world is a daemon between two peers, each in a namespace of its own.
type world struct {
	t            *testing.T
	ctx          context.Context //nolint:containedctx // one row, one context
	dir          string
	alice, bob   *site
	daemon       *programs.Process
	middle       *netem.Namespace // nil: all are in that of the test
	socket       *os.File         // that the daemons are given, one after the other, as a service manager does; nil: each has its own
	server       string           // with socket: its address
	procs        []*programs.Process
	restored     time.Time // when the network or the daemon was there again; zero: nothing was taken away
	daemonNumber int
}

// site is the place of a peer: side A of its link.
type site struct {
	nick string
	ns   *netem.Namespace
	link *netem.Link
}

// server is the daemon's address as a site has it.
func (w *world) serverOf(s *site) string {
	if w.server != "" {
		return w.server
	}
	return netip.AddrPortFrom(s.link.Addr(netem.B), port).String()
}

// newWorld makes the namespaces and links and starts the daemon; everything must be over within the limit.
func newWorld(t *testing.T, mtu int, limit time.Duration) *world {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(context.Background(), limit, fmt.Errorf("the row's limit of %v is over", limit))
	t.Cleanup(cancel)
	w := &world{t: t, ctx: ctx, dir: settings.Folder(t), middle: namespace(t)}
	seed := settings.SeedOf(t.Name())
	for i, s := range []struct {
		at   **site
		nick string
	}{{&w.alice, "alice"}, {&w.bob, "bob"}} {
		here := &site{nick: s.nick, ns: namespace(t)}
		l, err := netem.Connect(netem.Config{A: here.ns, B: w.middle, MTU: mtu, Seed: seed + uint64(i)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		here.link = l
		*s.at = here
	}
	t.Cleanup(w.end) // when the rest of it fails
	if err := w.startDaemon(); err != nil {
		t.Fatal(err)
	}
	return w
}

func namespace(t *testing.T) *netem.Namespace {
	t.Helper()
	ns, err := netem.NewNamespace()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ns.Close() })
	return ns
}

// end kills what still runs, and tells after a failure what the programs said.
func (w *world) end() {
	programs.End(w.t, w.procs)
}

// startDaemon starts the daemon, the first time or again, at the same address and with the same state.
func (w *world) startDaemon() error {
	w.daemonNumber++
	name := fmt.Sprintf("yodeld-%d", w.daemonNumber)
	args := []string{
		"yodeld", "serve", "--verbose", "--access", "open", "--state", filepath.Join(w.dir, "daemon"), "--room", echoRoom + "=2s", "--room", liveRoom + "=0s",
	}
	var p *programs.Process
	var err error
	if w.socket != nil {
		p, err = w.startService(name, args)
	} else {
		p, err = w.start(w.middle, name, nil, append(args, "--listen", fmt.Sprintf("0.0.0.0:%d", port))...)
	}
	if err != nil {
		return err
	}
	w.daemon = p
	return p.Await(w.ctx, "ready", func(events []programs.Event) bool {
		return len(events) > 0 && strings.HasPrefix(events[0].Line, "yodeld: ready on ")
	})
}

// daemonRuns tells whether the daemon has not ended.
func (w *world) daemonRuns() bool {
	select {
	case <-w.daemon.Done():
		return false
	default:
		return true
	}
}

// restartDaemon ends the daemon by a signal and starts it again.
func (w *world) restartDaemon(signal syscall.Signal) error {
	if err := w.daemon.Cmd.Process.Signal(signal); err != nil {
		return err
	}
	select {
	case <-w.daemon.Done():
	case <-w.ctx.Done():
		return context.Cause(w.ctx)
	}
	if w.socket != nil { // as long as a service manager takes
		if err := w.pause(restartAfter); err != nil {
			return err
		}
	}
	err := w.startDaemon()
	w.restored = time.Now()
	return err
}

// peer starts yodel as somebody in a room. input is its standard input; nil: a pipe, Process.Stdin.
func (w *world) peer(s *site, room string, input *os.File, args ...string) (*programs.Process, error) {
	name := fmt.Sprintf("%s-%s-%d", s.nick, args[0], len(w.procs))
	command := []string{
		"yodel", args[0], "--json", "--room", room, "--nick", s.nick, "--server", w.serverOf(s),
		"--identity", filepath.Join(w.dir, s.nick, "identity.pem"),
	}
	return w.start(s.ns, name, input, append(command, args[1:]...)...)
}

// start starts a program in a namespace; it is killed at the row's end or limit.
func (w *world) start(ns *netem.Namespace, name string, input *os.File, args ...string) (*programs.Process, error) {
	cmd := exec.CommandContext(w.ctx, filepath.Join(settings.Bin, args[0]), args[1:]...)
	if input != nil {
		cmd.Stdin = input
	}
	return w.run(ns, name, cmd)
}

// run starts a command; without a namespace in that of the test.
func (w *world) run(ns *netem.Namespace, name string, cmd *exec.Cmd) (*programs.Process, error) {
	cmd.Dir = w.dir
	cmd.Env = []string{"HOME=" + w.dir, "PATH=" + os.Getenv("PATH")}
	c := programs.Command{Name: name, Cmd: cmd, Stderr: filepath.Join(w.dir, name+".err")}
	if ns != nil {
		c.Start = ns.Start
	}
	p, err := programs.Start(c)
	if err != nil {
		return nil, err
	}
	w.procs = append(w.procs, p)
	return p, nil
}

// pause lets time pass: the length of a black-out is part of a row.
func (w *world) pause(d time.Duration) error {
	return programs.Pause(w.ctx, d)
}

// blackout takes the network away from a site for a while.
func (w *world) blackout(s *site, d time.Duration) error {
	s.link.Blackout(true)
	err := w.pause(d)
	s.link.Blackout(false)
	w.restored = time.Now()
	return err
}

// move gives a site another address, as another network does: for a moment it has none.
func (w *world) move(s *site) error {
	old := s.link.Addr(netem.A)
	bytes := old.As4()
	bytes[3] += 8
	device := s.link.Device(netem.A)
	return errors.Join(
		s.ns.IP(fmt.Sprintf("addr del %v/24 dev %s", old, device)),
		s.ns.IP(fmt.Sprintf("addr add %v/24 dev %s", netip.AddrFrom4(bytes), device)),
	)
}
