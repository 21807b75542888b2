//go:build !linux

package daemon

import "net"

// markSocket does nothing here.
func markSocket(*net.UDPConn) error { return nil }
