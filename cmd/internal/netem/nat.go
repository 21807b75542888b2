package netem

import "net/netip"

const (
	firstPort = 20000 // of the NAT's mappings
	portRange = 40000
)

// nat is a NAT for UDP with endpoint-independent mapping and filtering (RFC 4787): one outer port for each inner address and
// port, open to everyone.
type nat struct {
	generation int
	four, six  netip.Addr // the outer addresses
	out        map[netip.AddrPort]netip.AddrPort
	in         map[netip.AddrPort]netip.AddrPort
}

func newNAT(generation int, four, six netip.Addr) *nat {
	return &nat{
		generation: generation, four: four, six: six,
		out: make(map[netip.AddrPort]netip.AddrPort), in: make(map[netip.AddrPort]netip.AddrPort),
	}
}

// translate rewrites a packet from one side of the link. It reports whether the packet may go on.
func (n *nat) translate(from Side, b []byte) bool {
	p, ok := parse(b)
	if !ok || p.protocol != protocolUDP {
		return false
	}
	if from == A {
		p.setSource(n.mapping(p.source()))
		return true
	}
	inner, ok := n.in[p.destination()]
	if ok {
		p.setDestination(inner)
	}
	return ok
}

// mapping gives the outer address for an inner one, a new one when it has none.
func (n *nat) mapping(inner netip.AddrPort) netip.AddrPort {
	if outer, ok := n.out[inner]; ok {
		return outer
	}
	addr := n.six
	if inner.Addr().Is4() {
		addr = n.four
	}
	port := firstPort + (n.generation*997+len(n.out))%portRange
	outer := netip.AddrPortFrom(addr, uint16(port))
	n.out[inner], n.in[outer] = outer, inner
	return outer
}
