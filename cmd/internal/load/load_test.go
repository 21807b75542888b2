//go:build linux

package load

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yodel/daemon"
	"yodel/wire/secure"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

// startDaemon runs a daemon in this process until the test's end.
func startDaemon(t *testing.T) netip.AddrPort {
	t.Helper()
	server, _ := startDaemonUntil(t)
	return server
}

// startDaemonUntil gives what stops the daemon, too.
func startDaemonUntil(t *testing.T) (server netip.AddrPort, stop func()) {
	t.Helper()
	return runDaemon(t, daemon.Config{Listen: loopback})
}

// startDaemonWith is startDaemon with settings.
func startDaemonWith(t *testing.T, cfg daemon.Config) netip.AddrPort {
	t.Helper()
	server, _ := runDaemon(t, cfg)
	return server
}

func runDaemon(t *testing.T, cfg daemon.Config) (server netip.AddrPort, stop func()) {
	t.Helper()
	id, err := secure.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	cfg.Identity, cfg.Rooms = id, map[string]daemon.RoomConfig{"echo": {Delay: 200 * time.Millisecond}}
	cfg.State = t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan netip.AddrPort, 1), make(chan error, 1)
	go func() { ended <- daemon.Run(ctx, cfg, func(d *daemon.Daemon) { ready <- d.Addr() }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case addr := <-ready:
		return addr, cancel
	case err := <-ended:
		ended <- err
		t.Fatal(err)
	}
	return netip.AddrPort{}, nil
}

// startRelay runs a plain relay until the test's end; forgotten is closed with the second 'Q'.
func startRelay(t *testing.T) (addr netip.AddrPort, forgotten chan struct{}) {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(loopback))
	if err != nil {
		t.Fatal(err)
	}
	forgotten, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		rooms, forgets := map[byte][]netip.AddrPort{}, 0
		b := make([]byte, 2048)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			switch b[0] {
			case plainForget:
				clear(rooms)
				if forgets++; forgets == 2 {
					close(forgotten)
				}
			case plainRegister:
				rooms[b[1]] = append(rooms[b[1]], from)
			default:
				for _, to := range rooms[b[1]] {
					_, _ = conn.WriteToUDPAddrPort(b[:n], to)
				}
			}
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-ended
	})
	return conn.LocalAddr().(*net.UDPAddr).AddrPort(), forgotten
}

// small is a load for tests.
func small(t *testing.T, server netip.AddrPort) Config {
	return Config{
		Server: server, Rooms: 1, Talkers: 2, Listeners: 3, Room: "echo", Rate: 50, Size: 80, For: 500 * time.Millisecond,
		JoinRate: 200, Timeout: time.Minute, Fault: func(line string) { t.Error(line) },
	}
}

// complete fails the test unless all that was sent has arrived once.
func complete(t *testing.T, r *Result, hearers int) {
	t.Helper()
	a := r.Audio
	least := int(0.4 * r.Seconds.Duration().Seconds() * r.Rate * float64(r.Rooms*r.Talkers))
	if a.Offered < least || a.Expected != a.Offered*hearers || a.Delivered != a.Expected || a.Lost != 0 {
		t.Errorf("offered %d (least %d), expected %d, delivered %d, lost %d", a.Offered, least, a.Expected, a.Delivered, a.Lost)
	}
	if a.Doubled != 0 || a.Strange != 0 || a.False != 0 {
		t.Errorf("%d doubled, %d strange, %d false", a.Doubled, a.Strange, a.False)
	}
	if q := a.Latency; q.P50 < 0 || q.P99 < q.P50 || q.Max < q.P99 || q.P50 > 10 {
		t.Errorf("latency %+v", q)
	}
	if s := r.Sessions; s.Joined != r.Rooms*(r.Talkers+r.Listeners) || s.Failed != 0 || s.Lost != 0 {
		t.Errorf("sessions %+v", s)
	}
}

func TestAllIsDelivered(t *testing.T) {
	server := startDaemon(t)
	for _, test := range []struct {
		name    string
		change  func(c *Config)
		hearers int
	}{
		{"a room with delay", func(*Config) {}, 3},
		{"all talk and hear", func(c *Config) { c.Talkers, c.Listeners, c.Hear = 4, 0, true }, 4},
		{"in rooms, at one instant", func(c *Config) { c.Room, c.Rooms, c.Burst = "live", 3, true }, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := small(t, server)
			test.change(&cfg)
			cfg.PID = os.Getpid()
			r, err := Run(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			complete(t, r, test.hearers)
			if cfg.Room == "echo" && (r.Delay != 0.2 || r.Lead != 0.15) {
				t.Errorf("delay %v, lead %v", r.Delay, r.Lead)
			}
			if r.Audio.Checked == 0 || r.Sessions.Join.P50 <= 0 || r.Sessions.Rate <= 0 {
				t.Errorf("%d checked, sessions %+v", r.Audio.Checked, r.Sessions)
			}
			if d := r.Daemon; d == nil || d.Nanos <= 0 || d.CPU <= 0 || d.JoinCPU <= 0 || d.RSS <= 0 || d.Datagrams < r.Audio.Delivered/2 {
				t.Errorf("daemon %+v", d)
			}
		})
	}
}

