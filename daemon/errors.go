package daemon

import "errors"

// Errors of the configuration.
var (
	ErrConfig = errors.New("bad configuration")
	ErrAccess = errors.New("access refused by configuration")
)
