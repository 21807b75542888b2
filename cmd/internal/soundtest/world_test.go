//go:build linux

package soundtest

import (
	"context"
	"encoding/json"
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
	port = 9635

	liveRoom  = "live"
	echoRoom  = "echo"
	echoDelay = 2 * time.Second

	// settle is how long each step may take that is over at once on an idle machine.
	settle = time.Minute
)

// world is a daemon between two places, each in a namespace of its own: there they talk, here they hear.
type world struct {
	t           *testing.T
	ctx         context.Context //nolint:containedctx // one row, one context
	dir         string
	seed        uint64
	there, here *site
	procs       []*programs.Process
}

// site is a place: side A of its link to the daemon.
type site struct {
	ns   *netem.Namespace
	link *netem.Link
}

// newWorld makes the namespaces and links and starts the daemon; everything must be over within the limit.
func newWorld(t *testing.T, both netem.Impairment, limit time.Duration) *world {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(context.Background(), limit, fmt.Errorf("the row's limit of %v is over", limit))
	t.Cleanup(cancel)
	w := &world{t: t, ctx: ctx, dir: settings.Folder(t), seed: settings.SeedOf(t.Name())}
	middle := namespace(t)
	for i, at := range []**site{&w.there, &w.here} {
		s := &site{ns: namespace(t)}
		l, err := netem.Connect(netem.Config{A: s.ns, B: middle, Seed: w.seed + uint64(i)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		if err := l.SetBoth(both); err != nil {
			t.Fatal(err)
		}
		s.link = l
		*at = s
	}
	t.Cleanup(w.end) // when the rest of it fails
	if err := w.startDaemon(middle); err != nil {
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
func (w *world) end() { programs.End(w.t, w.procs) }

func (w *world) startDaemon(ns *netem.Namespace) error {
	p, err := w.start(ns, "yodeld", command{args: []string{
		"yodeld", "serve", "--access", "open", "--state", w.path("daemon"), "--listen", fmt.Sprintf("0.0.0.0:%d", port),
		"--delay", "0s", "--room", echoRoom + "=" + echoDelay.String(),
	}})
	if err != nil {
		return err
	}
	return p.Await(w.ctx, "ready", func(events []programs.Event) bool {
		return len(events) > 0 && strings.HasPrefix(events[0].Line, "yodeld: ready on ")
	})
}

// command is what is started, beside where.
type command struct {
	args  []string
	input *os.File // its standard input; nil: none
	env   []string
}

// peer starts yodel as somebody in a room.
func (w *world) peer(s *site, nick, room string, c command) (*programs.Process, error) {
	server := netip.AddrPortFrom(s.link.Addr(netem.B), port).String()
	args := []string{
		"yodel", c.args[0], "--json", "--room", room, "--nick", nick, "--server", server, "--identity", w.path(nick + ".pem"),
	}
	c.args = append(args, c.args[1:]...)
	return w.start(s.ns, fmt.Sprintf("%s-%d", nick, len(w.procs)), c)
}

// start starts a program in a namespace; it is killed at the row's end or limit.
func (w *world) start(ns *netem.Namespace, name string, c command) (*programs.Process, error) {
	cmd := exec.CommandContext(w.ctx, filepath.Join(settings.Bin, c.args[0]), c.args[1:]...)
	if c.input != nil {
		cmd.Stdin = c.input
	}
	cmd.Dir = w.dir
	cmd.Env = append([]string{"HOME=" + w.dir, "PATH=" + os.Getenv("PATH")}, c.env...)
	p, err := programs.Start(programs.Command{Name: name, Cmd: cmd, Stderr: w.path(name + ".err"), Start: ns.Start})
	if err != nil {
		return nil, err
	}
	w.procs = append(w.procs, p)
	return p, nil
}

// path is a file of the row's.
func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// within runs a step with the time that steps have, and so much more.
func (w *world) within(more time.Duration, step func(context.Context) error) error {
	return programs.Within(w.ctx, settle+more, step)
}

// hear starts to hear a room into a file, and gives the instant of its sample 0.
func (w *world) hear(nick, room string, args ...string) (p *programs.Process, zero time.Time, err error) {
	return w.hearWith(nick, room, command{args: append([]string{"hear", "-o", w.path(nick + ".wav")}, args...)})
}

// hearWith is hear with a command of its own.
func (w *world) hearWith(nick, room string, c command) (p *programs.Process, zero time.Time, err error) {
	if p, err = w.peer(w.here, nick, room, c); err != nil {
		return nil, zero, err
	}
	zero, err = w.instant(p, "joined", "", 1)
	return p, zero, err
}

// talk starts to shout a file into a room, and gives the instant of its first sample.
func (w *world) talk(nick, room, file string, args ...string) (p *programs.Process, began time.Time, err error) {
	if p, err = w.peer(w.there, nick, room, command{args: append([]string{"talk", file}, args...)}); err != nil {
		return nil, began, err
	}
	began, err = w.instant(p, "talk", "start", 1)
	return p, began, err
}

// sameRate has talk keep the bit rate that the codec alone is measured at, so that what differs is the network's.
var sameRate = []string{"--bitrate", "32"}

// lossless has talk send a tone as it is: Opus itself shifts its phase by 0.11 rad when it changes its mode after 350 ms.
var lossless = []string{"--codec", "l16"}

// instant waits for the n-th event of a kind and state, and gives the instant that it names.
func (w *world) instant(p *programs.Process, kind, state string, n int) (at time.Time, err error) {
	err = w.within(0, func(ctx context.Context) error {
		e, err := p.AwaitEvent(ctx, kind, state, n)
		if err != nil {
			return err
		}
		at, err = printed(e)
		return err
	})
	return at, err
}

// printed is the instant that an event names.
func printed(e programs.Event) (time.Time, error) {
	var o struct{ At time.Time }
	if err := json.Unmarshal([]byte(e.Line), &o); err != nil {
		return o.At, fmt.Errorf("%q: %w", e.Line, err)
	}
	return o.At, nil
}

// heard waits until n talks were heard to their ends, and ends the hearing: its file is complete.
func (w *world) heard(p *programs.Process, n int) error {
	err := w.within(0, func(ctx context.Context) error {
		_, err := p.AwaitEvent(ctx, "talk", "end", n)
		return err
	})
	if err != nil {
		return err
	}
	return w.finish(p)
}

// finish ends a hearing: its file is complete.
func (w *world) finish(p *programs.Process) error {
	return w.within(0, func(ctx context.Context) error { return p.Ends(ctx, syscall.SIGTERM, 128+int(syscall.SIGTERM)) })
}

// pause lets time pass: how long something lasts is part of a row.
func (w *world) pause(d time.Duration) error { return programs.Pause(w.ctx, d) }
