package roomlog

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// lines is a log of lines.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}

// direct opens the file beside the log's own way.
func direct(t *testing.T, dir string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func TestADamagedMessageIsLeftOut(t *testing.T) {
	for name, damage := range map[string]string{
		"body": "UPDATE msg SET body='y' WHERE pos=2", "nick": "UPDATE msg SET nick='eve' WHERE pos=2",
		"time": "UPDATE msg SET at=at+1 WHERE pos=2", "prev": "UPDATE msg SET prev=0 WHERE pos=2",
		"sender": "UPDATE msg SET sender=zeroblob(32) WHERE pos=2", "id": "UPDATE msg SET id=77 WHERE pos=2",
	} {
		var out lines
		l := begin(t, Options{Logger: slog.New(slog.NewTextHandler(&out, nil))})
		for i := range uint64(3) {
			l.add("a", i+1, "x")
		}
		l.end()
		direct(t, l.options.Dir, damage)
		l = l.again()
		for range 2 {
			if all := l.all("a", 0); len(all) != 2 || all[1].Pos != 3 {
				t.Errorf("%s: %+v", name, all)
			}
		}
		if n := out.count("a damaged message is left out"); n != 1 || l.Skipped() != 1 {
			t.Errorf("%s: %d lines in the log, %d counted, want 1", name, n, l.Skipped())
		}
		l.end()
	}
}

// TestADamagedPageIsLeftOut overwrites a page in the middle of the messages.
func TestADamagedPageIsLeftOut(t *testing.T) {
	var out lines
	l := begin(t, Options{Logger: slog.New(slog.NewTextHandler(&out, nil))})
	const n = 2000
	for i := range uint64(n) {
		l.Append(message("a", i, fmt.Sprintf("number %04d %s", i, strings.Repeat("x", 100))), func(Result) {})
	}
	l.end()
	l.damagePageOf("number 1000")
	l = l.again()
	all := l.all("a", 0)
	if len(all) < n-60 || len(all) >= n || all[0].ID != 0 || all[len(all)-1].ID != n-1 {
		t.Errorf("%d of %d messages are read", len(all), n)
	}
	if l.Skipped() != n-len(all) || out.count("a damaged message is left out") != n-len(all) {
		t.Errorf("%d are counted, %d are missing", l.Skipped(), n-len(all))
	}
	l.add("a", n, "new")
}

// TestTheNewestIsOneThatCanBeRead: who reads up to the newest would wait for a damaged one for ever.
func TestTheNewestIsOneThatCanBeRead(t *testing.T) {
	l := begin(t, Options{})
	for i := range uint64(4) {
		l.add("a", i+1, "x")
	}
	l.add("b", 1, "x")
	l.end()
	direct(t, l.options.Dir, "UPDATE msg SET body='y' WHERE pos IN (3, 4, 5)")
	l = l.again()
	for _, from := range []From{Last(10), Last(1), Since(0), After(l.id[:], 1)} {
		if c := l.seek("a", from); c.Newest != 2 {
			t.Errorf("%+v: the newest is %d, want 2: %+v", from, c.Newest, c)
		}
	}
	if c := l.seek("b", Last(10)); c.Newest != 0 {
		t.Errorf("in a room without anything else: %+v", c)
	}
	if e := l.add("a", 9, "x"); e.Prev != 4 {
		t.Errorf("the next entry comes after %d, want 4", e.Prev)
	}
}

// damagePageOf overwrites the page of a closed log that has a text.
func (l *testLog) damagePageOf(text string) {
	l.t.Helper()
	data, err := os.ReadFile(l.file())
	if err != nil {
		l.t.Fatal(err)
	}
	page := bytes.Index(data, []byte(text)) / 4096 * 4096
	_, _ = rand.Read(data[page : page+4096])
	if err := os.WriteFile(l.file(), data, 0o600); err != nil {
		l.t.Fatal(err)
	}
}

func TestAFileThatIsNoLogIsRefused(t *testing.T) {
	whole := begin(t, Options{})
	for i := range uint64(500) {
		whole.add("a", i, strings.Repeat("x", 100))
	}
	whole.end()
	good, err := os.ReadFile(whole.file())
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func([]byte) []byte{
		"text":                func([]byte) []byte { return []byte("not at all a database\n") },
		"short":               func(b []byte) []byte { return b[:10] },
		"cut":                 func(b []byte) []byte { return b[:5000] },
		"zeroes":              func(b []byte) []byte { return make([]byte, len(b)) },
		"schema overwritten":  func(b []byte) []byte { _, _ = rand.Read(b[100:4096]); return b },
		"all but the head":    func(b []byte) []byte { _, _ = rand.Read(b[4096:]); return b },
		"of something else":   nil,
		"head without a body": func(b []byte) []byte { return b[:100] },
	} {
		dir := t.TempDir()
		if change != nil {
			if err := os.WriteFile(filepath.Join(dir, fileName), change(bytes.Clone(good)), 0o600); err != nil {
				t.Fatal(err)
			}
		} else {
			direct(t, dir, "CREATE TABLE x(y)")
		}
		l, err := Open(Options{Dir: dir, Deliver: func(f func()) { f() }})
		if err == nil {
			t.Errorf("%s: it was opened", name)
			_ = l.Close()
			continue
		}
		wants(t, err, ErrCorrupt)
		if !strings.Contains(err.Error(), "restore a backup") {
			t.Errorf("%s: %v: it does not say what to do", name, err)
		}
	}
}

func TestASchemaOfAnotherVersion(t *testing.T) {
	l := begin(t, Options{})
	l.add("a", 1, "x")
	l.end()
	direct(t, l.options.Dir, "PRAGMA user_version=99")
	before, _ := os.ReadFile(l.file())
	_, err := Open(l.options)
	wants(t, err, ErrNewer)
	if after, _ := os.ReadFile(l.file()); len(before) == 0 || !bytes.Equal(before, after) {
		t.Errorf("a newer file of %d bytes was changed", len(before))
	}
	_, err = Erase(t.Context(), l.options.Dir, 1)
	wants(t, err, ErrNewer)

	direct(t, l.options.Dir, "PRAGMA user_version=0", "DROP TABLE gone") // as it was before keys were kept
	l = l.again()
	if r := l.append(message("a", 1, "x")); !r.Duplicate {
		t.Errorf("a message of an older file came again: %+v", r)
	}
	if n, err := Erase(t.Context(), l.options.Dir, 1); n != 1 || err != nil {
		t.Errorf("erased %d, %v", n, err)
	}
	if r := l.append(message("a", 1, "x")); !r.Duplicate {
		t.Errorf("an erased message of an older file came again: %+v", r)
	}
}

func TestASecondLogIsRefused(t *testing.T) {
	l := begin(t, Options{})
	_, err := Open(l.options)
	wants(t, err, ErrLocked)
	l = l.again()
	l.add("a", 1, "x")
}

func TestAFolderThatCannotBeWritten(t *testing.T) {
	_, err := Open(Options{Dir: filepath.Join(t.TempDir(), "missing")})
	wants(t, err, os.ErrNotExist)
	dir := mounted(t, "size=1M")
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, "size=1M"); err != nil {
		t.Fatal(err)
	}
	_, err = Open(Options{Dir: dir})
	wants(t, err, ErrUnwritable)
	if err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("%v does not name %s", err, dir)
	}
}

