//go:build !linux

package peer

import "net"

// grouped does nothing here: each datagram is read alone.
func grouped(conn *net.UDPConn) net.Conn { return conn }