func TestAPlainRelayIsLoadedAlike(t *testing.T) {
	server, forgotten := startRelay(t)
	cfg := small(t, server)
	cfg.Plain, cfg.Rooms, cfg.Hear = true, 2, true
	r, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	complete(t, r, 5)
	<-forgotten
}

func TestMessagesReachAll(t *testing.T) {
	cfg := small(t, startDaemon(t))
	cfg.Talkers, cfg.Rooms, cfg.Room, cfg.ChatRate, cfg.For = 0, 2, "chat", 20, time.Second
	r, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := r.Chat
	if c == nil || c.Published < 10 || c.Receipts != c.Published || c.Expected != 3*c.Published || c.Entries != c.Expected || c.Lost+c.Doubled+c.Held != 0 {
		t.Fatalf("%+v", c)
	}
	if c.Receipt.P50 <= 0 || c.Entry.P50 <= 0 || c.Entry.Max > 10 {
		t.Errorf("receipts %+v, entries %+v", c.Receipt, c.Entry)
	}
}

func TestNobodyThere(t *testing.T) {
	closed, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(loopback))
	if err != nil {
		t.Fatal(err)
	}
	silent, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(loopback))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	_ = closed.Close()
	for name, test := range map[string]struct {
		conn  *net.UDPConn
		plain bool
	}{"closed": {closed, false}, "silent": {silent, false}, "plain": {closed, true}} {
		t.Run(name, func(t *testing.T) {
			cfg := small(t, test.conn.LocalAddr().(*net.UDPAddr).AddrPort())
			cfg.Plain, cfg.Timeout, cfg.Fault = test.plain, 600*time.Millisecond, nil
			if _, err := Run(t.Context(), cfg); !errors.Is(err, ErrUnreachable) {
				t.Errorf("%v, want ErrUnreachable", err)
			}
		})
	}
}

func TestTheDaemonGoes(t *testing.T) {
	server, stop := startDaemonUntil(t)
	cfg := small(t, server)
	var faults []string
	cfg.Fault = func(line string) { faults = append(faults, line) }
	cfg.For, cfg.Progress = time.Hour, func(line string) {
		if strings.HasPrefix(line, "measuring") {
			stop()
		}
	}
	if _, err := Run(t.Context(), cfg); !errors.Is(err, ErrUnreachable) {
		t.Errorf("%v, want ErrUnreachable", err)
	}
	if len(faults) != 1 || !strings.Contains(faults[0], "stopping") {
		t.Errorf("faults %q", faults)
	}
}

func TestAnEndBeforeItsTime(t *testing.T) {
	server := startDaemon(t)
	for _, phase := range []string{"joining", "settling", "measuring"} {
		ctx, cancel := context.WithCancel(t.Context())
		cfg := small(t, server)
		cfg.For = time.Hour
		cfg.Progress = func(line string) {
			if strings.HasPrefix(line, phase) {
				cancel()
			}
		}
		r, err := Run(ctx, cfg)
		if measured := phase == "measuring"; measured != (err == nil) || measured != (r != nil) || measured && !r.Interrupted {
			t.Errorf("%s: %+v, %v", phase, r, err)
		}
	}
}

func TestARunThatCannotBe(t *testing.T) {
	for name, test := range map[string]struct {
		change func(c *Config)
		want   error
	}{
		"no session":                {func(c *Config) { c.Talkers, c.Listeners = 0, 0 }, ErrConfig},
		"too many":                  {func(c *Config) { c.Rooms = 1 << 40 }, ErrConfig},
		"too large a packet":        {func(c *Config) { c.Size = 1173 }, ErrConfig},
		"no rate":                   {func(c *Config) { c.Rate = 0 }, ErrConfig},
		"messages of a plain relay": {func(c *Config) { c.Plain, c.ChatRate = true, 1 }, ErrConfig},
		"rooms of a plain relay":    {func(c *Config) { c.Plain, c.Rooms = true, 257 }, ErrConfig},
		"no such process":           {func(c *Config) { c.PID = 1 << 22 }, ErrProcess},
	} {
		cfg := small(t, loopback)
		test.change(&cfg)
		if _, err := Run(t.Context(), cfg); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

// One socket that somebody else has opened feeds all shards: whoever has a session, all hear all.
func TestPassedSocketFeedsAllShards(t *testing.T) {
	socket, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(loopback))
	if err != nil {
		t.Fatal(err)
	}
	server := startDaemonWith(t, daemon.Config{Socket: socket, Gather: 5 * time.Millisecond})
	cfg := small(t, server)
	cfg.Room, cfg.Talkers, cfg.Listeners, cfg.Hear = "live", 3, 9, true
	r, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	complete(t, r, 12)
}
