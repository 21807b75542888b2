package roomlog

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// damagePages overwrites the heads of pages of a closed log.
func (l *testLog) damagePages(pages []int) {
	l.t.Helper()
	f, err := os.OpenFile(l.file(), os.O_RDWR, 0)
	if err != nil {
		l.t.Fatal(err)
	}
	defer f.Close()
	for _, n := range pages {
		if _, err := f.WriteAt([]byte(strings.Repeat("\xff", 12)), int64(n-1)*4096); err != nil {
			l.t.Fatal(err)
		}
	}
}

// chatter fills rooms a and b in turn, with n messages each, whose times are their numbers.
func (l *testLog) chatter(n uint64) {
	l.t.Helper()
	for i := range n {
		for _, room := range []string{"a", "b"} {
			l.Append(message(room, i+1, fmt.Sprintf("%s number %04d", room, i+1)), func(Result) {})
		}
	}
}

// TestADamagedIndexHidesNothing overwrites leaves of the index by room, and also a page of the entries.
func TestADamagedIndexHidesNothing(t *testing.T) {
	const n = 2000
	for name, test := range map[string]struct {
		page string // of the entry with this text, too
		from int    // of the index
	}{
		"one page":             {"", 3},
		"the first":            {"", 0},
		"and one with entries": {"a number 0700", 2},
	} {
		t.Run(name, func(t *testing.T) {
			var out lines
			l := begin(t, Options{Logger: slog.New(slog.NewTextHandler(&out, nil))})
			l.chatter(n)
			l.end()
			pages := pagesOf(t, l.options.Dir, "msg_room")
			if len(pages) < 6 {
				t.Fatalf("the index has pages %v", pages)
			}
			l.damagePages(pages[test.from : test.from+1])
			if test.page != "" {
				l.damagePageOf(test.page)
			}
			l = l.again()
			for _, room := range []string{"a", "b"} {
				all := l.all(room, 0)
				if test.page == "" && len(all) != n || len(all) < n-60 {
					t.Errorf("room %s: %d of %d messages are read", room, len(all), n)
				}
			}
			if read := len(l.all("a", 0)) + len(l.all("b", 0)); l.Skipped() != 2*n-read {
				t.Errorf("%d are left out, %d are counted", 2*n-read, l.Skipped())
			}
			if c := l.seek("a", Last(n)); c.Count != n || c.After != 0 {
				t.Errorf("before the last %d: %+v", n, c)
			}
			since := l.seek("a", Since(1900))
			if got := l.all("a", since.After); len(got) != 101 || got[0].ID != 1900 {
				t.Errorf("since 1900: %d entries after %+v", len(got), since)
			}
			if got := l.all("b", l.seek("b", Since(2)).After); len(got) < n-61 || got[0].ID != 2 {
				t.Errorf("since 2: %d entries", len(got))
			}
		})
	}
}

// TestAnIndexThatIsDamagedWhileItIsRead is one that a reader has seen whole.
func TestAnIndexThatIsDamagedWhileItIsRead(t *testing.T) {
	l := begin(t, Options{})
	l.chatter(1000)
	l.add("c", 1, "x")
	direct(t, l.options.Dir, "PRAGMA wal_checkpoint(TRUNCATE)")
	if n := len(l.all("a", 0)); n != 1000 {
		t.Fatal(n)
	}
	l.damagePages(pagesOf(t, l.options.Dir, "msg_room")[1:2])
	direct(t, l.options.Dir, "UPDATE state SET v=v+1 WHERE k='erased'") // whatever is in memory is read again
	for _, room := range []string{"a", "b"} {
		if n := len(l.all(room, 0)); n != 1000 {
			t.Errorf("room %s: %d messages are read", room, n)
		}
	}
}

// TestARepeatOfADamagedMessage sends again what lies on a damaged page, and what was altered.
func TestARepeatOfADamagedMessage(t *testing.T) {
	var out lines
	l := begin(t, Options{Logger: slog.New(slog.NewTextHandler(&out, nil))})
	l.chatter(1000)
	l.end()
	direct(t, l.options.Dir, "UPDATE msg SET body='y' WHERE pos=1999", "PRAGMA wal_checkpoint(TRUNCATE)")
	l.damagePageOf("a number 0500")
	l = l.again()
	for range 2 {
		wants(t, l.append(message("a", 500, "a number 0500")).Err, ErrUnreadable)
		wants(t, l.append(message("a", 1000, "a number 1000")).Err, ErrUnreadable)
	}
	if n := out.count("a damaged message is left out"); n != 2 || l.Skipped() != 2 {
		t.Errorf("%d lines, %d counted, want 2", n, l.Skipped())
	}
	if r := l.append(message("a", 1, "a number 0001")); !r.Duplicate || r.Entry.Pos != 1 {
		t.Errorf("a whole one: %+v", r)
	}
	l.add("a", 5000, "the log goes on")
}

