package daemon

import "errors"

// Errors of the configuration.
var (
	ErrConfig = errors.New("bad configuration")
	ErrAccess = errors.New("access refused by configuration")
)

// errNobody is a protected datagram from an address at which no session is known.
var errNobody = errors.New("no session at that address")
