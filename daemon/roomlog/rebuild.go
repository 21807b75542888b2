package roomlog

import (
	"context"
	"fmt"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// indexes are those of the entries. All that is in them is in the entries, too.
const indexes = `
CREATE INDEX msg_room ON msg(room);
CREATE UNIQUE INDEX msg_id ON msg(room, sender, id);
`

// rebuildSQL makes the indexes anew. What is damaged cannot be dropped, so they are taken out of the schema, and the pages of the old ones
// are lost to the file.
const rebuildSQL = `PRAGMA writable_schema=ON;
DELETE FROM sqlite_schema WHERE type='index' AND name IN ('msg_room', 'msg_id');
PRAGMA writable_schema=RESET;` + indexes

// mended runs f, and once more with new indexes where it meets a damaged page.
func (w *writer) mended(f func() error) error {
	err := f()
	if !damaged(err) {
		return err
	}
	if err = w.rebuild(err); err != nil {
		return err
	}
	return f()
}

// rebuild makes the indexes anew, when a page of the file was found damaged, once in the life of a log: where it does not help, entries themselves are
// damaged, and the error is the cause. When the disk is full, the file held by somebody, or writing fails, that is the error, and the next time it is tried
// again.
func (w *writer) rebuild(cause error) error {
	if w.rebuilt || w.failed != nil {
		return cause
	}
	ctx := context.Background()
	began := time.Now()
	err := inTransaction(ctx, w.conn, func() error {
		_, err := w.conn.ExecContext(ctx, rebuildSQL)
		return err
	})
	w.rebuilt = !w.failedWriting(err)
	if err == nil {
		w.frames = maxFrames
		w.log.Warn("room log: a page was damaged: the indexes were made anew", "dir", w.options.Dir, "damage", cause, "took", time.Since(began).Round(time.Millisecond))
		return nil
	}
	_, _ = w.conn.ExecContext(ctx, "PRAGMA writable_schema=RESET") // the indexes are there again; if it fails, the next transaction does
	if !w.rebuilt {
		return fmt.Errorf("making damaged indexes anew: %w", err)
	}
	w.log.Error("room log: a page is damaged, and not only of the indexes: they cannot be made anew", "dir", w.options.Dir, "damage", cause, "err", err)
	return cause
}

// failedWriting tells that an error has nothing to do with what is in the file.
func (w *writer) failedWriting(err error) bool {
	switch code := resultCode(err); code & 0xff {
	case sqlite3.SQLITE_BUSY:
		return true
	case sqlite3.SQLITE_IOERR:
		return code != sqlite3.SQLITE_IOERR_READ && code != sqlite3.SQLITE_IOERR_SHORT_READ
	}
	return w.unwritableNow(err)
}

// suspect has the writer rebuild the indexes when it comes to it.
func (l *Log) suspect(cause error) {
	l.suspected.CompareAndSwap(nil, &cause)
	l.appends.wake()
}

// rebuildDue does so, after a disk that was full or a file that was held not before a minute.
func (w *writer) rebuildDue(now time.Time) {
	cause := w.suspected.Load()
	if cause == nil || now.Before(w.mendAgain) || w.refuses(now) != nil {
		return
	}
	if err := w.rebuild(*cause); w.failedWriting(err) {
		w.mendAgain = now.Add(sweepEvery)
		w.judge(now, err)
		return
	}
	w.suspected.Store(nil)
}
