package main

import (
	"context"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// pollEvery bounds how long the watch outlives its context, in milliseconds.
const pollEvery = 200

// watchReader gives a context that ends with errStdoutClosed when the reader of w, a pipe, has gone: a command
// that follows a quiet room would otherwise not notice before its next line.
func watchReader(parent context.Context, w io.Writer) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	if f, ok := w.(*os.File); ok {
		go func() {
			if readerGone(ctx, int32(f.Fd())) {
				cancel(errStdoutClosed)
			}
		}()
	}
	return ctx, func() { cancel(nil) }
}

// readerGone waits until the other end of fd is closed, or for the context.
func readerGone(ctx context.Context, fd int32) bool {
	for ctx.Err() == nil {
		fds := []unix.PollFd{{Fd: fd}} // POLLERR and POLLHUP are told without being asked for
		n, err := unix.Poll(fds, pollEvery)
		switch {
		case n > 0 && fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0:
			return true
		case n > 0, err != nil && err != unix.EINTR:
			return false
		}
	}
	return false
}
