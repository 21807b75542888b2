package roomlog

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"testing"
)

// FuzzLog has a log append, read, seek and begin again in any order, beside a model of it: a slice of each room.
func FuzzLog(f *testing.F) {
	f.Add([]byte{0, 1, 0, 2, 4, 0, 1, 1, 2, 1, 3, 0, 5, 1})
	f.Add([]byte{0, 1, 0, 2, 8, 3, 0, 3, 7, 0, 6, 0, 4, 1, 0, 1, 1, 2, 8, 0, 5, 0})
	f.Fuzz(func(t *testing.T, ops []byte) {
		dir, err := os.MkdirTemp("/dev/shm", "yodel-log-") // it syncs in no time
		if err != nil {
			dir = t.TempDir()
		}
		defer func() { _ = os.RemoveAll(dir) }()
		x := &fuzzLog{t: t, l: reopen(t, Options{Dir: dir})}
		defer func() { x.l.end() }()
		for n := 0; len(ops) >= 2 && n < 60; n++ {
			x.step(int(ops[0])%7, int(ops[1]))
			ops = ops[2:]
		}
	})
}

type fuzzLog struct {
	t     *testing.T
	l     *testLog
	model [3][]Entry
}

func (x *fuzzLog) step(op, n int) {
	room := n % len(x.model)
	name, there := "room"+strconv.Itoa(room), x.model[room]
	switch op {
	case 0, 1: // a message, or one that is there already, or another under its id
		id, body := uint64(n), "a"
		if op == 1 {
			body = "b"
		}
		x.append(room, message(name, id, body))
	case 2:
		x.same(name, there, x.l.all(name, 0))
	case 3: // after a position of it
		if len(there) > 0 {
			i := n % len(there)
			x.same(name, there[i+1:], x.l.all(name, there[i].Pos))
		}
	case 4:
		c := x.l.seek(name, Last(uint64(n%5)))
		x.same(name, there[max(0, len(there)-n%5):], x.l.all(name, c.After))
	case 5:
		id := x.l.ID()
		c := x.l.seek(name, After(id[:], uint64(n)))
		first := slices.IndexFunc(there, func(e Entry) bool { return e.Pos > uint64(n) })
		if first < 0 {
			first = len(there)
		}
		if !c.Truncated {
			x.same(name, there[first:], x.l.all(name, c.After))
		}
	case 6:
		x.l = x.l.again()
	}
}

// append appends to the log and to the model.
func (x *fuzzLog) append(room int, e Entry) {
	r := x.l.append(e)
	at := slices.IndexFunc(x.model[room], func(o Entry) bool { return o.ID == e.ID })
	switch {
	case at < 0:
		if r.Err != nil || r.Duplicate {
			x.t.Fatalf("a new message: %v, duplicate %v", r.Err, r.Duplicate)
		}
		if n := len(x.model[room]); n > 0 && (r.Entry.Prev != x.model[room][n-1].Pos || r.Entry.Pos <= r.Entry.Prev) {
			x.t.Fatalf("%d after %d, want after %d", r.Entry.Pos, r.Entry.Prev, x.model[room][n-1].Pos)
		}
		x.model[room] = append(x.model[room], r.Entry)
	case string(x.model[room][at].Body) == string(e.Body):
		if r.Err != nil || !r.Duplicate || r.Entry.Pos != x.model[room][at].Pos {
			x.t.Fatalf("a message that was there at %d: %+v", x.model[room][at].Pos, r)
		}
	case !errors.Is(r.Err, ErrIDReused):
		x.t.Fatalf("another message under an id: %v", r.Err)
	}
}

// same compares what is read with the model.
func (x *fuzzLog) same(name string, want, got []Entry) {
	if !slices.EqualFunc(want, got, func(a, b Entry) bool { return a.Pos == b.Pos && a.Prev == b.Prev && string(a.Body) == string(b.Body) }) {
		x.t.Fatalf("%s: %d entries %v, want %d %v", name, len(got), bodies(got), len(want), bodies(want))
	}
}
