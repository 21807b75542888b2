package roomlog

import (
	"errors"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// add appends a message; its id is its time as well.
func add(l *Log, room string, id uint64, body string) Result {
	var got *Result
	l.Append(Entry{Room: room, Sender: [32]byte{1}, ID: id, Body: []byte(body), At: int64(id)}, func(r Result) { got = &r })
	return *got
}

func bodies(es []Entry) []string {
	var out []string
	for _, e := range es {
		out = append(out, string(e.Body))
	}
	return out
}

func TestPositionsIncreaseAndChain(t *testing.T) {
	l := New(Limits{})
	var prev uint64
	for i := range uint64(5) {
		e := add(l, "a", i+1, "x").Entry
		add(l, "b", i+1, "y")
		if e.Pos <= prev || e.Prev != prev {
			t.Fatalf("entry %d: pos %d prev %d, the one before was %d", i, e.Pos, e.Prev, prev)
		}
		prev = e.Pos
	}
	if l.Newest("a") != prev || l.Newest("none") != 0 {
		t.Errorf("newest %d, want %d", l.Newest("a"), prev)
	}
}

func TestSameIDIsOneEntry(t *testing.T) {
	l := New(Limits{})
	first := add(l, "a", 7, "x")
	again := add(l, "a", 7, "x")
	if !again.Duplicate || again.Entry.Pos != first.Entry.Pos {
		t.Errorf("a repeated message got position %d, duplicate %v; the first has %d", again.Entry.Pos, again.Duplicate, first.Entry.Pos)
	}
	if r := add(l, "a", 7, "other"); !errors.Is(r.Err, ErrIDReused) {
		t.Errorf("same id with other bytes: %v", r.Err)
	}
	if r := add(l, "b", 7, "x"); r.Duplicate || r.Err != nil {
		t.Error("the same id in another room is another message")
	}
	if n := len(l.Read("a", 0, nil, 10)); n != 1 {
		t.Errorf("%d entries, want 1", n)
	}
}

func TestCursors(t *testing.T) {
	l := New(Limits{})
	id := l.ID()
	for i := range uint64(5) {
		add(l, "a", i+1, strconv.FormatUint(i+1, 10))
		add(l, "b", i+1, "-")
	}
	third := l.Read("a", 0, nil, 3)[2].Pos
	for name, c := range map[string]struct {
		cursor Cursor
		want   []string
	}{
		"last 2":        {l.Last("a", 2), []string{"4", "5"}},
		"last 99":       {l.Last("a", 99), []string{"1", "2", "3", "4", "5"}},
		"last 0":        {l.Last("a", 0), nil},
		"since 4":       {l.Since("a", 4), []string{"4", "5"}},
		"since never":   {l.Since("a", 99), nil},
		"after third":   {l.After("a", id[:], third), []string{"4", "5"}},
		"after start":   {l.After("a", id[:], 0), []string{"1", "2", "3", "4", "5"}},
		"after newest":  {l.After("a", id[:], l.Newest("a")), nil},
		"live, in fact": {Cursor{After: l.Newest("a")}, nil},
	} {
		if d := cmp.Diff(c.want, bodies(l.Read("a", c.cursor.After, nil, 100))); d != "" {
			t.Errorf("%s: (-want +got)\n%s", name, d)
		}
		if c.cursor.Truncated || c.cursor.Count != uint64(len(c.want)) {
			t.Errorf("%s: %+v, want %d entries, nothing truncated", name, c.cursor, len(c.want))
		}
	}
}

func TestForeignPositionIsTruncated(t *testing.T) {
	l := New(Limits{})
	add(l, "a", 1, "1")
	other := New(Limits{}).ID()
	if c := l.After("a", other[:], 1); !c.Truncated || c.Count != 1 {
		t.Errorf("position of another log: %+v", c)
	}
}

func TestWhatIsOldGoes(t *testing.T) {
	l := New(Limits{Entries: 3, Bytes: 100})
	id := l.ID()
	for i := range uint64(5) {
		add(l, "a", i+1, strconv.FormatUint(i+1, 10))
	}
	if d := cmp.Diff([]string{"3", "4", "5"}, bodies(l.Read("a", 0, nil, 100))); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if c := l.After("a", id[:], 1); !c.Truncated || c.Count != 3 {
		t.Errorf("after a position whose successor is gone: %+v", c)
	}
	if c := l.After("a", id[:], 2); c.Truncated || c.Count != 3 {
		t.Errorf("after a gone position whose successors are all there: %+v", c)
	}
	if c := l.Last("a", 4); !c.Truncated {
		t.Errorf("more than is kept was asked for: %+v", c)
	}
	add(l, "a", 6, string(make([]byte, 200)))
	if n := len(l.Read("a", 0, nil, 100)); n != 1 {
		t.Errorf("%d entries after one over the byte limit, want only the newest", n)
	}
	add(l, "a", 1, "1")
}

func TestAllRoomsTogetherAreBounded(t *testing.T) {
	l := New(Limits{Total: 100})
	id := l.ID()
	for i := range uint64(30) {
		add(l, "room"+strconv.FormatUint(i, 10), 1, "0123456789")
	}
	kept := 0
	for i := range uint64(30) {
		name := "room" + strconv.FormatUint(i, 10)
		n := len(l.Read(name, 0, nil, 10))
		kept += n
		if want := min(1, int(i)/20); n != want {
			t.Errorf("room %d: %d entries, want %d", i, n, want)
		}
		if c := l.After(name, id[:], 0); c.Truncated != (n == 0) {
			t.Errorf("room %d: %+v", i, c)
		}
	}
	if kept*10 != l.bytes || l.bytes > 100 || len(l.oldest) > 11 {
		t.Errorf("%d entries are kept, %d bytes, %d places", kept, l.bytes, len(l.oldest))
	}
	for i := range uint64(1000) { // one busy room
		add(l, "busy", i, "x")
	}
	quiet := New(Limits{Entries: 2})
	add(quiet, "quiet", 1, "x")
	for i := range uint64(100_000) {
		add(quiet, "busy", i, "x")
	}
	if n := len(quiet.oldest); n > 3*slack {
		t.Errorf("%d places are kept of 3 entries", n)
	}
	if len(l.Read("busy", 0, nil, 1000)) != 100 || l.bytes != 100 {
		t.Errorf("%d bytes, %d entries of the busy room", l.bytes, len(l.Read("busy", 0, nil, 1000)))
	}
}
