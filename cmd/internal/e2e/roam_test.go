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

// nat stands between one peer and the daemon, and forgets when it is told to.
type nat struct {
	t      *testing.T
	inside *net.UDPConn // towards the peer
	daemon netip.AddrPort

	mu      sync.Mutex
	outside *net.UDPConn
	peer    netip.AddrPort
	readers sync.WaitGroup
}

func newNAT(t *testing.T, daemon netip.AddrPort) *nat {
	t.Helper()
	n := &nat{t: t, daemon: daemon, inside: listen(t)}
	n.forget()
	n.readers.Go(func() {
		b := make([]byte, 2048)
		for {
			size, from, err := n.inside.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			n.mu.Lock()
			n.peer = from
			_, _ = n.outside.Write(b[:size])
			n.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		_ = n.inside.Close()
		n.mu.Lock()
		_ = n.outside.Close()
		n.mu.Unlock()
		n.readers.Wait()
	})
	return n
}

// forget sends from another port from now on; what comes to the old one is lost.
func (n *nat) forget() {
	n.t.Helper()
	outside, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(n.daemon))
	if err != nil {
		n.t.Fatal(err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.outside != nil {
		_ = n.outside.Close()
	}
	n.outside = outside
	n.readers.Go(func() {
		b := make([]byte, 2048)
		for {
			size, err := outside.Read(b)
			if err != nil {
				return
			}
			n.mu.Lock()
			to := n.peer
			n.mu.Unlock()
			_, _ = n.inside.WriteToUDPAddrPort(b[:size], to)
		}
	})
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
