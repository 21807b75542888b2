package roomlog

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// settles waits until a room has so many entries.
func (l *testLog) settles(room string, n int) {
	l.t.Helper()
	eventually(l.t, "room "+room+" has "+strconv.Itoa(n)+" entries", func() bool { return len(l.all(room, 0)) == n })
}

func TestWhatIsOldGoes(t *testing.T) {
	l := begin(t, Options{Keep: Keep{Entries: 3, Bytes: 100}, Rooms: map[string]Keep{"b": {}}})
	id := l.ID()
	for i := range uint64(5) {
		l.add("a", i+1, strconv.FormatUint(i+1, 10))
	}
	for i := range uint64(5) {
		l.add("b", i+1, "-")
	}
	l.settles("a", 3)
	l.settles("b", 5)
	for range 2 {
		all := l.all("a", 0)
		if d := cmp.Diff([]string{"3", "4", "5"}, bodies(all)); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		for name, test := range map[string]struct {
			from From
			want Cursor
		}{
			"after a position whose successor is gone":                   {After(id[:], 1), Cursor{2, 3, 5, true}},
			"after the beginning":                                        {After(id[:], 0), Cursor{2, 3, 5, true}},
			"after a gone position whose successors are all there":       {After(id[:], 2), Cursor{2, 3, 5, false}},
			"after one that is there":                                    {After(id[:], 4), Cursor{4, 1, 5, false}},
			"after one of another log":                                   {After(nil, 4), Cursor{2, 3, 5, true}},
			"more than is kept":                                          {Last(4), Cursor{2, 3, 5, true}},
			"as many as are kept":                                        {Last(3), Cursor{2, 3, 5, false}},
			"from a time before the oldest that is kept":                 {Since(2), Cursor{2, 3, 5, true}},
			"from the time of the oldest, before which there may be one": {Since(3), Cursor{2, 3, 5, true}},
			"from a later time":                                          {Since(4), Cursor{3, 2, 5, false}},
		} {
			if got := l.seek("a", test.from); got != test.want {
				t.Errorf("%s: %+v, want %+v", name, got, test.want)
			}
		}
		chained(t, all, 2)
		l = l.again()
	}
	l.add("a", 6, string(make([]byte, 200)))
	l.settles("a", 1)
}

