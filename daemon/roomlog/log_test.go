package roomlog

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPositionsIncreaseAndChain(t *testing.T) {
	l := begin(t, Options{})
	var prev uint64
	for i := range uint64(5) {
		e := l.add("a", i+1, "x")
		l.add("b", i+1, "y")
		if e.Pos <= prev || e.Prev != prev {
			t.Fatalf("entry %d: pos %d prev %d, the one before was %d", i, e.Pos, e.Prev, prev)
		}
		prev = e.Pos
	}
	if l.Newest("a") != prev || l.Newest("none") != 0 {
		t.Errorf("newest %d, want %d", l.Newest("a"), prev)
	}
	rooms := l.Rooms(nil)
	slices.Sort(rooms)
	if d := cmp.Diff([]string{"a", "b"}, rooms); d != "" || l.Count() != 2 {
		t.Errorf("%d rooms: (-want +got)\n%s", l.Count(), d)
	}
	if n := l.erased.Load(); n > 0 {
		t.Errorf("the owner was told %d times that somebody has changed the log", n)
	}
}

func TestEverythingOfAMessageIsKept(t *testing.T) {
	l := begin(t, Options{})
	e := Entry{Room: "r\x00ü", Sender: [32]byte{0: 1, 31: 255}, ID: 1<<64 - 1, Nick: "Ä", Type: "text/markdown", Body: []byte{0, 255, 10}, At: -5}
	want := l.append(e).Entry
	l.append(Entry{Room: "empty"})
	for range 2 {
		if d := cmp.Diff([]Entry{want}, l.all(e.Room, 0)); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		if d := cmp.Diff([]string{""}, bodies(l.all("empty", 0))); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		id := l.ID()
		l = l.again()
		if l.ID() != id {
			t.Error("the log has another id after a restart")
		}
	}
}

func TestSameIDIsOneEntry(t *testing.T) {
	l := begin(t, Options{})
	first := l.add("a", 7, "x")
	for range 2 {
		again := l.append(message("a", 7, "x"))
		if !again.Duplicate || again.Entry.Pos != first.Pos || again.Entry.At != first.At {
			t.Errorf("a repeated message got %+v, want %+v", again, first)
		}
		wants(t, l.append(message("a", 7, "other")).Err, ErrIDReused)
		other := message("a", 7, "x")
		other.Type = "text/html"
		wants(t, l.append(other).Err, ErrIDReused)
		l = l.again()
	}
	if r := l.append(message("b", 7, "x")); r.Duplicate || r.Err != nil {
		t.Error("the same id in another room is another message")
	}
	if n := len(l.all("a", 0)); n != 1 {
		t.Errorf("%d entries, want 1", n)
	}
}

// TestABatchIsInOrder appends at once what then is in few transactions, with repetitions.
func TestABatchIsInOrder(t *testing.T) {
	l := begin(t, Options{})
	const n = 3000
	type seen struct {
		i int
		r Result
	}
	got := make(chan seen, 2*n)
	for i := range n {
		room := "room" + strconv.Itoa(i%7)
		for range 2 {
			l.Append(message(room, uint64(i), strconv.Itoa(i)), func(r Result) { got <- seen{i, r} })
		}
	}
	var last uint64
	for i := range n {
		first, second := <-got, <-got
		if first.i != i || second.i != i || first.r.Err != nil || second.r.Err != nil || first.r.Duplicate || !second.r.Duplicate {
			t.Fatalf("message %d: %+v, then %+v", i, first, second)
		}
		if first.r.Entry.Pos <= last || second.r.Entry.Pos != first.r.Entry.Pos {
			t.Fatalf("message %d: positions %d and %d after %d", i, first.r.Entry.Pos, second.r.Entry.Pos, last)
		}
		last = first.r.Entry.Pos
	}
	for room := range 7 {
		var want []string
		for i := room; i < n; i += 7 {
			want = append(want, strconv.Itoa(i))
		}
		all := l.all("room"+strconv.Itoa(room), 0)
		if d := cmp.Diff(want, bodies(all)); d != "" {
			t.Fatalf("room %d: (-want +got)\n%s", room, d)
		}
		chained(t, all, 0)
	}
}

// chained checks that each entry names the one before it.
func chained(t testing.TB, all []Entry, before uint64) {
	t.Helper()
	for i, e := range all {
		if e.Prev != before || e.Pos <= before {
			t.Fatalf("entry %d: pos %d, prev %d, the one before is %d", i, e.Pos, e.Prev, before)
		}
		before = e.Pos
	}
}

