//go:build linux

package logtest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	replayed     = 400_000
	replayPerSec = 60_000
	replayGrowth = 32 << 20
)

// replay has a new peer read everything.
func replay(w *world) (figures string, err error) {
	if err := w.serve(); err != nil {
		return "", err
	}
	if _, err := w.sendMany(replayed); err != nil {
		return "", err
	}
	if err := w.restart(syscall.SIGTERM); err != nil {
		return "", err
	}
	if _, err := w.do("reader", "read", "-n", "100"); err != nil {
		return "", err
	}
	pid := w.daemon.Cmd.Process.Pid
	before, err := memoryOf(pid)
	if err := errors.Join(err, forgetPeak(pid)); err != nil {
		return "", err
	}
	var best rate
	for range speedAttempts {
		r, err := w.measure(replayed, w.replayOnce)
		if err != nil {
			return "", err
		}
		if err := w.checkReplayed(); err != nil {
			return "", err
		}
		if r.perSec > best.perSec {
			best = r
		}
	}
	after, err := memoryOf(pid)
	if err != nil {
		return "", err
	}
	err = atLeast("messages", best.perSec, replayPerSec)
	if after.most-before.now > replayGrowth {
		err = errors.Join(err, fmt.Errorf("yodeld grows from %s to %s, at most by %s", mib(before.now), mib(after.most), mib(replayGrowth)))
	}
	return fmt.Sprintf("%v; yodeld from %s to %s", best, mib(before.now), mib(after.most)), err
}

func (w *world) replayFile() string { return filepath.Join(w.dir, "replayed") }

// replayOnce reads all messages into a file.
func (w *world) replayOnce() (yodel time.Duration, err error) {
	out, err := os.Create(w.replayFile())
	if err != nil {
		return 0, err
	}
	cmd := w.command(nil, append(w.yodel("reader", "read"), "--json=false", "-n", "10000000")...)
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	err = errors.Join(cmd.Run(), out.Close())
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), err
}

// checkReplayed checks that all messages are there, in order.
func (w *world) checkReplayed() error {
	f, err := os.Open(w.replayFile())
	if err != nil {
		return err
	}
	defer f.Close()
	n := 0
	for scanner := bufio.NewScanner(f); scanner.Scan(); n++ {
		if !bytes.Contains(scanner.Bytes(), fmt.Appendf(nil, " line %d: ", n+1)) {
			return fmt.Errorf("message %d is %.80q", n+1, scanner.Text())
		}
	}
	if n != replayed {
		return fmt.Errorf("%d messages, want %d", n, replayed)
	}
	return nil
}
