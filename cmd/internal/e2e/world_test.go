package e2e

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yodel/daemon"
	"yodel/peer"
	"yodel/wire/secure"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait.
const patience = time.Minute

// world is a daemon that can be stopped and started again, and its peers.
type world struct {
	t    *testing.T
	cfg  daemon.Config
	addr netip.AddrPort
	stop func()

	daemon *daemon.Daemon // that runs
}

func newWorld(t *testing.T, cfg daemon.Config) *world {
	t.Helper()
	cfg.Listen = freePort(t)
	cfg.Identity, cfg.State = identity(t), t.TempDir()
	w := &world{t: t, cfg: cfg}
	w.start()
	t.Cleanup(func() { w.stop() })
	return w
}

// freePort gives an address of this machine at which nothing listens. It is outside of those that the system and other tests give out: a daemon that is started
// again finds its own free.
func freePort(t *testing.T) netip.AddrPort {
	t.Helper()
	const first, ports = 21000, 3000
	for range 100 {
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(first+rand.IntN(ports)))
		if conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr)); err == nil {
			_ = conn.Close()
			return addr
		}
	}
	t.Fatal("no port is free")
	return netip.AddrPort{}
}

// start runs the daemon; after the first time on the port that it had.
func (w *world) start() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready := make(chan *daemon.Daemon, 1)
	done := make(chan error, 1)
	go func() { done <- daemon.Run(ctx, w.cfg, func(d *daemon.Daemon) { ready <- d }) }()
	select {
	case w.daemon = <-ready:
		w.addr = w.daemon.Addr()
	case err := <-done:
		w.t.Fatal(err)
	}
	w.cfg.Listen = w.addr
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	})
}

func identity(t *testing.T) *secure.Identity {
	t.Helper()
	id, err := secure.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// config is that of a peer of the daemon, with an identity of its own.
func (w *world) config(nick string) peer.Config {
	return peer.Config{
		Server: w.addr.String(), Identity: identity(w.t), Nick: nick, Software: "e2e/1",
		KnownHosts: &secure.KnownHosts{Path: filepath.Join(w.t.TempDir(), "known_hosts")},
	}
}

func (w *world) dial(cfg peer.Config) *peer.Client {
	w.t.Helper()
	c, err := peer.Dial(soon(w.t), cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	return c
}

// closes closes a peer. On an idle machine it takes some milliseconds, whatever the daemon and the disk do: who waits for either takes far longer than this
// allows, or for ever.
func closes(t *testing.T, c *peer.Client) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- c.Close() }()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience / 2):
		t.Fatalf("a peer is not closed after %v", patience/2)
	}
}

// soon is a context that ends when patience does.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func join(t *testing.T, c *peer.Client, o peer.JoinOptions) *peer.Joined {
	t.Helper()
	j, err := c.Join(soon(t), o)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// next waits for the next event of a type and drops others.
func next[E peer.Event](t *testing.T, c *peer.Client) E {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case ev, ok := <-c.Events():
			if !ok {
				t.Fatalf("events are closed: %v", c.Err())
			}
			if e, ok := ev.(E); ok {
				return e
			}
		case <-late:
			var e E
			t.Fatalf("no %T came", e)
		}
	}
}

func publish(t *testing.T, c *peer.Client, room, text string) *peer.Publication {
	t.Helper()
	p, err := c.Publish(soon(t), peer.Outgoing{Room: room, Body: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func receipt(t *testing.T, p *peer.Publication) peer.Receipt {
	t.Helper()
	r, err := p.Receipt(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	return r
}
