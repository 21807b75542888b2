package roomlog

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// readFiles gives the bytes of the log's files.
func readFiles(t *testing.T, dir string) (all []byte) {
	t.Helper()
	for _, name := range []string{fileName, fileName + "-wal"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		all = append(all, data...)
	}
	return all
}

func TestAnErasedMessageIsGoneForGood(t *testing.T) {
	l := begin(t, Options{})
	var es []Entry
	for i := range uint64(5) {
		es = append(es, l.add("a", i+1, fmt.Sprintf("the secret number %d", i+1)))
	}
	for i, want := range [][]string{{"1", "2", "4", "5"}, {"1", "2", "4"}, {"2", "4"}, {"2"}, nil} {
		gone := es[[]int{2, 4, 0, 3, 1}[i]]
		if n, err := Erase(t.Context(), l.options.Dir, gone.Pos); n != 1 || err != nil {
			t.Fatalf("erased %d, %v", n, err)
		}
		c := l.seek("a", After(l.id[:], 0))
		if told := l.erased.Swap(0); told == 0 {
			t.Errorf("the owner was not told of erasure %d", i+1)
		}
		all := l.all("a", 0)
		chained(t, all, 0)
		var got []string
		for _, b := range bodies(all) {
			got = append(got, strings.TrimPrefix(b, "the secret number "))
		}
		if d := cmp.Diff(want, got); d != "" || c.Truncated || c.Count != uint64(len(want)) {
			t.Errorf("%+v (-want +got)\n%s", c, d)
		}
		if r := l.append(gone); !r.Duplicate || r.Entry.Pos != gone.Pos {
			t.Errorf("an erased message came again: %+v", r)
		}
		wants(t, l.append(message("a", gone.ID, "other")).Err, ErrIDReused)
	}
	if n, err := Erase(t.Context(), l.options.Dir, es[0].Pos); n != 0 || err != nil {
		t.Errorf("erased %d again, %v", n, err)
	}
	eventually(t, "the room is empty", func() bool { return l.Count() == 0 })
	if e := l.add("a", 6, "new"); e.Pos <= es[4].Pos || e.Prev != 0 {
		t.Errorf("the next entry is %+v", e)
	}
	l.end()
	if bytes.Contains(readFiles(t, l.options.Dir), []byte("the secret number")) {
		t.Error("the text is in the files")
	}
}

// TestErasedTextIsNotInTheFiles erases in the middle of a log, some of which the limits have removed, beside the log and without it.
func TestErasedTextIsNotInTheFiles(t *testing.T) {
	for _, running := range []bool{true, false} {
		l := begin(t, Options{Keep: Keep{Entries: 1500}})
		const n = 2500
		done := make(chan struct{})
		for i := range uint64(n) {
			e := message("a", i, fmt.Sprintf("secret %05d%s", i, strings.Repeat(".", int(i*37%900))))
			e.Sender[0] = byte(i % 5)
			if i == 2000 {
				e.Body = append(e.Body, make([]byte, 20_000)...)
			}
			l.Append(e, func(Result) {
				if i == n-1 {
					close(done)
				}
			})
		}
		<-done
		l.settles("a", 1500)
		if !running {
			l.end()
		}
		if n, err := EraseFrom(t.Context(), l.options.Dir, [32]byte{3}); n != 300 || err != nil {
			t.Fatalf("erased %d, %v", n, err)
		}
		if n, err := Erase(t.Context(), l.options.Dir, 2001); n != 1 || err != nil {
			t.Fatalf("erased %d, %v", n, err)
		}
		if running {
			all := l.all("a", 0)
			chained(t, all, all[0].Prev)
			if len(all) != 1199 || l.erased.Load() == 0 {
				t.Errorf("%d entries are left; the owner was told %d times", len(all), l.erased.Load())
			}
			// The writer goes on from what is left.
			if e := l.add("a", n, "new"); e.Prev != all[len(all)-1].Pos {
				t.Errorf("the next entry is %+v", e)
			}
			l.end()
		}
		files := readFiles(t, l.options.Dir)
		left := 0
		for i := range n {
			erased := i < 1000 || i%5 == 3 || i == 2000
			if erased && bytes.Contains(files, []byte(fmt.Sprintf("secret %05d", i))) {
				left++
			}
		}
		if left > 0 {
			t.Errorf("running %v: the texts of %d messages are in the files", running, left)
		}
	}
}

func TestErasingNeedsALog(t *testing.T) {
	_, err := Erase(t.Context(), t.TempDir(), 1)
	wants(t, err, ErrNoLog)
	wants(t, Backup(t.Context(), t.TempDir(), filepath.Join(t.TempDir(), "x")), ErrNoLog)
}

