package peer

import (
	"encoding/binary"
	"net"

	"golang.org/x/sys/unix"
)

// groupedConn is a socket whose datagrams the kernel hands over in groups: those of one size that came together, as a daemon sends
// what it has of several voices (UDP_GRO, Linux 5.0). It saves the sender's kernel the taking apart when it is the same one, and the peer
// a system call for each. One goroutine reads.
type groupedConn struct {
	*net.UDPConn
	buffer  [1 << 16]byte
	control [64]byte
	rest    []byte // of the group
	size    int    // of its datagrams; the last one may be shorter
}

// grouped has the kernel group what it can; each Read gives one datagram as ever.
func grouped(conn *net.UDPConn) net.Conn {
	raw, err := conn.SyscallConn()
	if err != nil {
		return conn
	}
	if ctrl := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_GRO, 1) }); ctrl != nil || err != nil {
		return conn
	}
	return &groupedConn{UDPConn: conn}
}

// Read reads one datagram; of one that is longer than b, its beginning.
func (g *groupedConn) Read(b []byte) (int, error) {
	if len(g.rest) == 0 {
		n, control, _, _, err := g.ReadMsgUDPAddrPort(g.buffer[:], g.control[:])
		if err != nil {
			return 0, err
		}
		g.rest, g.size = g.buffer[:n], n
		if size := groupSize(g.control[:control]); size > 0 {
			g.size = size
		}
	}
	one := g.rest[:min(g.size, len(g.rest))]
	g.rest = g.rest[len(one):]
	return copy(b, one), nil
}

// groupSize finds the size of a group's datagrams among the control messages; 0 when there is one datagram.
func groupSize(control []byte) int {
	for len(control) >= unix.CmsgSpace(0) {
		header, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			return 0
		}
		if header.Level == unix.IPPROTO_UDP && header.Type == unix.UDP_GRO && len(data) >= 4 {
			return int(binary.NativeEndian.Uint32(data))
		}
		control = rest
	}
	return 0
}