func TestCursors(t *testing.T) {
	l := begin(t, Options{})
	id := l.ID()
	for i := range uint64(5) {
		l.add("a", i+1, strconv.FormatUint(i+1, 10))
		l.add("b", i+1, "-")
	}
	third := l.all("a", 0)[2].Pos
	for range 2 {
		for name, c := range map[string]struct {
			from From
			want []string
		}{
			"last 2":       {Last(2), []string{"4", "5"}},
			"last 5":       {Last(5), []string{"1", "2", "3", "4", "5"}},
			"last 99":      {Last(99), []string{"1", "2", "3", "4", "5"}},
			"last of all":  {Last(1<<64 - 1), []string{"1", "2", "3", "4", "5"}},
			"last 0":       {Last(0), nil},
			"since 4":      {Since(4), []string{"4", "5"}},
			"since ever":   {Since(-1), []string{"1", "2", "3", "4", "5"}},
			"since never":  {Since(99), nil},
			"after third":  {After(id[:], third), []string{"4", "5"}},
			"after b":      {After(id[:], third+1), []string{"4", "5"}},
			"after start":  {After(id[:], 0), []string{"1", "2", "3", "4", "5"}},
			"after newest": {After(id[:], l.Newest("a")), nil},
			"after b's":    {After(id[:], l.Newest("b")), nil},
		} {
			got := l.seek("a", c.from)
			all := l.all("a", got.After)
			if d := cmp.Diff(c.want, bodies(all)); d != "" {
				t.Errorf("%s: (-want +got)\n%s", name, d)
			}
			chained(t, all, got.After)
			if got.Truncated || got.Count != uint64(len(c.want)) || got.Newest != l.Newest("a") {
				t.Errorf("%s: %+v, want %d entries, nothing truncated", name, got, len(c.want))
			}
		}
		l = l.again()
	}
	for _, from := range []From{Last(3), Since(3), After(id[:], 2), After(nil, 0)} {
		if c := l.seek("unknown", from); c != (Cursor{}) {
			t.Errorf("unknown room: %+v", c)
		}
	}
}

func TestForeignPositionIsTruncated(t *testing.T) {
	l := begin(t, Options{})
	e := l.add("a", 1, "1")
	id := l.ID()
	for name, from := range map[string]From{
		"of another log":      After(make([]byte, 16), 1),
		"of the far future":   After(id[:], e.Pos+1),
		"without an id":       After(nil, 1),
		"beyond all integers": After(id[:], 1<<64-1),
	} {
		if c := l.seek("a", from); !c.Truncated || c.Count != 1 || c.After != 0 {
			t.Errorf("position %s: %+v", name, c)
		}
		if c := l.seek("unknown", from); !c.Truncated || c.Count != 0 {
			t.Errorf("position %s, unknown room: %+v", name, c)
		}
	}
}

func TestPagesAreBounded(t *testing.T) {
	l := begin(t, Options{})
	for i := range uint64(600) {
		l.Append(message("small", i, "x"), func(Result) {})
	}
	for i := range uint64(20) {
		l.Append(message("large", i, string(make([]byte, 50_000))), func(Result) {})
	}
	l.add("huge", 1, string(make([]byte, 300_000)))
	for room, want := range map[string]string{"small": "[256 256 88]", "large": "[3 3 3 3 3 3 2]", "huge": "[1]"} {
		var sizes []int
		for after := uint64(0); ; {
			page, err := l.page(room, after)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			sizes = append(sizes, len(page))
			after = page[len(page)-1].Pos
		}
		if got := fmt.Sprint(sizes); got != want {
			t.Errorf("%s: pages of %s, want %s", room, got, want)
		}
	}
}

func TestAClosedLogRefuses(t *testing.T) {
	l := begin(t, Options{})
	l.add("a", 1, "x")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	wants(t, l.append(message("a", 2, "y")).Err, ErrClosed)
	_, err := l.page("a", 0)
	wants(t, err, ErrClosed)
	if l = l.again(); len(l.all("a", 0)) != 1 {
		t.Error("an entry is lost, or one is too many")
	}
}

func TestCloseCommitsWhatWaits(t *testing.T) {
	l := begin(t, Options{})
	const n = 5000
	stored := 0
	for i := range uint64(n) {
		l.Append(message("a", i, "x"), func(r Result) {
			if r.Err == nil {
				stored++
			}
		})
	}
	l = l.again()
	if stored != n || len(l.all("a", 0)) != n {
		t.Errorf("%d receipts, %d entries, want %d", stored, len(l.all("a", 0)), n)
	}
}
