//go:build linux

package logtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"yodel/cmd/internal/programs"
)

const (
	fullSize   = 8 << 20
	fillerSize = 4 << 20
	heals      = 30 * time.Second // how long after there is room again messages must be taken
	// bulk makes lines of 2 KiB, so that the disk is full soon.
	bulk = 1900

	exitUnreachable = 3
	exitRefused     = 4
	seeder          = "seeder"
)

// filler is a file that takes room away.
func (w *world) filler() string { return filepath.Join(w.state, "filler") }

// fullDisk fills the daemon's disk under load. Publishers must be refused in words, everything else must go on, and when there is
// room again messages must be taken without a restart.
func fullDisk(w *world) (figures string, err error) {
	if err := w.tmpfs(fullSize); err != nil {
		return "", err
	}
	if err := errors.Join(os.WriteFile(w.filler(), make([]byte, fillerSize), 0o600), w.serve()); err != nil {
		return "", err
	}
	follower, err := w.follow("follower", "-n", "0")
	if err != nil {
		return "", err
	}
	f := &fill{w: w}
	if err := f.send(); err != nil {
		return "", err
	}
	faults := errors.Join(f.refused(), w.goesOn(follower), w.logs("full", "no space", "read-only", "read only"))
	begin := time.Now()
	if err := os.Remove(w.filler()); err != nil {
		return "", err
	}
	if err := f.heal(); err != nil {
		return "", errors.Join(faults, err)
	}
	took := time.Since(begin)
	messages, err := w.readAll()
	if err != nil {
		return "", errors.Join(faults, err)
	}
	faults = errors.Join(faults, f.check(messages), w.within(settle, func(ctx context.Context) error {
		return follower.AwaitCount(ctx, "message", len(messages))
	}))
	return fmt.Sprintf("%d receipted, then refused; taken again %s after there was room", len(f.receipts), seconds(took)), faults
}

// fill is a sender of long lines.
type fill struct {
	w        *world
	sender   *programs.Process
	receipts []programs.Event
	code     int
}

func bulkLine(n int) string { return line("filler", n) + strings.Repeat(" yodel", bulk/6) }

// send sends until the program ends, which it does because it is refused.
func (f *fill) send() (err error) {
	if f.sender, err = f.w.peer("filler", nil, "send", "--timeout", "30s"); err != nil {
		return err
	}
	for n := 1; n <= 2*fullSize/bulk && err == nil; n++ {
		_, err = io.WriteString(f.sender.Stdin, bulkLine(n)+"\n")
	}
	_ = f.sender.Stdin.Close() // it may have ended before all was written
	err = f.w.within(2*settle, func(ctx context.Context) (err error) {
		f.code, err = f.sender.Exit(ctx, 0)
		return err
	})
	f.receipts = f.sender.Of("receipt")
	return err
}

// refused checks how the sender ended.
func (f *fill) refused() error {
	said := f.sender.Of("error")
	if f.code != exitRefused || len(said) == 0 || said[0].Code != "read_only" {
		return fmt.Errorf("on a full disk yodel send ended with %d and %+v, want exit code %d and the code read_only: %s",
			f.code, said, exitRefused, f.sender.LastWords())
	}
	return nil
}

// goesOn checks that a daemon that stores nothing does all else: messages are read, presence is told, voices are heard.
func (w *world) goesOn(follower *programs.Process) error {
	if !w.alive() {
		return fmt.Errorf("the daemon has ended: %s", w.daemon.LastWords())
	}
	joins := follower.Count("join")
	messages, err := w.readAll()
	if err == nil && len(messages) == 0 {
		err = errors.New("no message can be read")
	}
	late, lateErr := w.follow("late", "-n", "3")
	if lateErr != nil {
		return errors.Join(err, lateErr)
	}
	heard, voiceErr := w.bench("-r", "voices", "--talkers", "1", "--listeners", "2", "--for", "1s")
	if voiceErr == nil && (heard.Audio.Delivered == 0 || heard.Audio.Lost > 0) {
		voiceErr = fmt.Errorf("of %d voice packets %d are lost", heard.Audio.Expected, heard.Audio.Lost)
	}
	return errors.Join(err, voiceErr, w.within(settle, func(ctx context.Context) error {
		return errors.Join(late.AwaitCount(ctx, "message", 3), follower.AwaitCount(ctx, "join", joins+1))
	}))
}

// logs checks that the daemon's log says one of some words.
func (w *world) logs(words ...string) error {
	said := w.words(w.daemon)
	for _, word := range words {
		if strings.Contains(said, word) {
			return nil
		}
	}
	return fmt.Errorf("the daemon's log has none of %q: %s", words, w.daemon.LastWords())
}

// heal sends until it is taken.
func (f *fill) heal() error {
	return f.w.within(heals, func(ctx context.Context) error {
		for {
			o, err := f.w.do("healed", "send", "--", "there is room again")
			if err != nil || o.code == 0 {
				return err
			}
			if ctx.Err() != nil {
				return fmt.Errorf("there is room again, but a message is not taken: %w: %s", context.Cause(ctx), o.stderr)
			}
		}
	})
}

// check checks that all that was receipted is there, once.
func (f *fill) check(messages []programs.Event) error {
	at := make(map[uint64]string, len(messages))
	for _, m := range messages {
		at[m.Pos] = m.Text
	}
	for i, r := range f.receipts {
		if at[r.Pos] != bulkLine(i+1) {
			return fmt.Errorf("line %d, receipted at %d, is not there", i+1, r.Pos)
		}
	}
	if len(at) != len(messages) {
		return fmt.Errorf("%d messages have %d positions", len(messages), len(at))
	}
	return nil
}

// startFull starts the daemon on a disk without a free byte: it must say so, or read.
func startFull(w *world) (figures string, err error) {
	if err := w.tmpfs(fullSize); err != nil {
		return "", err
	}
	if _, err := w.seedMessages(20); err != nil {
		return "", err
	}
	if err := fillUp(w.filler()); err != nil {
		return "", err
	}
	return w.startsOrSays("full", "no space")
}

// fillUp writes a file until the disk takes no more.
func fillUp(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	for size := 64 << 10; size > 0; {
		if _, err = f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	if !errors.Is(err, unix.ENOSPC) {
		return errors.Join(fmt.Errorf("filling the disk: %w", err), f.Close())
	}
	return f.Close()
}

// seedMessages runs a daemon that gets so many messages of one sender, and stops it.
func (w *world) seedMessages(n int) (receipts []programs.Event, err error) {
	if err := w.serve(); err != nil {
		return nil, err
	}
	receipts, err = w.sendLines(seeder, n)
	return receipts, errors.Join(err, w.stop(syscall.SIGTERM), w.folded())
}

// sendLines sends so many lines through one program, which must have a receipt for each.
func (w *world) sendLines(name string, n int) (receipts []programs.Event, err error) {
	p, err := w.peer(name, nil, "send")
	if err != nil {
		return nil, err
	}
	for i := range n {
		if _, err := io.WriteString(p.Stdin, line(name, i+1)+"\n"); err != nil {
			return nil, err
		}
	}
	err = errors.Join(p.Stdin.Close(), w.within(2*settle, func(ctx context.Context) error { return p.Ends(ctx, 0, 0) }))
	receipts = p.Of("receipt")
	if err == nil && len(receipts) != n {
		err = fmt.Errorf("%s: %d receipts for %d lines", name, len(receipts), n)
	}
	return receipts, err
}