func TestARemovedMessageIsKnownWhenItComesAgain(t *testing.T) {
	l := begin(t, Options{Keep: Keep{Entries: 1}})
	first := l.add("a", 1, "one")
	l.add("a", 2, "two")
	l.settles("a", 1)
	for range 2 {
		r := l.append(message("a", 1, "one"))
		if !r.Duplicate || r.Err != nil || r.Entry.Pos != first.Pos || r.Entry.At != first.At {
			t.Errorf("a removed message came again: %+v, want position %d", r, first.Pos)
		}
		wants(t, l.append(message("a", 1, "other")).Err, ErrIDReused)
		l = l.again()
	}
	if d := cmp.Diff([]string{"two"}, bodies(l.all("a", 0))); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestAllRoomsTogetherAreBounded(t *testing.T) {
	l := begin(t, Options{Total: 100})
	id := l.ID()
	for i := range uint64(30) {
		l.add("room"+strconv.FormatUint(i, 10), 1, "0123456789")
	}
	eventually(t, "ten rooms are left", func() bool { return l.Count() == 10 })
	for range 2 {
		for i := range uint64(30) {
			name := "room" + strconv.FormatUint(i, 10)
			n := len(l.all(name, 0))
			if want := min(1, int(i)/20); n != want {
				t.Errorf("room %d: %d entries, want %d", i, n, want)
			}
			if c := l.seek(name, After(id[:], 0)); c.Truncated != (n == 0) || l.Newest(name) != i+1 {
				t.Errorf("room %d, newest %d: %+v", i, l.Newest(name), c)
			}
		}
		if rooms := l.Rooms(nil); len(rooms) != 10 || l.Count() != 10 {
			t.Errorf("rooms %q, %d in all", rooms, l.Count())
		}
		l = l.again()
	}
	l.add("large", 1, string(make([]byte, 1000)))
	eventually(t, "only the newest of all is left", func() bool { return l.Count() == 1 })
	l.settles("large", 1)
}

// TestPositionsAreNotGivenAgain empties the log by age and begins anew.
func TestPositionsAreNotGivenAgain(t *testing.T) {
	o := Options{Keep: Keep{Age: time.Hour}}
	l := begin(t, o)
	var last Entry
	for i := range uint64(1200) {
		l.Append(message("a", i, "x"), func(r Result) { last = r.Entry })
	}
	l.end() // they are of 1970
	l = reopen(t, l.options)
	l.settles("a", 0)
	if l.Newest("a") != last.Pos || l.Count() != 0 {
		t.Errorf("newest %d of an emptied room, want %d; %d rooms", l.Newest("a"), last.Pos, l.Count())
	}
	l = l.again()
	id := l.ID()
	if c := l.seek("a", After(id[:], last.Pos)); c != (Cursor{After: last.Pos, Newest: last.Pos}) {
		t.Errorf("after the newest of an emptied room: %+v", c)
	}
	if c := l.seek("a", After(id[:], last.Pos-1)); c != (Cursor{After: last.Pos, Newest: last.Pos, Truncated: true}) {
		t.Errorf("after one that is gone: %+v", c)
	}
	e := message("a", 5000, "new")
	e.At = time.Now().UnixNano()
	if r := l.append(e); r.Entry.Pos <= last.Pos || r.Entry.Prev != last.Pos {
		t.Errorf("position %d, prev %d, the last was %d", r.Entry.Pos, r.Entry.Prev, last.Pos)
	}
}

// TestLimitsHoldUnderLoad never lets the writer rest.
func TestLimitsHoldUnderLoad(t *testing.T) {
	l := begin(t, Options{Keep: Keep{Entries: 1000}, Total: 1 << 30})
	const n = 15_000
	most := 0
	done := make(chan struct{})
	for i := range uint64(n) {
		l.Append(message("a", i, "0123456789"), func(r Result) {
			if r.Err != nil {
				t.Error(r.Err)
			}
			if i%1000 == 0 {
				l.mu.Lock()
				most = max(most, l.rooms["a"].count)
				l.mu.Unlock()
			}
			if i == n-1 {
				close(done)
			}
		})
	}
	<-done
	if most > 1000+maxOwed+3*maxBatch {
		t.Errorf("%d entries at once, 1000 are to be kept", most)
	}
	l.settles("a", 1000)
	all := l.all("a", 0)
	chained(t, all, all[0].Prev)
	if all[len(all)-1].ID != n-1 {
		t.Errorf("the newest is %d", all[len(all)-1].ID)
	}
}

// TestTheWriteAheadLogIsBounded removes, and then erases, many messages whose keys lie all over their index.
func TestTheWriteAheadLogIsBounded(t *testing.T) {
	t.Logf("-seed %d", *seed)
	random := rand.New(rand.NewPCG(*seed, 2))
	n, most := 30_000, int64(80<<20) // several times as much without checkpoints
	if raceDetector {
		n, most = n/10, most/10
	}
	l := begin(t, Options{})
	for range n {
		e := message("a", random.Uint64(), "x")
		e.At = 0
		l.Append(e, func(Result) {})
	}
	e := message("b", 1, "x")
	l.append(e) // comes after them all
	o := l.options
	l.end()
	o.Keep.Entries = n / 2
	l = reopen(t, o)
	eventually(t, "the limits are kept", func() bool { // without reading, which would hold what is written ahead
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.rooms["a"].count == n/2
	})
	ahead := func() int64 {
		info, err := os.Stat(l.file() + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	if size := ahead(); size > most {
		t.Errorf("%d MiB are written ahead of removals", size>>20)
	}
	largest := int64(0)
	done := make(chan error, 1)
	go func() {
		_, err := EraseFrom(t.Context(), l.options.Dir, e.Sender)
		done <- err
	}()
	for tick := time.Tick(time.Millisecond); ; <-tick {
		largest = max(largest, ahead())
		select {
		case err := <-done:
			if err != nil || largest > most {
				t.Errorf("%d MiB were written ahead of an erasure, %v", largest>>20, err)
			}
			return
		default:
		}
	}
}
