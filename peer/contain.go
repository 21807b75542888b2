package peer

import (
	"fmt"
	"log/slog"
	"runtime/debug"
)

// faults counts the panics that were contained: a datagram, or a message of the daemon, in whose work there was one is dropped, and what
// comes after it goes on.
type faults struct {
	log   *slog.Logger
	count int
}

// contain ends a panic; it is to be deferred. The first is logged with its stack.
func (f *faults) contain(what string) {
	cause := recover()
	if cause == nil {
		return
	}
	if f.count++; f.count == 1 {
		f.log.Error("panic contained", "work", what, "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
	}
}
