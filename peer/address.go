package peer

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"yodel/wire"
)

// maxAddresses bounds how many addresses of one name are tried.
const maxAddresses = 8

// splitServer takes host, host:port, a bare IPv6 address or [v6]:port apart.
func splitServer(server string) (host string, port uint16, err error) {
	if ip, err := netip.ParseAddr(server); err == nil {
		return ip.String(), wire.DefaultPort, nil
	}
	bare := strings.TrimSuffix(strings.TrimPrefix(server, "["), "]")
	if len(bare) == len(server)-2 {
		if ip, err := netip.ParseAddr(bare); err == nil {
			return ip.String(), wire.DefaultPort, nil
		}
	}
	if !strings.Contains(server, ":") {
		return checkHost(server, server, wire.DefaultPort)
	}
	host, text, err := net.SplitHostPort(server)
	if err != nil {
		return "", 0, fmt.Errorf("%w: %q: %w", ErrServer, wire.Printable(server), err)
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return "", 0, fmt.Errorf("%w: %q: the port is a number from 1 to 65535", ErrServer, wire.Printable(server))
	}
	return checkHost(server, host, uint16(n))
}

func checkHost(server, host string, port uint16) (string, uint16, error) {
	if host == "" || strings.ContainsAny(host, " \t\r\n[]/@") || wire.Printable(host) != host {
		return "", 0, fmt.Errorf("%w: %q: no usable host name", ErrServer, wire.Printable(server))
	}
	return host, port, nil
}

// lookupTimeout bounds a lookup where there is an address to go on with.
const lookupTimeout = 2 * time.Second

// target is what a link is made to.
type target struct {
	only  netip.AddrPort // this address; when it is not valid, those of the configured name,
	known netip.AddrPort // or, when the lookup fails or takes over 2 s, this one, if valid
}

// addresses gives those to try: IPv6 first, at most 8 in all.
func (t target) addresses(ctx context.Context, network *network, host string, port uint16) ([]netip.AddrPort, error) {
	if t.only.IsValid() {
		return []netip.AddrPort{t.only}, nil
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(ip.Unmap(), port)}, nil
	}
	if t.known.IsValid() {
		bounded, cancel := context.WithTimeout(ctx, lookupTimeout)
		defer cancel()
		addrs, err := resolve(bounded, network, host, port)
		if err != nil {
			return []netip.AddrPort{t.known}, ctx.Err()
		}
		return addrs, nil
	}
	return resolve(ctx, network, host, port)
}

// resolve looks the host up.
func resolve(ctx context.Context, network *network, host string, port uint16) ([]netip.AddrPort, error) {
	ips, err := network.lookup(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	addrs := make([]netip.AddrPort, 0, len(ips))
	for _, ip := range ips {
		addrs = append(addrs, netip.AddrPortFrom(ip.Unmap(), port))
	}
	slices.SortStableFunc(addrs, func(a, b netip.AddrPort) int { return family(a) - family(b) })
	return addrs[:min(len(addrs), maxAddresses)], nil
}

// family orders IPv6 before IPv4.
func family(a netip.AddrPort) int {
	if a.Addr().Is4() {
		return 1
	}
	return 0
}
