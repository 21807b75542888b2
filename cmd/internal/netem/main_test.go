//go:build linux

package netem

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	patience = time.Minute           // for what must come
	silence  = 50 * time.Millisecond // for what must not
	seed     = 11
)

// world is two namespaces and their link.
type world struct {
	t    *testing.T
	a, b *Namespace
	link *Link
}

func newWorld(t *testing.T, mtu int) *world {
	t.Helper()
	Need(t, "THE NETWORK EMULATOR")
	w := &world{t: t, a: namespace(t), b: namespace(t)}
	l, err := Connect(Config{A: w.a, B: w.b, MTU: mtu, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	w.link = l
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("closing the link: %v", err)
		}
	})
	return w
}

func namespace(t *testing.T) *Namespace {
	t.Helper()
	ns, err := NewNamespace()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ns.Close(); err != nil {
			t.Errorf("closing a namespace: %v", err)
		}
	})
	return ns
}

// set impairs both directions.
func (w *world) set(imp Impairment) {
	w.t.Helper()
	if err := w.link.SetBoth(imp); err != nil {
		w.t.Fatal(err)
	}
}

// listen opens a UDP socket in a namespace.
func listen(t *testing.T, ns *Namespace, addr netip.Addr) *net.UDPConn {
	t.Helper()
	var conn *net.UDPConn
	err := ns.Do(func() (err error) {
		conn, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetReadBuffer(1 << 20) // as much of it as there may be: nobody reads while a flood comes
	return conn
}

// pair is a socket on each side.
func (w *world) pair() (a, b *net.UDPConn) {
	w.t.Helper()
	return listen(w.t, w.a, w.link.Addr(A)), listen(w.t, w.b, w.link.Addr(B))
}

func port(conn *net.UDPConn) netip.AddrPort { return conn.LocalAddr().(*net.UDPAddr).AddrPort() }

func send(t *testing.T, from *net.UDPConn, to netip.AddrPort, text string) {
	t.Helper()
	if _, err := from.WriteToUDPAddrPort([]byte(text), to); err != nil {
		t.Fatal(err)
	}
}

// read gives the next datagram within a time; an error when none came.
func read(conn *net.UDPConn, wait time.Duration) (string, netip.AddrPort, error) {
	if err := conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return "", netip.AddrPort{}, err
	}
	buf := make([]byte, 2048)
	n, from, err := conn.ReadFromUDPAddrPort(buf)
	return string(buf[:n]), from, err
}

// want fails the test unless the next datagram is that text; it gives its source.
func want(t *testing.T, conn *net.UDPConn, text string) netip.AddrPort {
	t.Helper()
	got, from, err := read(conn, patience)
	if err != nil || got != text {
		t.Fatalf("received %q, %v; want %q", got, err, text)
	}
	return from
}

// eventually waits until what it looks at is true.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	late := time.Now().Add(patience)
	for tick := time.Tick(time.Millisecond); !is(); <-tick {
		if time.Now().After(late) {
			t.Fatalf("it never came true: %s", what)
		}
	}
}

func wantNothing(t *testing.T, conn *net.UDPConn) {
	t.Helper()
	if got, _, err := read(conn, silence); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("received %q, %v; want nothing", got, err)
	}
}

// flood sends n numbered datagrams from a to b and gives those that came within patience, in their order.
func flood(t *testing.T, a, b *net.UDPConn, n, expected int) (got []string) {
	t.Helper()
	for i := range n {
		send(t, a, port(b), fmt.Sprintf("datagram %d", i))
	}
	for len(got) < expected {
		text, _, err := read(b, patience)
		if err != nil {
			t.Fatalf("%v after %d of %d datagrams", err, len(got), expected)
		}
		got = append(got, text)
	}
	return got
}
