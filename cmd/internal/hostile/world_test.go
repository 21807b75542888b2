//go:build linux

package hostile

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"yodel/cmd/internal/netem"
	"yodel/cmd/internal/programs"
)

const (
	liveRoom = "live"
	// settle is how long each step may take that is over at once on an idle machine.
	settle = time.Minute
)

// daemonAt is where the daemon is; the programs that are no attackers are at its address too.
var daemonAt = netip.MustParseAddrPort("10.64.0.1:9635")

// world is a daemon in a network namespace of its own, with all that is started there.
type world struct {
	t      *testing.T
	ctx    context.Context //nolint:containedctx // one attack, one context
	dir    string
	seed   uint64
	ns     *netem.Namespace
	daemon *programs.Process
	procs  []*programs.Process

	urgently bool // what is started now is urgent
}

// newWorld makes the namespace and starts the daemon, with further arguments; everything must be over within the limit.
func newWorld(t *testing.T, limit time.Duration, args ...string) *world {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(context.Background(), limit, fmt.Errorf("the attack's limit of %v is over", limit))
	t.Cleanup(cancel)
	ns, err := netem.NewNamespace()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ns.Close() })
	if err := ns.IP("route add local 10.64.0.0/16 dev lo"); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, ctx: ctx, dir: settings.Folder(t), seed: settings.SeedOf(t.Name()), ns: ns}
	t.Cleanup(w.end)
	if err := w.startDaemon(args...); err != nil {
		t.Fatal(err)
	}
	return w
}

// startDaemon starts the daemon and waits until it is ready.
func (w *world) startDaemon(args ...string) error {
	command := []string{
		"yodeld", "serve", "--verbose", "--listen", fmt.Sprintf("0.0.0.0:%d", daemonAt.Port()), "--access", "open",
		"--state", filepath.Join(w.dir, "daemon"), "--room", liveRoom + "=0s",
	}
	p, err := w.start("yodeld", append(command, args...)...)
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

// end kills what still runs, and tells after a failure what the programs said.
func (w *world) end() {
	programs.End(w.t, w.procs)
}

// peer starts a command of yodel as somebody.
func (w *world) peer(nick, command string, args ...string) (*programs.Process, error) {
	all := []string{
		"yodel", command, "--json", "--nick", nick, "--server", daemonAt.String(), "--identity", filepath.Join(w.dir, nick, "identity.pem"),
	}
	if command != "ping" {
		all = append(all, "--room", liveRoom)
	}
	return w.start(fmt.Sprintf("%s-%s-%d", nick, command, len(w.procs)), append(all, args...)...)
}

// urgent has a program run before others. Those of a victim are on a machine of their own in earnest, which no attacker keeps busy.
var urgent = []string{"nice", "-n", "-19"}

// start starts a program in the namespace; it is killed at the attack's end or limit.
func (w *world) start(name string, args ...string) (*programs.Process, error) {
	args[0] = filepath.Join(settings.Bin, args[0])
	if w.urgently {
		args = append(slices.Clone(urgent), args...)
	}
	cmd := exec.CommandContext(w.ctx, args[0], args[1:]...)
	cmd.Dir = w.dir
	cmd.Env = []string{"HOME=" + w.dir, "PATH=" + os.Getenv("PATH")}
	p, err := programs.Start(programs.Command{Name: name, Cmd: cmd, Stderr: filepath.Join(w.dir, name+".err"), Start: w.ns.Start})
	if err != nil {
		return nil, err
	}
	w.procs = append(w.procs, p)
	return p, nil
}

// within runs a step with the time that steps have.
func (w *world) within(step func(context.Context) error) error {
	return programs.Within(w.ctx, settle, step)
}

// pause lets time pass: how long an attack goes on is part of it.
func (w *world) pause(d time.Duration) error {
	return programs.Pause(w.ctx, d)
}
