//go:build !linux

package peer

import "net"

// markSocket does nothing here: datagrams go unmarked.
func markSocket(*net.UDPConn) {}
