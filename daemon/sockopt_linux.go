package daemon

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// expedited is DSCP EF (RFC 3246) in the upper six bits of the traffic class (RFC 2474, 3). The whole socket is marked: almost all
// that the daemon sends is audio or what repairs it.
const expedited = 46 << 2

// markSocket sets EF and DF (RFC 8085, 3.2) for both families. What the kernel learns of a smaller path is ignored: no datagram is over
// wire.MaxDatagram, and a forged message must not stop any. A socket of IPv4 knows nothing of IPv6.
func markSocket(conn *net.UDPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	var errs []error
	set := func(fd uintptr, level, option, value int) {
		if err := unix.SetsockoptInt(int(fd), level, option, value); err != nil {
			errs = append(errs, fmt.Errorf("level %d, option %d: %w", level, option, err))
		}
	}
	err = raw.Control(func(fd uintptr) {
		set(fd, unix.IPPROTO_IP, unix.IP_TOS, expedited)
		set(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)
		if family, _ := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN); family == unix.AF_INET6 {
			set(fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, expedited)
			set(fd, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_PROBE)
		}
	})
	return errors.Join(append(errs, err)...)
}
