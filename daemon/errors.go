package daemon

import "errors"

// Errors of the configuration.
var (
	ErrConfig = errors.New("bad configuration")
	ErrAccess = errors.New("access refused by configuration")
)

// ErrLog tells that the room log can be trusted no longer, so that the daemon has ended.
var ErrLog = errors.New("the room log has failed")

// errContained is a datagram in whose work there was a panic; that is counted already.
var errContained = errors.New("panic contained")

// errNobody is a protected datagram from an address at which no session is known.
var errNobody = errors.New("no session at that address")