// mounted gives a folder with a file system of its own. That needs root.
func mounted(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		const what = "NOT TESTED: what a full disk and a read-only folder do needs a tmpfs of its own, which cannot be mounted here"
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s: %v", what, err)
		}
		t.Skipf("%s: %v", what, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir
}

// TestAFullDiskRefusesAndHeals fills a small disk with messages, and another time with something else.
func TestAFullDiskRefusesAndHeals(t *testing.T) {
	const readOnlyLine, healedLine = "no message is stored until", "messages are stored again"
	for _, by := range []string{"messages", "something else"} {
		t.Run(by, func(t *testing.T) {
			dir := mounted(t, "size=3M")
			var out lines
			l := reopen(t, Options{Dir: dir, Logger: slog.New(slog.NewTextHandler(&out, nil))})
			if err := os.WriteFile(filepath.Join(dir, "ballast"), make([]byte, 1<<20), 0o600); err != nil {
				t.Fatal(err)
			}
			l.add("a", 0, "first")
			if by == "something else" {
				fill(t, dir)
			}
			stored := 1
			var err error
			for i := uint64(1); err == nil && i < 100_000; i++ {
				if err = l.append(message("a", i, strings.Repeat("x", 1000))).Err; err == nil {
					stored++
				}
			}
			wants(t, err, ErrReadOnly)
			for i := range uint64(50) {
				wants(t, l.append(message("a", 200_000+i, "at once")).Err, ErrReadOnly)
			}
			if n := len(l.all("a", 0)); n != stored {
				t.Errorf("%d messages are read from a full disk, %d have receipts", n, stored)
			}
			if n := out.count(readOnlyLine); n != 1 {
				t.Errorf("%d lines tell of it, want 1", n)
			}
			wants(t, l.Err(), ErrReadOnly)
			for _, name := range []string{"ballast", "filling"} {
				_ = os.Remove(filepath.Join(dir, name)) // one of them may not be there
			}
			eventually(t, "messages are stored again", func() bool {
				return l.append(message("a", 300_000, "healed")).Err == nil
			})
			wants(t, l.Err(), nil)
			if n, healed := out.count(readOnlyLine), out.count(healedLine); n != 1 || healed != 1 {
				t.Errorf("%d lines tell of the full disk, %d of its healing, want 1 each", n, healed)
			}
			l = l.again()
			all := l.all("a", 0)
			chained(t, all, 0)
			if len(all) != stored+1 {
				t.Errorf("%d messages, want %d", len(all), stored+1)
			}
		})
	}
}

