package peer

import (
	"context"
	"net"
	"net/netip"
	"slices"
)

// network is what a client uses of the system, so that tests can have a network in memory.
type network struct {
	// dial opens a connected socket to an address.
	dial func(addr netip.AddrPort) (net.Conn, error)
	// lookup gives the addresses of a host name.
	lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// watch tells when addresses or routes of the system change, until end; changes may be nil. After end its goroutine has ended.
	watch func() (changes <-chan struct{}, end func())
}

// system is the real one.
var system = &network{
	dial: dialUDP,
	lookup: func(ctx context.Context, host string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	},
	watch: watchNetwork,
}

func dialUDP(addr netip.AddrPort) (net.Conn, error) {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(socketBuffer) // the system's limit will do
	markSocket(conn)
	return grouped(conn), nil
}

// link opens a socket to an address.
func (n *network) link(addr netip.AddrPort) (*link, error) {
	conn, err := n.dial(addr)
	if err != nil {
		return nil, err
	}
	return newLink(conn, addr), nil
}

// linkFromElsewhere opens a socket to an address if its local address is none of these; else nil.
func (n *network) linkFromElsewhere(addr netip.AddrPort, others []netip.Addr) *link {
	conn, err := n.dial(addr)
	if err != nil {
		return nil
	}
	if local := localOf(conn); !local.IsValid() || slices.Contains(others, local) {
		_ = conn.Close() // nothing was sent
		return nil
	}
	return newLink(conn, addr)
}
