//go:build linux

package logtest

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

const (
	lossShare = 0.03
	crashes   = 4
	// atMost is how long after the first receipts of a daemon it is ended at the latest.
	atMost = 700 * time.Millisecond
)

func killed(w *world) (string, error)  { return ended(w, syscall.SIGKILL) }
func stopped(w *world) (string, error) { return ended(w, syscall.SIGTERM) }

// ended has programs write, follow, and read now and then over a lossy path while the daemon is ended by a signal at random moments, and started again.
func ended(w *world, signal syscall.Signal) (figures string, err error) {
	w.lose(lossShare)
	if err := w.serve(); err != nil {
		return "", err
	}
	tr, err := newTraffic(w, 4, 2)
	if err != nil {
		return "", err
	}
	job := newCron(w)
	var away time.Duration
	for range crashes {
		if err := errors.Join(tr.progress(50), w.pause(time.Duration(w.rng.Int64N(int64(atMost))))); err != nil {
			return "", err
		}
		begin := time.Now()
		if err := w.restart(signal); err != nil {
			return "", err
		}
		away = max(away, time.Since(begin))
	}
	if err := errors.Join(tr.progress(50), tr.stop()); err != nil {
		return "", err
	}
	l, err := tr.ledger()
	if l == nil {
		return "", err
	}
	regular, jobErr := job.end()
	l.followers = append(l.followers, regular)
	figures = fmt.Sprintf("%d times, away for %v at most; %d receipted, %d in the log; %d followers; %d runs of a job, %d in vain",
		crashes, away.Round(time.Millisecond), l.receipted(), len(l.log), len(tr.followers), job.runs, job.failed)
	return figures, errors.Join(err, jobErr, tr.complete(l), l.check(), w.integrity())
}

// complete checks that senders which have ended well have a receipt for every line, and that followers have come back by themselves.
func (tr *traffic) complete(l *ledger) (err error) {
	for _, a := range l.senders {
		if len(a.receipts) != a.lines {
			err = errors.Join(err, fmt.Errorf("%s: %d receipts for %d lines, and exit code 0", a.name, len(a.receipts), a.lines))
		}
	}
	for _, f := range tr.followers {
		if lost, truncated := f.Count("lost"), f.Count("truncated"); lost == 0 || lost != f.Count("back") || truncated > 0 {
			err = errors.Join(err, fmt.Errorf("%s: told %d times of the loss of the daemon, %d times of its return, %d times of a truncated history",
				f.Name, lost, f.Count("back"), truncated))
		}
	}
	return err
}

// integrity stops the daemon and has SQLite look at its file.
func (w *world) integrity() error {
	if err := w.stop(syscall.SIGTERM); err != nil {
		return err
	}
	return errors.Join(w.sound(w.database()), w.folded())
}
