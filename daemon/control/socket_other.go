//go:build !linux

package control

import (
	"net"
	"os"
)

// listen makes a socket; only the folder's mode guards it until it has its own.
func listen(path string) (*net.UnixListener, error) {
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	listener.SetUnlinkOnClose(false)
	if err := os.Chmod(path, 0o660); err != nil {
		_ = listener.Close()
		return nil, err
	}
	return listener, nil
}

// named has f use the path: here is nothing for one that is too long.
func named(path string, f func(name string) error) error { return f(path) }

// uidOf gives the user at the other end, -1: not known.
func uidOf(net.Conn) int { return -1 }

// pidOf gives the process at the other end, 0: not known.
func pidOf(net.Conn) int { return 0 }
