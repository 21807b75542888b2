package roomlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
	sqlite3 "modernc.org/sqlite/lib"
)

// readOnlyRetry is how long nothing is tried after the disk was full.
const readOnlyRetry = time.Second

// readOnly is the state of a log whose file cannot be written now.
type readOnly struct {
	cause error // nil: it can
	since time.Time
	again time.Time // when the next try is due
}

// refuses tells why nothing is even tried now.
func (w *writer) refuses(now time.Time) error {
	switch {
	case w.failed != nil:
		return w.failed
	case w.refused.cause != nil && now.Before(w.refused.again):
		return fmt.Errorf("%w: %w", ErrReadOnly, w.refused.cause)
	}
	return nil
}

// judge takes the outcome of a transaction: it notes when the disk is full, when it has room again (only a commit that wrote entries tells), and
// when the log has failed.
func (w *writer) judge(now time.Time, err error) {
	switch {
	case err == nil:
		if w.refused.cause != nil && w.wrote {
			w.log.Info("room log: messages are stored again", "after", now.Sub(w.refused.since).Round(time.Millisecond))
			w.refused = readOnly{}
			w.figures.state(nil)
		}
	case resultCode(err)&0xff == sqlite3.SQLITE_BUSY:
	case w.unwritableNow(err):
		if w.refused.cause == nil {
			w.log.Error("room log: no message is stored until there is room on the disk", "dir", w.options.Dir, "err", err)
			w.refused.since = now
		}
		w.refused.cause, w.refused.again = err, now.Add(readOnlyRetry)
		w.figures.state(fmt.Errorf("%w: %w", ErrReadOnly, err))
	default:
		w.fail(err)
	}
}

// judgeUpkeep takes the outcome of work that may as well be left undone: a damaged page stops only that work.
func (w *writer) judgeUpkeep(now time.Time, err error) {
	if damaged(err) {
		w.log.Error("room log: what is old cannot be removed", "dir", w.options.Dir, "err", err)
		return
	}
	w.judge(now, err)
}

// fail ends the storing of messages for good.
func (w *writer) fail(err error) {
	if w.failed != nil {
		return
	}
	w.failed = fmt.Errorf("%w: %w", ErrFailed, err)
	w.figures.state(w.failed)
	w.log.Error("room log: nothing is stored any more", "dir", w.options.Dir, "err", err)
	if w.options.Failed != nil {
		w.options.Failed(w.failed)
	}
}

// refusal turns the error of a transaction into that of its messages.
func (w *writer) refusal(err error) error {
	switch {
	case err == nil:
		return nil
	case w.failed != nil:
		return w.failed
	case w.refused.cause != nil:
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	}
	return fmt.Errorf("%w: %w", ErrBusy, err)
}

// unwritableNow tells whether an error goes away when the operator makes room, or gives permission. A failed sync is never such: what was
// written before it may be lost (sqlite.org/rescode.html).
func (w *writer) unwritableNow(err error) bool {
	return diskFull(w.options.Dir, err) || resultCode(err)&0xff == sqlite3.SQLITE_READONLY
}

// diskFull tells whether an error goes away when there is room. SQLite calls a full disk an I/O error where it sizes the index of the write-ahead
// log, and an exhausted quota everywhere: then the disk itself is asked.
func diskFull(dir string, err error) bool {
	switch code := resultCode(err); code {
	case sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_SHMMAP, sqlite3.SQLITE_IOERR_SHMOPEN, sqlite3.SQLITE_IOERR_WRITE:
		return noRoom(dir)
	default:
		return code&0xff == sqlite3.SQLITE_FULL
	}
}

// probeSize is how much is written to find out whether there is room.
const probeSize = 256 << 10

// noRoom tries to write a file.
func noRoom(dir string) bool {
	path := filepath.Join(dir, ".room")
	defer func() { _ = os.Remove(path) }() // it may not be there
	err := os.WriteFile(path, make([]byte, probeSize), 0o600)
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}
