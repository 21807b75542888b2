package netem

import "errors"

var (
	// ErrUnsupported says that this process cannot have network namespaces joined by TUN devices: it is not root, or the kernel or
	// the ip command is not up to it.
	ErrUnsupported = errors.New("netem: needs root, network namespaces, /dev/net/tun and the ip command")
	// ErrClosed says that the namespace is closed.
	ErrClosed = errors.New("netem: closed")
)
