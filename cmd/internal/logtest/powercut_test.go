//go:build linux

package logtest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	diskSize = 256 << 20
	unsynced = 64 << 10 // bytes of the file that must be gone
)

// powerCut cuts the power under load. The daemon must end by itself then, with an error; when the power is back nothing receipted may be lost.
func powerCut(w *world) (figures string, err error) {
	d, err := newDisk(w, diskSize)
	if err != nil {
		return "", err
	}
	w.state = filepath.Join(d.at, "state")
	if err := w.serve(); err != nil {
		return "", err
	}
	tr, err := newTraffic(w, 4, 0)
	if err != nil {
		return "", err
	}
	if err := errors.Join(tr.progress(2000), w.pause(time.Duration(w.rng.Int64N(int64(atMost))))); err != nil {
		return "", err
	}
	witness := filepath.Join(d.at, "witness")
	content := bytes.Repeat([]byte{'w'}, unsynced)
	if err := errors.Join(os.WriteFile(witness, content, 0o600), d.cutPower()); err != nil {
		return "", err
	}
	said := w.endsByItself()
	tr.abandon()
	if err := d.restore(); err != nil {
		return "", err
	}
	if left, _ := os.ReadFile(witness); bytes.Equal(left, content) {
		return "", errors.New("a file that was not synced has survived: this was no power cut")
	}
	if err := w.serve(); err != nil {
		return "", errors.Join(said, err)
	}
	l, err := tr.ledger()
	if l == nil {
		return "", errors.Join(said, err)
	}
	return fmt.Sprintf("%d receipted, %d in the log", l.receipted(), len(l.log)), errors.Join(said, err, l.check(), w.integrity())
}

// endsByItself waits for a daemon whose disk is gone: it must end with an error. It is killed if it does not.
func (w *world) endsByItself() error {
	select {
	case <-w.daemon.Done():
		if code := w.daemon.Cmd.ProcessState.ExitCode(); code != 1 {
			return fmt.Errorf("the daemon whose disk has failed ended with %v, want exit code 1", w.daemon.Cmd.ProcessState)
		}
		return nil
	case <-time.After(settle):
		return errors.Join(errors.New("the daemon whose disk has failed goes on"), w.stop(syscall.SIGKILL))
	}
}
