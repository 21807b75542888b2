//go:build linux

package nettest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"yodel/cmd/internal/programs"
	"yodel/wire"
)

const (
	// restartAfter is how long a service manager takes to start a daemon anew that has ended.
	restartAfter = 200 * ms
	// attempts is how often a restart may be tried before its bars count: another program can have the machine for a second.
	attempts = 3
)

// newService makes a world on loopback, whose daemons are given one socket: what is sent to it while there is none waits.
func newService(t *testing.T, limit time.Duration) *world {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(context.Background(), limit, fmt.Errorf("the row's limit of %v is over", limit))
	t.Cleanup(cancel)
	w := &world{t: t, ctx: ctx, dir: settings.Folder(t), alice: &site{nick: "alice"}, bob: &site{nick: "bob"}}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	w.server = conn.LocalAddr().String()
	if w.socket, err = conn.File(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(w.socket.Close(), conn.Close()) })
	t.Cleanup(w.end)
	if err := w.startDaemon(); err != nil {
		t.Fatal(err)
	}
	return w
}

// startService starts a daemon with the socket (sd_listen_fds(3)); its process id is told by itself, as it is not known before.
func (w *world) startService(name string, args []string) (*programs.Process, error) {
	args[0] = filepath.Join(settings.Bin, args[0])
	cmd := exec.CommandContext(w.ctx, "sh", append([]string{"-c", `LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@"`}, args...)...)
	cmd.ExtraFiles = append(cmd.ExtraFiles, w.socket)
	return w.run(nil, name, cmd)
}

// services are restarts of a daemon whose socket stays with the service manager, in the middle of a voice. A room's delay is lost with the daemon.
// The short form runs on machines that others use: it holds to twice the time.
func services() (all []row) {
	slack := time.Duration(2)
	if settings.Full {
		slack = 1
	}
	for _, room := range []struct {
		name  string
		delay time.Duration
	}{{liveRoom, 0}, {echoRoom, 2 * time.Second}} {
		for _, end := range []struct {
			name   string
			signal syscall.Signal
			gap    time.Duration
		}{{"SIGTERM", syscall.SIGTERM, time.Second}, {"SIGKILL", syscall.SIGKILL, 3 * time.Second}} {
			all = append(all, row{
				name: "service, " + end.name + ", " + room.name, room: room.name, voice: 10 * time.Second, shortVoice: 8 * time.Second,
				act:  func(w *world) error { return w.restartDaemon(end.signal) },
				bars: bars{holes: true, sessions: true, gap: slack*end.gap + room.delay, back: slack * (wire.ReportEvery + time.Second)},
			})
		}
	}
	return all
}

// TestServiceRestarts restarts a service while voices and lines are on their way.
func TestServiceRestarts(t *testing.T) {
	for _, r := range services() {
		r = r.withDefaults()
		if settings.Only != nil && !settings.Only.MatchString(r.name) {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			var out *outcome
			for n := range attempts {
				if out = r.serve(t); len(out.faults) == 0 {
					break
				}
				t.Logf("attempt %d: %v", n+1, errors.Join(out.faults...))
			}
			results.add(out)
			if err := errors.Join(out.faults...); err != nil {
				t.Errorf("seed %d: %v", settings.Seed, err)
			}
		})
	}
}

// serve runs a row in a world of its own.
func (r row) serve(t *testing.T) *outcome {
	t.Helper()
	begin := time.Now()
	out := &outcome{row: r.name}
	out.fault(r.course(newService(t, r.length()+2*time.Minute), r, out))
	out.judge(r.bars)
	out.took = time.Since(begin)
	return out
}
