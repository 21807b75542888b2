package roomlog

import (
	"os"
	"path/filepath"
	"testing"
)

// TestABackupIsAWholeLog backs up while messages are written, restores it, and goes on.
func TestABackupIsAWholeLog(t *testing.T) {
	l := begin(t, Options{})
	const n = 5000
	stored := uint64(0)
	half, done := make(chan struct{}), make(chan struct{})
	for i := range uint64(n) {
		l.Append(message("a", i, "0123456789"), func(r Result) {
			stored = max(stored, r.Entry.Pos)
			switch i {
			case n / 2:
				close(half)
			case n - 1:
				close(done)
			}
		})
	}
	<-half
	file := filepath.Join(t.TempDir(), "copy ?%#.db")
	if err := Backup(t.Context(), l.options.Dir, file); err != nil {
		t.Fatal(err)
	}
	<-done
	wants(t, Backup(t.Context(), l.options.Dir, file), ErrExists)
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("the copy: %v, %v", info.Mode(), err)
	}
	if names, err := filepath.Glob(filepath.Join(filepath.Dir(file), "*")); len(names) != 1 || err != nil {
		t.Errorf("files %q beside the copy, %v", names, err)
	}
	dir := t.TempDir()
	if err := os.Rename(file, filepath.Join(dir, fileName)); err != nil {
		t.Fatal(err)
	}
	o := l.options
	o.Dir = dir
	copied := reopen(t, o)
	all := copied.all("a", 0)
	chained(t, all, 0)
	if len(all) <= n/2 || copied.ID() != l.ID() {
		t.Errorf("%d entries in the copy; id %x, want %x", len(all), copied.ID(), l.ID())
	}
	id := l.ID()
	newest := all[len(all)-1].Pos
	// Somebody who has read on knows a position that the copy does not have: nothing is told twice.
	if c := copied.seek("a", After(id[:], stored)); c.Truncated || c.Count != 0 {
		t.Errorf("after a position that was given after the copy: %+v", c)
	}
	e := copied.add("a", n, "new")
	if e.Pos <= stored+1<<31 || e.Prev != newest {
		t.Errorf("position %d, prev %d after %d; the log from which it was copied reached %d", e.Pos, e.Prev, newest, stored)
	}
	if c := copied.seek("a", After(id[:], stored)); c.Truncated || c.Count != 1 {
		t.Errorf("after a position that was given after the copy, with a new entry: %+v", c)
	}
}

func TestABackupThatFailsLeavesNothing(t *testing.T) {
	l := begin(t, Options{})
	l.add("a", 1, "x")
	dir := t.TempDir()
	file := filepath.Join(dir, "copy")
	if err := os.WriteFile(file+".part", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wants(t, Backup(t.Context(), l.options.Dir, file), ErrExists)
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("%s is there: %v", file, err)
	}
}

// TestARestoredBackupGivesNewPositions restores the same copy, and then an older one, into a log that has gone on.
func TestARestoredBackupGivesNewPositions(t *testing.T) {
	l := begin(t, Options{})
	at := map[uint64]string{l.add("a", 1, "first").Pos: "first"}
	files := t.TempDir()
	older, newer := filepath.Join(files, "older"), filepath.Join(files, "newer")
	newest := uint64(0)
	add := func(text string) {
		t.Helper()
		e := l.add("a", uint64(text[0]), text)
		if known, ok := at[e.Pos]; ok || e.Pos <= newest || e.Pos >= 1<<53 {
			t.Errorf("%q is at %d, %q was before; the newest was %d", text, e.Pos, known, newest)
		}
		at[e.Pos], newest = text, e.Pos
	}
	for _, step := range []struct{ backup, restore, text string }{
		{older, "", "a"}, {newer, older, "b"}, {"", newer, "c"}, {"", newer, "d"}, {"", older, "e"}, {"", older, "f"},
	} {
		if step.backup != "" {
			if err := Backup(t.Context(), l.options.Dir, step.backup); err != nil {
				t.Fatal(err)
			}
		}
		if step.restore != "" {
			l.end()
			data, err := os.ReadFile(step.restore)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(l.file(), data, 0o600); err != nil {
				t.Fatal(err)
			}
			l = reopen(t, l.options)
		}
		add(step.text)
		next := l.next.Load()
		if l = l.again(); l.next.Load() != next {
			t.Errorf("opening it again moves the next position from %d to %d", next, l.next.Load())
		}
	}
}

// TestABackupIsWholeWhenItIsThere looks for the file while it is made: a backup that is killed leaves nothing that looks like one.
func TestABackupIsWholeWhenItIsThere(t *testing.T) {
	l := begin(t, Options{})
	for i := range uint64(5000) {
		l.Append(message("a", i, "0123456789"), func(Result) {})
	}
	l.append(message("b", 0, "")) // comes after them all
	file := filepath.Join(t.TempDir(), "copy")
	done := make(chan error, 1)
	go func() { done <- Backup(t.Context(), l.options.Dir, file) }()
	for {
		if info, err := os.Stat(file); err == nil && info.Size() == 0 {
			t.Error("it is empty")
			wants(t, <-done, nil)
			return
		}
		select {
		case err := <-done:
			wants(t, err, nil)
			return
		default:
		}
	}
}
