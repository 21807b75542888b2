package peer

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

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

// resolve looks the host up: IPv6 addresses first, at most 8 in all.
func resolve(ctx context.Context, host string, port uint16) ([]netip.AddrPort, error) {
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
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
