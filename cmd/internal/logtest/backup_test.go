//go:build linux

package logtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"yodel/cmd/internal/programs"
)

// backUp copies the log of a daemon under load, and restores the copy as documented. What was receipted before the copy began is in it; who has
// followed goes on after the restored log with what comes, and has nothing twice.
func backUp(w *world) (figures string, err error) {
	if err := w.serve(); err != nil {
		return "", err
	}
	tr, err := newTraffic(w, 3, 2)
	if err != nil {
		return "", err
	}
	if err := tr.progress(500); err != nil {
		return "", err
	}
	before := tr.receiptsOf()
	file := filepath.Join(w.dir, "backup.db")
	if err := w.copyTo(file); err != nil {
		return "", err
	}
	live := w.readsLive()
	if err := errors.Join(tr.progress(500), tr.stop()); err != nil {
		return "", err
	}
	whole, err := w.readAll()
	if err != nil {
		return "", err
	}
	for _, f := range tr.followers {
		if err := w.within(comesBack, func(ctx context.Context) error { return f.AwaitCount(ctx, "message", len(whole)) }); err != nil {
			return "", err
		}
	}
	if err := w.restore(file); err != nil {
		return "", err
	}
	restored, err := w.readAll()
	if err != nil {
		return "", err
	}
	err = errors.Join(live, w.sound(file), w.refusesBackup(file), holds(restored, before, tr), prefix(restored, whole), w.goOn(tr, whole))
	return fmt.Sprintf("%d receipted before it, %d in the copy, %d at the end", count(before), len(restored), len(whole)), err
}

// receiptsOf gives the receipts of each sender so far.
func (tr *traffic) receiptsOf() [][]programs.Event {
	all := make([][]programs.Event, len(tr.senders))
	for i, s := range tr.senders {
		all[i] = s.Of("receipt")
	}
	return all
}

func count(receipts [][]programs.Event) (n int) {
	for _, r := range receipts {
		n += len(r)
	}
	return n
}

// copyTo has yodeld copy the log beside the running daemon.
func (w *world) copyTo(file string) error {
	o, err := w.yodeld([]string{"backup"}, file)
	if err == nil && o.code != 0 {
		err = fmt.Errorf("yodeld backup: exit code %d, %s", o.code, o.stderr)
	}
	if err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err == nil && info.Mode().Perm() != 0o600 {
		err = fmt.Errorf("the copy's mode is %v", info.Mode())
	}
	return err
}

// refusesBackup checks that a copy is not overwritten.
func (w *world) refusesBackup(file string) error {
	before, err := digest(file)
	if err != nil {
		return err
	}
	o, err := w.yodeld([]string{"backup"}, file)
	if err == nil && o.code == 0 {
		err = errors.New("yodeld backup has overwritten a file")
	}
	after, digestErr := digest(file)
	return errors.Join(err, digestErr, untouched(before, after))
}

// readsLive has the stock sqlite3 count the messages of the live file.
func (w *world) readsLive() error {
	said, err := w.sqlite(w.database(), "SELECT count(*) FROM msg")
	if n, _ := strconv.Atoi(said); err == nil && n == 0 {
		err = fmt.Errorf("sqlite3 counts %q messages in the live file", said)
	}
	return err
}

// restore puts a copy in the place of the log, and starts the daemon.
func (w *world) restore(file string) error {
	if err := w.stop(syscall.SIGTERM); err != nil {
		return err
	}
	copied, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(w.database(), copied, 0o600)
	}
	for _, beside := range []string{"-wal", "-shm"} {
		if err := os.Remove(w.database() + beside); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err != nil {
		return err
	}
	return w.serve()
}

// holds checks that all that was receipted before is there.
func holds(messages []programs.Event, before [][]programs.Event, tr *traffic) error {
	at := make(map[uint64]string, len(messages))
	for _, m := range messages {
		at[m.Pos] = m.Text
	}
	for i, receipts := range before {
		for n, r := range receipts {
			if want := line(tr.senders[i].Name, n+1); at[r.Pos] != want {
				return fmt.Errorf("%q, receipted at %d before the copy began, is not in it", want, r.Pos)
			}
		}
	}
	return nil
}

// prefix checks that the restored log is the beginning of the whole one.
func prefix(restored, whole []programs.Event) error {
	f := follower{"the restored log", restored}
	if len(restored) > len(whole) {
		return fmt.Errorf("the restored log has %d messages, the whole one had %d", len(restored), len(whole))
	}
	return f.check(whole[:len(restored)])
}

// goOn sends more after the restoration: each follower, old and new, gets that once, at positions beyond all that it has seen.
func (w *world) goOn(tr *traffic, whole []programs.Event) error {
	const more = 20
	receipts, err := w.sendLines("after", more)
	if err != nil {
		return err
	}
	last := whole[len(whole)-1].Pos
	if receipts[0].Pos <= last {
		return fmt.Errorf("after the restoration position %d is given, %d was the newest before", receipts[0].Pos, last)
	}
	var errs []error
	for _, f := range tr.followers {
		errs = append(errs, w.within(comesBack, func(ctx context.Context) error { return f.AwaitCount(ctx, "message", len(whole)+more) }))
		messages := f.Of("message")
		errs = append(errs, (&follower{f.Name, messages[:len(whole)]}).check(whole))
		for i, m := range messages[len(whole):] {
			if i >= more || m.Pos != receipts[i].Pos || m.Text != line("after", i+1) {
				errs = append(errs, fmt.Errorf("%s: after the restoration message %d is %d %.60q", f.Name, i+1, m.Pos, m.Text))
				break
			}
		}
		if n := f.Count("truncated"); n > 0 {
			errs = append(errs, fmt.Errorf("%s was told %d times that the history is truncated", f.Name, n))
		}
	}
	return errors.Join(errs...)
}
