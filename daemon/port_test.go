package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"yodel/wire"
)

// openPort is a port of one socket; plain takes from it what the system can do better, as on a system that cannot.
func openPort(t testing.TB, addr string, plain bool) *port {
	t.Helper()
	p, err := listen(netip.MustParseAddrPort(addr), 1, plain)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.close() })
	if p.warning != nil {
		t.Logf("%s: %v", addr, p.warning)
	}
	return p
}

// onEachPath runs a test on the batched and the plain path, on a port of IPv4 and one of both families (where the host has both).
func onEachPath(t *testing.T, f func(t *testing.T, p *port)) {
	t.Helper()
	for _, addr := range []string{"127.0.0.1:0", "0.0.0.0:0"} {
		for path, plain := range map[string]bool{"batched": false, "plain": true} {
			t.Run(path+" "+addr, func(t *testing.T) { f(t, openPort(t, addr, plain)) })
		}
	}
}

// loopbacks are the addresses at which a peer on this host can reach a port.
func loopbacks(p *port) []string {
	if p.addr().Addr().Unmap().Is4() {
		return []string{"127.0.0.1"}
	}
	if conn, err := net.ListenPacket("udp", "[::1]:0"); err == nil {
		_ = conn.Close()
		return []string{"127.0.0.1", "::1"}
	}
	return []string{"127.0.0.1"} // a host without IPv6
}

// caller is a peer's socket.
type caller struct {
	*net.UDPConn
	t  testing.TB
	at netip.AddrPort
}

func newCaller(t testing.TB, ip string) *caller {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(ip)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return &caller{UDPConn: conn, t: t, at: conn.LocalAddr().(*net.UDPAddr).AddrPort()}
}

// say sends to a port on this host.
func (c *caller) say(p *port, b []byte) {
	c.t.Helper()
	to := netip.AddrPortFrom(c.at.Addr(), p.addr().Port())
	if _, err := c.WriteToUDPAddrPort(b, to); err != nil {
		c.t.Fatal(err)
	}
}

// wantNext fails the test unless these are the next datagrams.
func (c *caller) wantNext(want ...[]byte) {
	c.t.Helper()
	buf := make([]byte, 2*wire.MaxDatagram)
	for i, w := range want {
		n, _, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			c.t.Fatalf("%v, datagram %d of %d: %v", c.at, i, len(want), err)
		}
		if !bytes.Equal(buf[:n], w) {
			c.t.Fatalf("%v, datagram %d of %d: %d bytes %.20x, want %d: %.20x", c.at, i, len(want), n, buf[:n], len(w), w)
		}
	}
}

// wantNothing fails the test if there is more than the datagrams wanted before: what is sent now must be the next.
func (c *caller) wantNothing() {
	c.t.Helper()
	last := []byte("last")
	if _, err := c.WriteToUDPAddrPort(last, c.at); err != nil {
		c.t.Fatal(err)
	}
	c.wantNext(last)
}

// filled is a datagram of n bytes that tells where it belongs.
func filled(n, number int) []byte {
	b := bytes.Repeat([]byte{byte(number), byte(number >> 8), byte(n)}, n/3+1)
	return b[:n]
}

// build puts a datagram into the writer's space, as sealing does.
func build(w *writer, to *target, b []byte) { w.add(to, append(w.space(), b...)) }

func TestReadGivesSendersAndBytes(t *testing.T) {
	onEachPath(t, func(t *testing.T, p *port) {
		b := newReadBatch()
		for _, ip := range loopbacks(p) {
			c := newCaller(t, ip)
			sizes := []int{92, 0, 1, 972, wire.MaxDatagram, wire.MaxDatagram + 1, wire.MaxDatagram + 200}
			for i, n := range sizes {
				c.say(p, filled(n, i))
			}
			for got := 0; got < len(sizes); {
				n, err := p.sockets[0].read(b)
				if err != nil {
					t.Fatal(err)
				}
				for i := range n {
					want := filled(sizes[got], got)
					want = want[:min(len(want), wire.MaxDatagram+1)]
					from, data := b.datagram(i)
					if from != c.at || !bytes.Equal(data, want) {
						t.Errorf("datagram %d: %d bytes %.20x from %v, want %d: %.20x from %v", got, len(data), data, from, len(want), want, c.at)
					}
					got++
				}
			}
		}
		if lost := b.overflow(); lost != 0 {
			t.Errorf("%d lost", lost)
		}
	})
}

func TestCloseEndsReadsAndWrites(t *testing.T) {
	onEachPath(t, func(t *testing.T, p *port) {
		ended := make(chan error)
		go func() {
			_, err := p.sockets[0].read(newReadBatch())
			ended <- err
		}()
		w := newWriter(p.sockets[0])
		if err := p.close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("read ended with %v", err)
		}
		if _, err := p.sockets[0].read(newReadBatch()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read after the end: %v", err)
		}
		to := p.to(netip.MustParseAddrPort("127.0.0.1:9"))
		build(w, to, filled(92, 0))
		build(w, to, filled(92, 1))
		w.flush()
		if got := w.failed(); got != 2 {
			t.Errorf("%d failed, want 2", got)
		}
	})
}

// The way of a packet, in and out, allocates nothing.
func TestReadingAndWritingAllocateNothing(t *testing.T) {
	onEachPath(t, func(t *testing.T, p *port) {
		w, b, s := newWriter(p.sockets[0]), newReadBatch(), p.sockets[0]
		to := p.to(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), p.addr().Port()))
		one := filled(92, 1)
		for name, f := range map[string]func() error{
			"one": func() error {
				build(w, to, one)
				w.flush()
				_, err := s.read(b)
				b.datagram(0)
				return err
			},
			"a few": func() error {
				for range 3 {
					build(w, to, one)
				}
				w.flush()
				for range 3 {
					n, err := s.read(b)
					if err != nil || n == 3 {
						return err
					}
				}
				return nil
			},
		} {
			allocs := testing.AllocsPerRun(200, func() {
				if err := f(); err != nil {
					t.Error(err)
				}
			})
			if allocs != 0 {
				t.Errorf("%s: %v allocations", name, allocs)
			}
		}
	})
}

func TestAdoptedSocketIsAPort(t *testing.T) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	p, err := adopt(conn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.close() }()
	if got, want := p.addr(), conn.LocalAddr().(*net.UDPAddr).AddrPort(); got != want {
		t.Errorf("at %v, want %v", got, want)
	}
	c := newCaller(t, "127.0.0.1")
	c.say(p, []byte("hello"))
	b := newReadBatch()
	if n, err := p.sockets[0].read(b); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	from, data := b.datagram(0)
	w := newWriter(p.sockets[0])
	build(w, p.to(from), data)
	w.flush()
	c.wantNext([]byte("hello"))
}

func TestListenOnAnAddressInUse(t *testing.T) {
	for n := 1; n <= 2; n++ {
		t.Run(fmt.Sprintf("%d sockets", n), func(t *testing.T) {
			p, err := listen(netip.MustParseAddrPort("127.0.0.1:0"), n, false)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = p.close() }()
			if second, err := listen(p.addr(), n, false); err == nil {
				_ = second.close()
				t.Errorf("two ports at %v", p.addr())
			}
		})
	}
}

// to is a target of the port's.
func (p *port) to(addr netip.AddrPort) *target {
	t := p.sockets[0].target(addr)
	return &t
}