// TestAFullDiskIsNotHealedByLooking lets polls and repeated messages, which write nothing, pass over a full disk.
func TestAFullDiskIsNotHealedByLooking(t *testing.T) {
	dir := mounted(t, "size=3M")
	synctest.Test(t, func(t *testing.T) {
		var out lines
		l := reopen(t, Options{Dir: dir, Logger: slog.New(slog.NewTextHandler(&out, nil))})
		l.add("a", 0, "first")
		var err error
		for i := uint64(1); err == nil && i < 100_000; i++ {
			err = l.append(message("a", i, strings.Repeat("x", 1000))).Err
		}
		wants(t, err, ErrReadOnly)
		for range 3 {
			<-time.After(5 * pollEvery)
			synctest.Wait()
			if r := l.append(message("a", 0, "first")); !r.Duplicate {
				t.Errorf("a message that is stored came again: %+v", r)
			}
			wants(t, l.append(message("a", 200_000, strings.Repeat("x", 100_000))).Err, ErrReadOnly)
		}
		if full, healed := out.count("no message is stored until"), out.count("messages are stored again"); full != 1 || healed != 0 {
			t.Errorf("%d lines tell of the full disk, %d of its healing, want 1 and 0", full, healed)
		}
		l.end()
	})
}

func TestAFullDiskIsToldAtTheStart(t *testing.T) {
	dir := mounted(t, "size=3M")
	l := reopen(t, Options{Dir: dir})
	l.add("a", 1, "x")
	l.end()
	fill(t, dir)
	_, err := Open(l.options)
	wants(t, err, ErrUnwritable)
	if err == nil || !strings.Contains(err.Error(), "make room") {
		t.Errorf("%v: it does not say what to do", err)
	}
}

// fill leaves no room on a disk.
func fill(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "filling"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	wants(t, err, unix.ENOSPC)
}

// TestAFailedCommitIsTheEnd damages what Open does not look at and each message needs, the index of the keys, and a page of the messages, without which
// there is no new one.
func TestAFailedCommitIsTheEnd(t *testing.T) {
	failed := make(chan error, 2)
	l := begin(t, Options{})
	for i := range uint64(2000) {
		l.Append(message("a", i, "x"), func(Result) {})
	}
	l.end()
	data, err := os.ReadFile(l.file())
	if err != nil {
		t.Fatal(err)
	}
	pages := pagesOf(t, l.options.Dir, "msg_id")
	for _, n := range pages {
		copy(data[(n-1)*4096+1:n*4096], bytes.Repeat([]byte{0xff}, 12)) // the header of the page
	}
	if err := os.WriteFile(l.file(), data, 0o600); err != nil || len(pages) == 0 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	l.damagePages(pagesOf(t, l.options.Dir, "msg")[1:2])
	o := l.options
	o.Failed = func(err error) { failed <- err }
	l = reopen(t, o)
	for range 3 {
		wants(t, l.append(message("a", 9999, "y")).Err, ErrFailed)
	}
	wants(t, <-failed, ErrFailed)
	if len(failed) > 0 {
		t.Error("it was told twice")
	}
	if n := len(l.all("a", 0)); n < 1900 || n == 2000 {
		t.Errorf("%d messages can be read of 2000", n)
	}
}

// pagesOf gives the pages of an index.
func pagesOf(t *testing.T, dir, name string) (all []int) {
	t.Helper()
	db, conn, err := attach(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	defer conn.Close()
	rows, err := conn.QueryContext(t.Context(), "SELECT pageno FROM dbstat WHERE name=? AND pagetype='leaf'", name)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestCommandsEndWithTheirContext(t *testing.T) {
	l := begin(t, Options{})
	l.add("a", 1, "x")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Erase(ctx, l.options.Dir, 1); err == nil {
		t.Error("erased after the end")
	}
	if len(l.all("a", 0)) != 1 {
		t.Error("the message is gone")
	}
}
