package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"yodel/peer/audio"
)

// stuckWriter is a standard output whose reader stalls.
type stuckWriter struct{ entered, release chan struct{} }

func newStuckWriter() *stuckWriter {
	return &stuckWriter{make(chan struct{}, 1), make(chan struct{})}
}

func (w *stuckWriter) Write(b []byte) (int, error) {
	w.entered <- struct{}{}
	<-w.release
	return len(b), nil
}

func TestSignalEndsWhatIsStuckInAWrite(t *testing.T) {
	out := newStuckWriter()
	defer close(out.release)
	var stderr bytes.Buffer
	ctx, cancel := context.WithCancelCause(t.Context())
	exit := make(chan int, 1)
	go func() { exit <- run(ctx, []string{"yodel", "--version"}, streams{strings.NewReader(""), out, &stderr}) }()
	<-out.entered
	cancel(signalError{syscall.SIGTERM})
	select {
	case got := <-exit:
		if got != 143 || stderr.Len() > 0 {
			t.Errorf("exit %d with %q", got, stderr.String())
		}
	case <-time.After(patience):
		t.Error("it does not end")
	}
}

func TestHangupIsLeftToNohup(t *testing.T) {
	signal.Ignore(syscall.SIGHUP)
	defer signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // as TestMain has it
	_, stop := withSignals(t.Context())
	defer stop()
	if !signal.Ignored(syscall.SIGHUP) {
		t.Error("SIGHUP was ignored, and is not any more")
	}
}

func TestSignalEndsTheWaitForAPipesWriter(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	sh := &shell{out: newPrinter(new(bytes.Buffer), new(bytes.Buffer))}
	go func() { ended <- sh.talkFile(ctx, shout{file: fifo, codec: audio.L16}) }()
	cancel(signalError{syscall.SIGINT})
	select {
	case err := <-ended:
		if !errors.As(err, new(signalError)) {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(patience):
		t.Error("it does not end")
	}
}
