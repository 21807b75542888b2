//go:build linux

package logtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"yodel/cmd/internal/programs"
)

// starting is what came of a start: ready, or the end.
type starting struct {
	ready bool
	code  int
	said  string // on standard error: world.words
}

// try starts the daemon and waits until it is ready or has ended.
func (w *world) try() (s starting, err error) {
	p, err := w.launch()
	if err != nil {
		return s, err
	}
	err = w.within(settle, func(ctx context.Context) error {
		err := p.Await(ctx, "ready", isReady)
		if s.ready = err == nil; s.ready {
			return nil
		}
		s.code, err = p.Exit(ctx, 0)
		return err
	})
	s.said = w.words(p)
	return s, err
}

// words is what a program has said on standard error, in lower case and without the trial's folder, whose name has words of its own.
func (w *world) words(p *programs.Process) string {
	return strings.ToLower(strings.ReplaceAll(p.Stderr(), w.dir, ""))
}

// refuses starts the daemon, which must end with an error that has one of the words and tells what to do.
func (w *world) refuses(words ...string) (figures string, err error) {
	s, err := w.try()
	if err != nil {
		return "", err
	}
	if s.ready {
		return "", errors.New("the daemon starts as if nothing were wrong")
	}
	return s.clear(words...)
}

// clear checks that the end of a start is one that an operator understands.
func (s starting) clear(words ...string) (figures string, err error) {
	last := lastLines(s.said)
	if s.code != 1 || strings.Contains(s.said, "goroutine ") {
		return "", fmt.Errorf("exit code %d, want 1 and no trace: %s", s.code, last)
	}
	for _, word := range words {
		if strings.Contains(s.said, word) {
			return "refused: " + last, nil
		}
	}
	return "", fmt.Errorf("the error has none of %q: %s", words, last)
}

func lastLines(said string) string {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	return strings.Join(lines[max(0, len(lines)-2):], " | ")
}

// startsOrSays starts the daemon where it cannot write: either it is ready, and messages are read and refused, or its error has one of the words.
func (w *world) startsOrSays(words ...string) (figures string, err error) {
	s, err := w.try()
	if err != nil {
		return "", err
	}
	if !s.ready {
		return s.clear(words...)
	}
	messages, err := w.readAll()
	if err != nil || len(messages) == 0 {
		return "", errors.Join(err, fmt.Errorf("%d messages can be read", len(messages)))
	}
	o, err := w.do("late", "send", "--", "nobody can store this")
	if err == nil && o.code != exitRefused {
		err = fmt.Errorf("yodel send: exit code %d, want %d: %s", o.code, exitRefused, o.stderr)
	}
	return fmt.Sprintf("serves %d messages, refuses new ones", len(messages)), err
}

// readOnly starts the daemon with its state folder on a file system that is mounted read-only.
func readOnly(w *world) (figures string, err error) {
	if err := w.tmpfs(fullSize); err != nil {
		return "", err
	}
	if _, err := w.seedMessages(20); err != nil {
		return "", err
	}
	if err := unix.Mount("", w.state, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		return "", fmt.Errorf("remount: %w", err)
	}
	return w.startsOrSays("read-only", "read only", "cannot be written", "may not be written")
}

// twoDaemons starts a second daemon on the folder of the first.
func twoDaemons(w *world) (figures string, err error) {
	if err := w.serve(); err != nil {
		return "", err
	}
	follower, err := w.follow("follower", "-n", "0")
	if err != nil {
		return "", err
	}
	first, here := w.daemon, w.listen
	w.listen = w.freePort()
	begin := time.Now()
	figures, err = w.refuses("another daemon", "in use", "already")
	took := time.Since(begin)
	w.daemon, w.listen = first, here
	if _, sayErr := w.say("late", "is the first one unhurt?"); sayErr != nil {
		err = errors.Join(err, sayErr)
	}
	err = errors.Join(err, w.within(settle, func(ctx context.Context) error { return follower.AwaitCount(ctx, "message", 1) }), w.stop(syscall.SIGTERM))
	return fmt.Sprintf("after %s %s", seconds(took), figures), err
}

// sameTexts checks that messages are those with receipts, and that only so many are missing. Nothing else may ever be delivered.
func sameTexts(messages, receipts []programs.Event, missing int) error {
	want := make(map[uint64]string, len(receipts))
	for i, r := range receipts {
		want[r.Pos] = line(seeder, i+1)
	}
	for _, m := range messages {
		if want[m.Pos] != m.Text {
			return fmt.Errorf("at position %d there is %.80q, sent was %.80q", m.Pos, m.Text, want[m.Pos])
		}
	}
	if len(messages) < len(receipts)-missing {
		return fmt.Errorf("%d of %d messages are there, at most %d may be missing", len(messages), len(receipts), missing)
	}
	return nil
}
