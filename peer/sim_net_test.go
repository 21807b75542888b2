package peer

import (
	"context"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"yodel/wire"
)

// simNet is a network in memory between sockets of a client and one daemon, for tests in a bubble.
type simNet struct {
	t       testing.TB
	mu      sync.Mutex
	delay   time.Duration                     // one way
	down    bool                              // nothing gets through
	local   netip.Addr                        // that sockets get which are opened now
	unbound map[netip.Addr]bool               // local addresses that are gone
	silent  map[netip.AddrPort]bool           // addresses of the daemon where nothing is
	nat     map[netip.AddrPort]netip.AddrPort // a socket, as the daemon sees it
	conns   map[netip.AddrPort]*simConn       // by that
	port    uint16
	names   func(ctx context.Context) ([]netip.Addr, error)
	changes chan struct{}
	daemon  *simDaemon
	tap     func(up bool, conn *simConn, b []byte) (drop bool) // nil: none
	dialled []netip.AddrPort
	lookups int
}

var (
	simServer = netip.MustParseAddrPort("192.0.2.1:9635")
	homeAddr  = netip.MustParseAddr("10.0.0.1")
	roadAddr  = netip.MustParseAddr("10.9.9.9")
)

// inSim runs a test in a bubble with a network and a daemon.
func inSim(t *testing.T, test func(*testing.T, *simNet)) {
	t.Helper()
	identity := mustIdentity(t)
	synctest.Test(t, func(t *testing.T) {
		n := &simNet{
			t: t, delay: 20 * time.Millisecond, local: homeAddr, port: 40000,
			unbound: make(map[netip.Addr]bool), silent: make(map[netip.AddrPort]bool),
			nat: make(map[netip.AddrPort]netip.AddrPort), conns: make(map[netip.AddrPort]*simConn),
			changes: make(chan struct{}, 1),
		}
		n.names = func(context.Context) ([]netip.Addr, error) { return []netip.Addr{simServer.Addr()}, nil }
		n.daemon = newSimDaemon(t, n, identity)
		test(t, n)
		n.daemon.stop()
	})
}

// network is what the client uses.
func (n *simNet) network() *network {
	return &network{
		dial: n.dial,
		lookup: func(ctx context.Context, _ string) ([]netip.Addr, error) {
			n.mu.Lock()
			n.lookups++
			names := n.names
			n.mu.Unlock()
			return names(ctx)
		},
		watch: func() (<-chan struct{}, func()) { return n.changes, func() {} },
	}
}

// set changes the network.
func (n *simNet) set(change func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change()
}

func (n *simNet) dial(addr netip.AddrPort) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.port++
	n.dialled = append(n.dialled, addr)
	c := &simConn{
		n: n, local: netip.AddrPortFrom(n.local, n.port), remote: addr, in: make(chan []byte, 1024), errs: make(chan error, 16),
		closed: make(chan struct{}),
	}
	n.see(c, netip.AddrPortFrom(netip.MustParseAddr("203.0.113.1"), n.port))
	return c, nil
}

// see makes a socket be seen under an address.
func (n *simNet) see(c *simConn, as netip.AddrPort) {
	delete(n.conns, n.nat[c.local])
	n.nat[c.local] = as
	n.conns[as] = c
}

// rebind gives all sockets other addresses, as a NAT does that has forgotten them.
func (n *simNet) rebind() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, as := range sortedKeys(n.conns) {
		c := n.conns[as]
		n.port++
		n.see(c, netip.AddrPortFrom(as.Addr(), n.port))
	}
}

// down sends a datagram of the daemon.
func (n *simNet) toPeer(b []byte, to netip.AddrPort, from netip.AddrPort) {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.conns[to]
	if c == nil || c.remote != from || n.down || n.unbound[c.local.Addr()] || n.tap != nil && n.tap(false, c, b) {
		return
	}
	b = append([]byte(nil), b...)
	time.AfterFunc(n.delay, func() {
		select {
		case c.in <- b:
		default:
		}
	})
}

// up sends a datagram of a socket.
func (n *simNet) up(c *simConn, b []byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(b) > wire.MaxDatagram {
		n.t.Errorf("a datagram of %d bytes", len(b))
	}
	if n.unbound[c.local.Addr()] {
		return &net.OpError{Op: "write", Err: os.NewSyscallError("write", syscall.ENETUNREACH)}
	}
	if n.down || n.silent[c.remote] || n.tap != nil && n.tap(true, c, b) {
		return nil
	}
	from, b := n.nat[c.local], append([]byte(nil), b...)
	time.AfterFunc(n.delay, func() { n.daemon.take(b, from, c.remote) })
	return nil
}

// simConn is one socket.
type simConn struct {
	n             *simNet
	local, remote netip.AddrPort
	in            chan []byte
	errs          chan error
	closed        chan struct{}
	once          sync.Once
}

func (c *simConn) Read(b []byte) (int, error) {
	select {
	case d := <-c.in:
		return copy(b, d), nil
	case err := <-c.errs:
		return 0, err
	case <-c.closed:
		return 0, net.ErrClosed
	}
}

func (c *simConn) Write(b []byte) (int, error) {
	if err := c.n.up(c, b); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (c *simConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

func (c *simConn) isClosed() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

func (c *simConn) LocalAddr() net.Addr              { return net.UDPAddrFromAddrPort(c.local) }
func (c *simConn) RemoteAddr() net.Addr             { return net.UDPAddrFromAddrPort(c.remote) }
func (c *simConn) SetDeadline(time.Time) error      { return nil }
func (c *simConn) SetReadDeadline(time.Time) error  { return nil }
func (c *simConn) SetWriteDeadline(time.Time) error { return nil }
