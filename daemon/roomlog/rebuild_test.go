package roomlog

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestARemovalThatMeetsADamagedIndexTakesOnlyItsRoom has the limit of one room, whose removal finds a page of an index damaged, begin again.
func TestARemovalThatMeetsADamagedIndexTakesOnlyItsRoom(t *testing.T) {
	for name, total := range map[string]int64{"without a total": 0, "with a total": 2 << 30} {
		t.Run(name, func(t *testing.T) {
			var out lines
			l := begin(t, Options{Logger: slog.New(slog.NewTextHandler(&out, nil))})
			l.chatter(1000)
			l.end()
			l.damagePages(pagesOf(t, l.options.Dir, "msg_id")[:1])
			o := l.options
			o.Total, o.Rooms = total, map[string]Keep{"a": {Entries: 900}}
			l = reopen(t, o)
			eventually(t, "the index is made anew", func() bool { return out.count("made anew") == 1 })
			l.settles("a", 900)
			if n := len(l.all("b", 0)); n != 1000 {
				t.Errorf("%d entries are left of 1000 in the room without a limit", n)
			}
			if first := l.all("a", 0)[0].ID; first != 101 {
				t.Errorf("the oldest that is left is %d, want 101", first)
			}
		})
	}
}

// TestPagesThatCannotBeGivenBackAreToldOnce makes an index anew, whose old pages stay in the way of making the file smaller.
func TestPagesThatCannotBeGivenBackAreToldOnce(t *testing.T) {
	const line = "empty pages of the file cannot be given back"
	var out lines
	l := begin(t, Options{Logger: slog.New(slog.NewTextHandler(&out, nil))})
	body := strings.Repeat("x", 3000)
	for i := range uint64(4000) {
		l.Append(message("a", i+1, body), func(Result) {})
	}
	l.end()
	pages := pagesOf(t, l.options.Dir, "msg_id")
	l.damagePages(pages[len(pages)-1:])
	o := l.options
	o.Rooms = map[string]Keep{"a": {Entries: 50}}
	l = reopen(t, o)
	eventually(t, "the operator is told", func() bool { return out.count(line) > 0 })
	for i := range uint64(20) {
		l.add("a", 10_000+i, "y")
		l.settles("a", 50)
	}
	l.end()
	if told, others := out.count(line), out.count("what is old cannot be removed"); told != 1 || others != 0 {
		t.Errorf("%d lines tell of it, want 1; %d say that nothing can be removed", told, others)
	}
}

// TestIndexesAreMadeAnewWhenThereIsRoom meets a damaged index while the disk is full.
func TestIndexesAreMadeAnewWhenThereIsRoom(t *testing.T) {
	const n = 1000
	dir := mounted(t, "size=3M")
	l := reopen(t, Options{Dir: dir})
	l.chatter(n)
	l.end()
	l.damagePages(pagesOf(t, dir, "msg_id"))
	var out lines
	l = reopen(t, Options{Dir: dir, Logger: slog.New(slog.NewTextHandler(&out, nil))})
	fill(t, dir)
	wants(t, l.append(message("a", n+1, "x")).Err, ErrReadOnly)
	if told := out.count("no message is stored until there is room"); told != 1 {
		t.Errorf("%d lines tell of the full disk", told)
	}
	if err := os.Remove(filepath.Join(dir, "filling")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "messages are stored again", func() bool { return l.append(message("a", n+1, "x")).Err == nil })
	if r := l.append(message("b", 3, "b number 0003")); !r.Duplicate {
		t.Errorf("a message came again: %+v", r)
	}
	if made, read := out.count("the indexes were made anew"), len(l.all("a", 0)); made != 1 || read != n+1 {
		t.Errorf("made anew %d times; %d of %d entries are read", made, read, n+1)
	}
}

// TestIndexesAreMadeAnewWhenTheFileIsLetGo has a reader find a damaged index while another process holds the file.
func TestIndexesAreMadeAnewWhenTheFileIsLetGo(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var out lines
		l := reopen(t, Options{Dir: dir, Logger: slog.New(slog.NewTextHandler(&out, nil))})
		l.chatter(2000)
		l.end()
		l.damagePages(pagesOf(t, dir, "msg_room")[3:4])
		l = l.again()
		l.waitsOnly("50")
		release := l.heldUp()
		const line = "the indexes were made anew"
		for range 2 {
			if read := len(l.all("a", 0)); read != 2000 {
				t.Errorf("%d of 2000 entries are read", read)
			}
			synctest.Wait()
		}
		if n := out.count(line); n != 0 {
			t.Errorf("%d lines, while the file is held", n)
		}
		release()
		<-time.After(2 * sweepEvery)
		synctest.Wait()
		if n := out.count(line); n != 1 {
			t.Errorf("%d lines, want 1", n)
		}
		l.end()
	})
}

// TestIndexesThatCannotBeMadeAnewStopNothing has two entries with one key, which the index of the keys does not take.
func TestIndexesThatCannotBeMadeAnewStopNothing(t *testing.T) {
	var out lines
	l := begin(t, Options{Logger: slog.New(slog.NewTextHandler(&out, nil))})
	l.chatter(2000)
	l.end()
	direct(t, l.options.Dir, "DROP INDEX msg_id", "UPDATE msg SET id=1 WHERE pos=3", "CREATE INDEX msg_id ON msg(room, sender, id)",
		"PRAGMA wal_checkpoint(TRUNCATE)")
	l.damagePages(pagesOf(t, l.options.Dir, "msg_room")[3:4])
	l = l.again()
	if read := len(l.all("a", 0)); read != 1999 {
		t.Errorf("%d entries are read, want all of 2000 but one", read)
	}
	eventually(t, "the operator is told", func() bool { return out.count("they cannot be made anew") > 0 })
	l.add("a", 5000, "the log goes on")
	if read := len(l.all("a", 0)); read != 2000 || out.count("they cannot be made anew") != 1 {
		t.Errorf("%d entries are read, want 2000; %d lines", read, out.count("they cannot be made anew"))
	}
}

// waitsOnly lets the writer wait for a file that is held no longer than some milliseconds.
func (l *testLog) waitsOnly(ms string) {
	l.t.Helper()
	if _, err := l.sessions[0].conn.ExecContext(l.t.Context(), "PRAGMA busy_timeout="+ms); err != nil {
		l.t.Fatal(err)
	}
}