// TestRefusalsKeepTheirPlace has more come than may wait, while the writer is held up by the owner.
func TestRefusalsKeepTheirPlace(t *testing.T) {
	l := begin(t, Options{})
	const large = maxQueuedBytes / 2
	order := make(chan int, 4)
	outcome := func(i int, want error) func(Result) {
		return func(r Result) {
			wants(t, r.Err, want)
			order <- i
		}
	}
	body := strings.Repeat("x", large)
	release := l.heldUp()
	l.Append(message("a", 1, body), outcome(1, nil))
	l.Append(message("a", 2, body), outcome(2, nil))
	l.Append(message("a", 3, body), outcome(3, ErrBusy))
	l.Append(message("b", 4, ""), outcome(4, nil))
	release()
	for want := 1; want <= 4; want++ {
		if got := <-order; got != want {
			t.Errorf("outcome %d came as number %d", got, want)
		}
	}
	l.add("a", 5, body) // nothing waits any more
}

// TestRefusalsDoNotWaitForTheFile has messages refused because much waits, while somebody else holds the file.
func TestRefusalsDoNotWaitForTheFile(t *testing.T) {
	pause, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	o := Options{Dir: t.TempDir()}
	l := reopenWith(t, o, func() { // the writer calls this after the first commit
		once.Do(func() {
			close(pause)
			<-goOn
		})
	})
	l.Append(message("a", 1, "x"), func(Result) {})
	<-pause
	large := make(chan error, 1)
	l.Append(message("a", 2, strings.Repeat("x", maxQueuedBytes-1)), func(r Result) { large <- r.Err })
	const n = 3 * maxBatch
	refusals := make(chan error, n)
	for i := range uint64(n) {
		l.Append(message("a", 3+i, "x"), func(r Result) { refusals <- r.Err })
	}
	l.waitsOnly("50")
	release := l.heldUp()
	close(goOn)
	wants(t, <-large, ErrBusy)
	others := 0
	for range n {
		if err := <-refusals; !errors.Is(err, errFull) {
			others++
		}
	}
	if others > 0 {
		t.Errorf("%d of %d refusals waited for the file, and say so", others, n)
	}
	release()
	l.add("a", 2, "x")
}

// heldUp has the writer wait for a transaction of somebody else until release is called.
func (l *testLog) heldUp() (release func()) {
	l.t.Helper()
	db, conn, err := attach(l.t.Context(), l.options.Dir)
	if err != nil {
		l.t.Fatal(err)
	}
	if _, err := conn.ExecContext(l.t.Context(), "BEGIN IMMEDIATE"); err != nil {
		l.t.Fatal(err)
	}
	return func() {
		_, err := conn.ExecContext(l.t.Context(), "ROLLBACK")
		if err != nil || conn.Close() != nil || db.Close() != nil {
			l.t.Errorf("release: %v", err)
		}
	}
}

// TestDamagedIndexesAreMadeAnew damages what each message needs, and what Open needs.
func TestDamagedIndexesAreMadeAnew(t *testing.T) {
	const n = 1000
	for _, index := range []string{"msg_id", "msg_room"} {
		t.Run(index, func(t *testing.T) {
			var out lines
			l := begin(t, Options{Logger: slog.New(slog.NewTextHandler(&out, nil))})
			l.chatter(n)
			l.end()
			l.damagePages(pagesOf(t, l.options.Dir, index))
			l = l.again()
			e := l.add("a", n+1, "new")
			if r := l.append(message("b", 3, "b number 0003")); !r.Duplicate {
				t.Errorf("a message came again: %+v", r)
			}
			all := l.all("a", 0)
			chained(t, all, 0)
			if len(all) != n+1 || all[n].Pos != e.Pos || l.Skipped() != 0 {
				t.Errorf("%d entries, %d left out", len(all), l.Skipped())
			}
			l = l.again()
			if got := len(l.all("b", 0)); got != n || out.count("the indexes were made anew") != 1 {
				t.Errorf("%d entries, %d lines", got, out.count("the indexes were made anew"))
			}
		})
	}
}

// TestARoomWhoseRemovalFailedIsTriedAgain fills the disk when a message is stored, before those that are too many are removed.
func TestARoomWhoseRemovalFailedIsTriedAgain(t *testing.T) {
	dir := mounted(t, "size=3M")
	var out lines
	l := begin(t, Options{})
	for i := range uint64(400) {
		l.add("a", i, "x")
	}
	l.end()
	copied, err := os.ReadFile(l.file())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, fileName), copied, 0o600); err != nil {
		t.Fatal(err)
	}
	full := make(chan struct{})
	var once sync.Once
	o := Options{Dir: dir, Keep: Keep{Entries: 401}, Logger: slog.New(slog.NewTextHandler(&out, nil))}
	l = reopenWith(t, o, func() { // the writer itself calls this, after its commit
		once.Do(func() {
			fill(t, dir)
			close(full)
		})
	})
	for i := range uint64(200) { // together
		l.Append(message("a", 1000+i, "x"), func(Result) {})
	}
	<-full
	eventually(t, "the removal has failed", func() bool { return out.count("until there is room") > 0 })
	if err := os.Remove(filepath.Join(dir, "filling")); err != nil {
		t.Fatal(err)
	}
	l.settles("a", 401)
}