// TestCopiesOfMovedMessagesAreErased erases so much that SQLite moves what is left from page to page.
func TestCopiesOfMovedMessagesAreErased(t *testing.T) {
	t.Logf("-seed %d", *seed)
	random := rand.New(rand.NewPCG(*seed, 1))
	const n, senders = 2000, 40
	l := begin(t, Options{Keep: Keep{Entries: n - 500}})
	from := make([]byte, n)
	for i := range uint64(n) {
		from[i] = byte(random.IntN(senders))
		e := message("a", i, fmt.Sprintf("secret %05d%s", i, strings.Repeat(".", random.IntN(300))))
		e.Sender[0] = from[i]
		l.Append(e, func(Result) {})
	}
	l.append(message("a", 0, "")) // comes after them all
	l.settles("a", n-500)
	erased := make(map[byte]bool)
	for range senders {
		s := byte(random.IntN(senders))
		erased[s] = true
		if _, err := EraseFrom(t.Context(), l.options.Dir, [32]byte{s, 0}); err != nil {
			t.Fatal(err)
		}
	}
	l.end()
	files := readFiles(t, l.options.Dir)
	for i, s := range from {
		if (i < 500 || erased[s]) && bytes.Contains(files, fmt.Appendf(nil, "secret %05d", i)) {
			t.Errorf("the text of message %d of sender %d is in the files", i, s)
		}
	}
	l = l.again()
	all := l.all("a", 0)
	for _, e := range all {
		if erased[e.Sender[0]] {
			t.Errorf("message %d of sender %d is there", e.ID, e.Sender[0])
		}
	}
}

// TestFilesBelongToTheOwnerOfTheLog has root use the log of somebody else.
func TestFilesBelongToTheOwnerOfTheLog(t *testing.T) {
	if os.Geteuid() != 0 {
		const what = "NOT TESTED: whose the files are when root runs a command needs root"
		if os.Getenv("CI") == "true" {
			t.Fatal(what)
		}
		t.Skip(what)
	}
	const somebody = 12345
	l := begin(t, Options{})
	e := l.add("a", 1, "x")
	l.end()
	if err := os.Chown(l.file(), somebody, somebody); err != nil {
		t.Fatal(err)
	}
	db, conn, err := attach(t.Context(), l.options.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := Erase(t.Context(), l.options.Dir, e.Pos); n != 1 || err != nil {
		t.Errorf("erased %d, %v", n, err)
	}
	for _, name := range []string{"", "-wal", "-shm"} {
		var stat unix.Stat_t
		if err := unix.Stat(l.file()+name, &stat); err != nil || stat.Uid != somebody || stat.Mode&0o777 != 0o600 {
			t.Errorf("messages.db%s: of %d, mode %o, %v", name, stat.Uid, stat.Mode&0o777, err)
		}
	}
	if err := errors.Join(conn.Close(), db.Close()); err != nil {
		t.Error(err)
	}
}

// TestAnErasureThatWasCutShortIsFinished ends a command after its first commit. The next command finishes it, or the next start.
func TestAnErasureThatWasCutShortIsFinished(t *testing.T) {
	for name, finish := range map[string]func(dir string){
		"by a command": func(dir string) {
			if n, err := Erase(t.Context(), dir, 1); n != 0 || err != nil {
				t.Errorf("erased %d, %v", n, err)
			}
		},
		"by a start": func(dir string) { reopen(t, Options{Dir: dir}) },
	} {
		l := begin(t, Options{})
		for i := range uint64(100) {
			l.add("a", i, fmt.Sprintf("secret %d", i))
		}
		db, conn, err := attach(t.Context(), l.options.Dir)
		if err != nil {
			t.Fatal(err)
		}
		e := &eraser{conn: conn}
		if err := inTransaction(t.Context(), conn, func() error { return e.all(t.Context(), []int64{1}) }); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir() // the files as they are when both are killed
		for _, file := range []string{fileName, fileName + "-wal"} {
			data, err := os.ReadFile(filepath.Join(l.options.Dir, file))
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, file), data, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(conn.Close(), db.Close()); err != nil {
			t.Error(err)
		}
		if !bytes.Contains(readFiles(t, dir), []byte("secret 0")) {
			t.Errorf("%s: there is nothing to finish", name)
		}
		db, conn, err = attach(t.Context(), dir) // whoever closes last removes the write-ahead log
		if err != nil {
			t.Fatal(err)
		}
		finish(dir)
		if bytes.Contains(readFiles(t, dir), []byte("secret 0")) {
			t.Errorf("%s: the text is in the files", name)
		}
		if err := errors.Join(conn.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	}
}
