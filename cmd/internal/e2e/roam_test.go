package e2e

import (
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"yodel/daemon"
	"yodel/peer"
	"yodel/peer/audio"
)

// nat stands between the sockets of a peer and the daemon, and forgets when it is told to.
type nat struct {
	t      *testing.T
	inside *net.UDPConn // towards the peer
	daemon netip.AddrPort

	mu      sync.Mutex
	outside map[netip.AddrPort]*net.UDPConn // by the socket inside
	readers sync.WaitGroup
}

func newNAT(t *testing.T, daemon netip.AddrPort) *nat {
	t.Helper()
	n := &nat{t: t, daemon: daemon, inside: listen(t), outside: make(map[netip.AddrPort]*net.UDPConn)}
	n.readers.Go(func() {
		b := make([]byte, 2048)
		for {
			size, from, err := n.inside.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			n.out(b[:size], from)
		}
	})
	t.Cleanup(func() {
		_ = n.inside.Close()
		n.forget()
		n.readers.Wait()
	})
	return n
}

// forget sends from other ports from now on; what comes to the old ones is lost.
func (n *nat) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, conn := range n.outside {
		_ = conn.Close()
	}
	clear(n.outside)
}

// out passes on what comes from a socket inside.
func (n *nat) out(b []byte, from netip.AddrPort) {
	n.mu.Lock()
	defer n.mu.Unlock()
	conn := n.outside[from]
	if conn == nil {
		var err error
		if conn, err = net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(n.daemon)); err != nil {
			n.t.Error(err)
			return
		}
		n.outside[from] = conn
		n.readers.Go(func() { n.in(conn, from) })
	}
	_, _ = conn.Write(b)
}

// in passes on what comes back.
func (n *nat) in(conn *net.UDPConn, to netip.AddrPort) {
	b := make([]byte, 2048)
	for {
		size, err := conn.Read(b)
		if err != nil {
			return
		}
		_, _ = n.inside.WriteToUDPAddrPort(b[:size], to)
	}
}

func listen(t *testing.T) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// A NAT that forgets costs neither the session nor a message, nor a second of voice in a live room; nobody is told.
func TestRoaming(t *testing.T) {
	w := newWorld(t, daemon.Config{})
	n := newNAT(t, w.addr)
	cfg := w.config("alice")
	cfg.Server = n.inside.LocalAddr().String()
	alice, bob := w.dial(cfg), w.dial(w.config("bob"))
	for _, c := range []*peer.Client{bob, alice} {
		join(t, c, peer.JoinOptions{Room: "live"})
	}
	for next[*peer.Presence](t, bob).Member.Nick != "alice" {
	}
	talk, err := alice.Talk(soon(t), "live", audio.L16)
	if err != nil {
		t.Fatal(err)
	}
	const frames = 300
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for i := range frames {
		if i == frames/3 || i == 2*frames/3 {
			n.forget()
		}
		if err := talk.Write(make([]int16, audio.L16.FrameSamples)); err != nil {
			t.Fatal(err)
		}
		<-tick.C
	}
	report, err := talk.End(soon(t))
	if err != nil || report.Lost > 0 {
		t.Errorf("%+v, %v; what is lost on the way is asked for again", report, err)
	}
	receipt(t, publish(t, alice, "live", "from elsewhere"))
	for {
		switch ev := (<-bob.Events()).(type) {
		case *peer.Presence:
			t.Errorf("%+v", ev)
		case *peer.Message:
			if string(ev.Body) != "from elsewhere" {
				t.Errorf("%+v", ev)
			}
			return
		}
	}
}
