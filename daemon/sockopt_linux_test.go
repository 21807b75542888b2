package daemon

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSocketIsMarked(t *testing.T) {
	type option struct{ level, name, want int }
	v4 := []option{{unix.IPPROTO_IP, unix.IP_TOS, expedited}, {unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE}}
	v6 := []option{{unix.IPPROTO_IPV6, unix.IPV6_TCLASS, expedited}, {unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_PROBE}}
	for network, options := range map[string][]option{"udp4": v4, "udp": append(v6, v4...)} {
		conn, err := net.ListenUDP(network, &net.UDPAddr{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if err := markSocket(conn); err != nil {
			t.Errorf("%s: %v", network, err)
		}
		raw, err := conn.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		err = raw.Control(func(fd uintptr) {
			if family, _ := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN); family == unix.AF_INET {
				options = v4 // a host without IPv6
			}
			for _, o := range options {
				if got, err := unix.GetsockoptInt(int(fd), o.level, o.name); err != nil || got != o.want {
					t.Errorf("%s: level %d, option %d is %d, want %d: %v", network, o.level, o.name, got, o.want, err)
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
