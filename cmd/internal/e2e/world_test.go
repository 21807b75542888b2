package e2e

import (
	"context"
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
const patience = 20 * time.Second

// world is a daemon that can be stopped and started again, and its peers.
type world struct {
	t    *testing.T
	cfg  daemon.Config
	addr netip.AddrPort
	stop func()
}

func newWorld(t *testing.T, cfg daemon.Config) *world {
	t.Helper()
	cfg.Listen = netip.MustParseAddrPort("127.0.0.1:0")
	cfg.Identity, cfg.State = identity(t), t.TempDir()
	w := &world{t: t, cfg: cfg}
	w.start()
	t.Cleanup(func() { w.stop() })
	return w
}

// start runs the daemon; after the first time on the port that it had.
func (w *world) start() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready := make(chan netip.AddrPort, 1)
	done := make(chan error, 1)
	go func() { done <- daemon.Run(ctx, w.cfg, func(a netip.AddrPort) { ready <- a }) }()
	select {
	case w.addr = <-ready:
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
