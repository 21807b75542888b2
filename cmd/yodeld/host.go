package main

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"yodel/daemon"
	"yodel/wire"
)

// host is where a daemon is to be found.
type host struct {
	name string // a name or an IP address, without brackets
	port uint16
}

// carrierNAT are addresses that a provider translates, as one's own router does private ones (RFC 6598).
var carrierNAT = netip.MustParsePrefix("100.64.0.0/10")

// inviteHost tells where an invite says that the daemon is: what was asked for, else its public address, else that on which it listens, or the address that
// this machine has towards others. hint is what must be so that others find it there.
func inviteHost(asked string, s *daemon.Status) (at host, hint string, err error) {
	listen, err := netip.ParseAddrPort(s.Address)
	if err != nil {
		return at, "", fmt.Errorf("the daemon's address: %w", err)
	}
	switch {
	case asked != "":
		if at, err = parseHost(asked, listen.Port()); err != nil {
			return at, "", usage("a host is like yodel.example.org, 192.0.2.1:9635 or [2001:db8::1]:9635", "--host %s: %v", cell(asked), err)
		}
		return at, "", nil
	case s.PublicAddress != "":
		at, err = parseHost(s.PublicAddress, wire.DefaultPort)
		return at, "", err
	}
	ip := listen.Addr()
	if ip.IsUnspecified() {
		if ip = towardsOthers(ip.Is6()); !ip.IsValid() {
			return at, "", usage("--host, or public_address in the configuration, names where peers find the daemon", "this machine has no address towards others")
		}
	}
	at = host{ip.WithZone("").String(), listen.Port()}
	return at, hostHint(ip, at), nil
}

// parseHost reads HOST or HOST:PORT; an IPv6 address needs its brackets only before a port.
func parseHost(text string, port uint16) (at host, err error) {
	at = host{text, port}
	if ip, err := netip.ParseAddr(text); err == nil {
		at.name = ip.String()
		return at, wire.CheckHost(at.name)
	}
	if name, digits, err := net.SplitHostPort(text); err == nil {
		n, err := strconv.ParseUint(digits, 10, 16)
		if err != nil || n == 0 {
			return at, fmt.Errorf("%q is no port", digits)
		}
		at = host{name, uint16(n)}
	} else if len(text) > 2 && text[0] == '[' && text[len(text)-1] == ']' {
		at.name = text[1 : len(text)-1]
	}
	return at, wire.CheckHost(at.name)
}

// towardsOthers gives the address of the interface of the default route: a global one before a private one, IPv4 before IPv6. No packet is sent.
func towardsOthers(six bool) netip.Addr {
	found := []netip.Addr{routeFrom("udp4", "192.0.2.1:9")} // an address of nobody (RFC 5737)
	if six {
		found = append(found, routeFrom("udp6", "[2001:db8::1]:9")) // RFC 3849
	}
	for _, ip := range found {
		if ip.IsValid() && isPublic(ip) {
			return ip
		}
	}
	for _, ip := range found {
		if ip.IsValid() {
			return ip
		}
	}
	return netip.Addr{}
}

// routeFrom is the address that a packet to another would have as its source; none when there is no route.
func routeFrom(network, to string) netip.Addr {
	conn, err := net.Dial(network, to)
	if err != nil {
		return netip.Addr{}
	}
	defer func() { _ = conn.Close() }()
	local, _ := conn.LocalAddr().(*net.UDPAddr)
	return local.AddrPort().Addr().Unmap().WithZone("")
}

func isPublic(ip netip.Addr) bool {
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !carrierNAT.Contains(ip)
}

// hostHint tells what else is needed so that others find a daemon at an address.
func hostHint(ip netip.Addr, at host) string {
	switch {
	case ip.IsLoopback():
		return "the daemon listens on this machine only: for others start it with another --listen"
	case isPublic(ip):
		return ""
	}
	return fmt.Sprintf("%s is a private address: from elsewhere UDP port %d must be forwarded to it, and --host must name the public address", at.name, at.port)
}
