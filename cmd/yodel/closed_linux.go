package main

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// watchReader gives a context that ends with errStdoutClosed when the reader of w, a pipe, has gone: a command
// that follows a quiet room would otherwise not notice before its next line.
func watchReader(parent context.Context, w io.Writer) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	if f, ok := w.(*os.File); ok {
		fd := int32(f.Fd())
		go func() {
			if readerGone(ctx, fd) {
				cancel(errStdoutClosed)
			}
		}()
	}
	return ctx, func() { cancel(nil) }
}

// readerGone waits until the other end of fd is closed, or for the context, and uses no time meanwhile.
func readerGone(ctx context.Context, fd int32) bool {
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return false
	}
	defer func() { _ = unix.Close(wake) }()
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(woken)
		_, _ = unix.Write(wake, binary.NativeEndian.AppendUint64(nil, 1))
	})
	defer func() {
		if !stop() {
			<-woken // before its descriptor is closed
		}
	}()
	// POLLERR and POLLHUP are told without being asked for.
	fds := []unix.PollFd{{Fd: fd}, {Fd: int32(wake), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, -1)
		if !errors.Is(err, unix.EINTR) {
			return err == nil && fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
		}
	}
}
