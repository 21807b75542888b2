package e2e

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
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
	copier  *copier                         // nil: nobody copies
	readers sync.WaitGroup
}

// copier sends what it sees on the way to the daemon once more, ahead of it, from its own address, and counts what that brings.
type copier struct {
	conn      *net.UDPConn
	sent, got atomic.Int64 // bytes
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
		if n.copier != nil {
			_ = n.copier.conn.Close()
		}
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
	if c := n.copier; c != nil {
		c.sent.Add(int64(len(b)))
		_, _ = c.conn.Write(b)
	}
	_, _ = conn.Write(b)
}

// copied has everything copied from now on.
func (n *nat) copied() *copier {
	n.t.Helper()
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(n.daemon))
	if err != nil {
		n.t.Fatal(err)
	}
	c := &copier{conn: conn}
	n.readers.Go(func() {
		b := make([]byte, 2048)
		for {
			size, err := conn.Read(b)
			if err != nil {
				return
			}
			c.got.Add(int64(size))
		}
	})
	n.mu.Lock()
	defer n.mu.Unlock()
	n.copier = c
	return c
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

// say talks for 3 s in a live room, and forgets twice meanwhile.
func (n *nat) say(c *peer.Client, room string) peer.Report {
	n.t.Helper()
	talk, err := c.Talk(soon(n.t), room, audio.L16)
	if err != nil {
		n.t.Fatal(err)
	}
	const frames = 300
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for i := range frames {
		if i == frames/3 || i == 2*frames/3 {
			n.forget()
		}
		if err := talk.Write(make([]int16, audio.L16.FrameSamples)); err != nil {
			n.t.Fatal(err)
		}
		<-tick.C
	}
	report, err := talk.End(soon(n.t))
	if err != nil || report.Frames != frames {
		n.t.Errorf("%+v, %v", report, err)
	}
	return report
}

// only waits for a message, and allows nobody to come or go before it.
func only(t *testing.T, c *peer.Client, text string) {
	t.Helper()
	for {
		switch ev := (<-c.Events()).(type) {
		case *peer.Presence:
			t.Errorf("%+v", ev)
		case *peer.Message:
			if string(ev.Body) != text {
				t.Errorf("%+v", ev)
			}
			return
		}
	}
}

// A NAT that forgets costs neither the session nor a message, nor a second of voice in a live room; nobody is told. Who copies what the
// peer sends, and is faster, gets nothing by it but hints, and changes nothing.
func TestRoaming(t *testing.T) {
	for _, name := range []string{"alone", "copied"} {
		t.Run(name, func(t *testing.T) {
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
			var c *copier
			if name == "copied" {
				c = n.copied()
			}
			// What is on its way when the NAT forgets can be asked for once the daemon knows the new address, but not for
			// longer than it is of use in a live room.
			if report := n.say(alice, "live"); report.Lost > 80 {
				t.Errorf("%d frames of 10 ms are lost, of two times that the NAT has forgotten", report.Lost)
			}
			receipt(t, publish(t, alice, "live", "from elsewhere"))
			only(t, bob, "from elsewhere")
			if c == nil {
				return
			}
			receipt(t, publish(t, bob, "live", "from bob"))
			only(t, alice, "from elsewhere")
			only(t, alice, "from bob")
			if sent, got := c.sent.Load(), c.got.Load(); got > sent/4 || sent == 0 {
				t.Errorf("the copier has sent %d bytes and got %d", sent, got)
			}
		})
	}
}
