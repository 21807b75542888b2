//go:build linux

package logtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"yodel/cmd/internal/programs"
)

const (
	// linesEach are written at once by a sender, every writeEvery: 1000 lines a second.
	linesEach  = 5
	writeEvery = 5 * time.Millisecond
	// comesBack is how long a follower may take to notice that the daemon was away, which it does with its next report, and to catch up.
	comesBack = 2 * time.Minute
)

// traffic is programs that write and follow, until stop.
type traffic struct {
	w         *world
	senders   []*sender
	followers []*programs.Process
	stopped   chan struct{}
	writing   sync.WaitGroup
}

// sender is a `yodel send` and what was written into it.
type sender struct {
	*programs.Process
	lines atomic.Int64
	err   error // of writing; once that has ended
}

// newTraffic starts followers and senders. The first two senders share a key.
func newTraffic(w *world, senders, followers int) (*traffic, error) {
	tr := &traffic{w: w, stopped: make(chan struct{})}
	for i := range followers {
		f, err := w.follow(fmt.Sprintf("follower%d", i), "-n", "0")
		if err != nil {
			return nil, err
		}
		tr.followers = append(tr.followers, f)
	}
	for i := range senders {
		name := fmt.Sprintf("sender%d", i)
		key := filepath.Join(w.dir, name, "identity.pem")
		if i == 1 {
			key = filepath.Join(w.dir, "sender0", "identity.pem")
		}
		p, err := w.peer(name, nil, "send", "--timeout", "120s", "--identity", key)
		if err != nil {
			return nil, err
		}
		s := &sender{Process: p}
		p.Name = name
		tr.senders = append(tr.senders, s)
		tr.writing.Go(func() { s.err = tr.write(s) })
	}
	return tr, nil
}

// write writes lines until the traffic stops, and closes the pipe.
func (tr *traffic) write(s *sender) error {
	ticker := time.NewTicker(writeEvery)
	defer ticker.Stop()
	for {
		for range linesEach {
			n := int(s.lines.Add(1))
			if _, err := io.WriteString(s.Stdin, line(s.Name, n)+"\n"); err != nil {
				return fmt.Errorf("%s, line %d: %w", s.Name, n, err)
			}
		}
		select {
		case <-ticker.C:
		case <-tr.stopped:
			return s.Stdin.Close()
		case <-s.Done():
			return nil
		}
	}
}

// receipts counts those of all senders.
func (tr *traffic) receipts() (n int) {
	for _, s := range tr.senders {
		n += s.Count("receipt")
	}
	return n
}

// progress waits until there are n more receipts, of whichever senders.
func (tr *traffic) progress(n int) error {
	want := tr.receipts() + n
	return tr.w.within(settle, func(ctx context.Context) error {
		tick := time.NewTicker(writeEvery)
		defer tick.Stop()
		for tr.receipts() < want {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return fmt.Errorf("%d of %d receipts: %w", tr.receipts(), want, context.Cause(ctx))
			}
		}
		return nil
	})
}

// stop ends the writing; every sender must end with code 0.
func (tr *traffic) stop() error {
	close(tr.stopped)
	var errs []error
	for _, s := range tr.senders {
		errs = append(errs, tr.w.within(comesBack, func(ctx context.Context) error { return s.Ends(ctx, 0, 0) }))
	}
	return errors.Join(append(errs, tr.written())...)
}

// abandon ends the senders where they are.
func (tr *traffic) abandon() {
	close(tr.stopped)
	for _, s := range tr.senders {
		s.Kill()
	}
	_ = tr.written() // the pipes are broken
}

// written waits until nothing is written any more.
func (tr *traffic) written() error {
	tr.writing.Wait()
	var errs []error
	for _, s := range tr.senders {
		if !errors.Is(s.err, os.ErrClosed) {
			errs = append(errs, s.err)
		}
	}
	return errors.Join(errs...)
}

// ledger reads the log, waits until the followers have as much, and ends them.
func (tr *traffic) ledger() (*ledger, error) {
	l := &ledger{}
	for _, s := range tr.senders {
		a := account{name: s.Name, lines: int(s.lines.Load())}
		for _, e := range s.Of("receipt") {
			a.receipts = append(a.receipts, e.Pos)
		}
		l.senders = append(l.senders, a)
	}
	var err error
	if l.log, err = tr.w.readAll(); err != nil {
		return nil, err
	}
	errs := []error{nil}
	for _, f := range tr.followers {
		errs = append(errs, tr.w.within(comesBack, func(ctx context.Context) error { return f.AwaitCount(ctx, "message", len(l.log)) }))
		errs = append(errs, tr.w.within(settle, func(ctx context.Context) error {
			return f.Ends(ctx, syscall.SIGTERM, 128+int(syscall.SIGTERM))
		}))
		l.followers = append(l.followers, follower{f.Name, f.Of("message")})
	}
	return l, errors.Join(errs...)
}
