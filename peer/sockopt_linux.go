package peer

import (
	"net"

	"golang.org/x/sys/unix"
)

// expedited is DSCP EF (RFC 3246) in the upper six bits of the traffic class (RFC 2474, 3). The whole socket is
// marked: almost all of a peer's datagrams are audio or what repairs it.
const expedited = 46 << 2

// markSocket sets EF and forbids fragmentation (RFC 8085, 3.2). It is best effort: an unmarked datagram arrives as well.
func markSocket(conn *net.UDPConn) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		s := int(fd)
		_ = unix.SetsockoptInt(s, unix.IPPROTO_IP, unix.IP_TOS, expedited)
		_ = unix.SetsockoptInt(s, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DO)
		_ = unix.SetsockoptInt(s, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, expedited)
		_ = unix.SetsockoptInt(s, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_DO)
	})
}
