package load

import (
	"errors"
	"fmt"

	"yodel/wire"
)

// Errors of a run. They are wrapped with what happened.
var (
	// ErrConfig: a Config that cannot be carried out.
	ErrConfig = errors.New("illegal load")
	// ErrUnreachable: nothing answers, nothing listens there, or the daemon has gone.
	ErrUnreachable = errors.New("daemon unreachable")
	// ErrFiles: more sockets than the process may open.
	ErrFiles = errors.New("too few file descriptors")
	// ErrProcess: there is no such process, or its counters cannot be read.
	ErrProcess = errors.New("process cannot be measured")
	// ErrSystem: this system has no load generator.
	ErrSystem = errors.New("the load generator needs Linux")
)

// RefusedError is what the daemon refuses to a session.
type RefusedError struct {
	Code   wire.Code
	Reason string // for people, safe to print
}

func (e *RefusedError) Error() string { return fmt.Sprintf("refused: %s (%v)", e.Reason, e.Code) }
