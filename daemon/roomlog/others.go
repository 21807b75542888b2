package roomlog

import (
	"context"
	"time"
)

const (
	// pollEvery is the time between two looks.
	pollEvery = time.Second
	// pollFor is how long after the last message it is looked without a reason: what the owner holds in memory is about that.
	pollFor = time.Minute
)

// poll looks whether another process has changed the file.
func (w *writer) poll(now time.Time) {
	if w.failed != nil {
		return
	}
	w.polled = now
	var version int64
	err := w.stmt.dataVersion.QueryRow().Scan(&version)
	if err == nil && version != w.version {
		err = w.transact(func() error { return nil })
	}
	if err != nil { // a look that succeeds says nothing about the disk
		w.judge(now, err)
	}
}

// noticeOthers looks, inside a transaction, whether another process has changed the file, and then reads the rooms again. What the writer has
// in memory holds until the end of the transaction.
func (w *writer) noticeOthers(ctx context.Context) error {
	var version int64
	if err := w.stmt.dataVersion.QueryRowContext(ctx).Scan(&version); err != nil || version == w.version {
		return err
	}
	if err := w.load(ctx); err != nil {
		return err
	}
	w.version = version
	w.forget()
	return nil
}

// forget has the owner forget what it holds in memory.
func (l *Log) forget() {
	if l.options.Erased != nil {
		l.options.Deliver(l.options.Erased)
	}
}
