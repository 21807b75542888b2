package main

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"yodel/daemon"
	"yodel/wire/secure"
)

// gate is a log that holds up who writes a line with a word, as a loop that hangs is held up.
type gate struct {
	slog.Handler
	word          string
	once          sync.Once
	held, release chan struct{}
}

func newGate(word string) *gate {
	return &gate{Handler: slog.DiscardHandler, word: word, held: make(chan struct{}), release: make(chan struct{})}
}

func (g *gate) Enabled(context.Context, slog.Level) bool { return true }

func (g *gate) Handle(_ context.Context, r slog.Record) error {
	if r.Message == g.word {
		g.once.Do(func() { close(g.held) })
		<-g.release
	}
	return nil
}

// runDaemon runs one on loopback. It has ended when stop returns.
func runDaemon(t *testing.T, log *slog.Logger) (d *daemon.Daemon, stop func()) {
	t.Helper()
	id, err := secure.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	cfg := daemon.Config{
		Listen: netip.MustParseAddrPort("127.0.0.1:0"), Identity: id, State: t.TempDir(), Limits: daemon.DefaultLimits, Logger: log,
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan *daemon.Daemon, 1), make(chan error, 1)
	go func() { ended <- daemon.Run(ctx, cfg, func(d *daemon.Daemon) { ready <- d }) }()
	select {
	case d = <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
	return d, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// send brings a datagram to a daemon.
func send(t *testing.T, d *daemon.Daemon, b string) {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(d.Addr()))
	if err == nil {
		_, err = conn.Write([]byte(b))
		_ = conn.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// supervised runs a supervisor; what it says comes from the channel.
func supervised(stopping context.Context, t *testing.T, s *supervisor) <-chan string {
	t.Helper()
	said := make(chan string, 1000)
	s.notify = func(state string) {
		select {
		case said <- state:
		default: // nobody looks any more
		}
	}
	ended, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		s.run(stopping, ended)
	}()
	t.Cleanup(func() {
		close(ended)
		<-over
	})
	return said
}

// within takes what is said until something begins with a text.
func within(t *testing.T, said <-chan string, prefix string) string {
	t.Helper()
	late := time.After(30 * time.Second)
	for {
		select {
		case state := <-said:
			if strings.HasPrefix(state, prefix) {
				return state
			}
		case <-late:
			t.Fatalf("nobody says %s", prefix)
		}
	}
}

// A loop that hangs is not fed any more, says so once, and is fed when it goes on.
func TestOnlyAnAliveDaemonFeedsTheWatchdog(t *testing.T) {
	g := newGate("dropped")
	d, stop := runDaemon(t, slog.New(g))
	defer stop()
	s := &supervisor{daemon: d, log: slog.New(slog.DiscardHandler), feed: 100 * time.Millisecond}
	said := supervised(t.Context(), t, s)
	within(t, said, "WATCHDOG=1")
	send(t, d, "junk")
	<-g.held
	if state := within(t, said, "STATUS="); !strings.Contains(state, "the hub's loop") {
		t.Errorf("%q", state)
	}
	never := time.After(time.Second) // ten looks
	for waiting := true; waiting; {
		select {
		case state := <-said:
			t.Errorf("a daemon that hangs says %q", state)
		case <-never:
			waiting = false
		}
	}
	close(g.release)
	within(t, said, "WATCHDOG=1")
}

// While a daemon stops its loop does not turn any more, and it is not to be killed for that.
func TestADaemonThatStopsIsFed(t *testing.T) {
	g := newGate("dropped")
	d, stop := runDaemon(t, slog.New(g))
	send(t, d, "junk")
	<-g.held
	stopping, cancel := context.WithCancel(t.Context())
	cancel()
	s := &supervisor{daemon: d, log: slog.New(slog.DiscardHandler), feed: 10 * time.Millisecond, status: 10 * time.Millisecond}
	said := supervised(stopping, t, s)
	for range 3 {
		within(t, said, "WATCHDOG=1")
	}
	close(g.release)
	stop()
}

func TestStatusIsToldWhenItHasChanged(t *testing.T) {
	g := newGate("dropped")
	d, stop := runDaemon(t, slog.New(g))
	defer stop()
	s := &supervisor{daemon: d, log: slog.New(slog.DiscardHandler), status: 200 * time.Millisecond}
	said := supervised(t.Context(), t, s)
	const well = "STATUS=0 peers, 0 rooms, 0 talking, on 127.0.0.1:"
	within(t, said, well)
	send(t, d, "junk")
	<-g.held
	if next := <-said; !strings.HasPrefix(next, "STATUS=stuck: the hub's loop") {
		t.Errorf("after the first status, which has not changed: %q", next)
	}
	close(g.release)
	within(t, said, well)
}

func TestWhatTheEnvironmentAsksFor(t *testing.T) {
	for _, c := range []struct {
		socket, watchdog string
		feed, status     time.Duration
	}{
		{"", "", 0, 0}, {"", "3000000", 0, 0}, {"/nowhere", "", 0, statusEvery}, {"/nowhere", "3000000", time.Second, statusEvery}, {"/nowhere", "soon", 0, statusEvery},
	} {
		t.Setenv("NOTIFY_SOCKET", c.socket)
		t.Setenv("WATCHDOG_USEC", c.watchdog)
		t.Setenv("WATCHDOG_PID", "")
		if s := newSupervisor(nil, slog.New(slog.DiscardHandler)); s.feed != c.feed || s.status != c.status {
			t.Errorf("socket %q, watchdog %q: every %v, status every %v", c.socket, c.watchdog, s.feed, s.status)
		}
	}
}
