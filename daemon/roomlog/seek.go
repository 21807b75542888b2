package roomlog

import (
	"bytes"
	"database/sql"
	"errors"
	"math"
)

// From says where reading begins: [Last], [Since] or [After].
type From struct {
	kind  int
	n     uint64
	since int64
	logID []byte
}

const (
	fromLast = iota
	fromSince
	fromAfter
)

// Last is before the last n entries; with 0 after the newest.
func Last(n uint64) From { return From{kind: fromLast, n: n} }

// Since is before the first entry that is not older than the Unix time in ns.
func Since(unixNs int64) From { return From{kind: fromSince, since: unixNs} }

// After is after a position of the log with that id. A position of another log, or one whose successors are partly gone, is truncated: reading
// begins with the oldest entry.
func After(logID []byte, pos uint64) From { return From{kind: fromAfter, n: pos, logID: logID} }

// Cursor is a place to read from and what lies after it.
type Cursor struct {
	After     uint64 // for Read
	Count     uint64 // entries in (After, Newest]
	Newest    uint64 // position of the newest entry that can be read
	Truncated bool   // older entries that were asked for are gone
}

// Seek finds the place to read from in one consistent view of the log. What is committed later lies after Newest.
func (l *Log) Seek(name string, from From, done func(Cursor, error)) {
	l.ask(func(r *reader, err error) {
		var c Cursor
		if err == nil {
			c, err = r.seek(name, &from)
		}
		l.options.Deliver(func() { done(c, err) })
	})
}

func (r *reader) seek(name string, from *From) (c Cursor, err error) {
	next := r.next.Load()
	foreign := from.kind == fromAfter && (!bytes.Equal(from.logID, r.id[:]) || from.n >= next)
	nothing := Cursor{Truncated: from.kind == fromAfter && from.n > 0 && (foreign || from.n <= r.forgotten.Load())}
	if r.Newest(name) == 0 {
		return nothing, nil
	}
	err = r.snapshot(func() error {
		id, removed, err := r.place(name)
		if id == 0 || err != nil {
			c = nothing
			return err
		}
		for _, by := range [...]*lookups{&r.stmt.byRoom, &r.stmt.byKey} {
			v := view{reader: r, by: by, room: id, removed: removed}
			if err = v.load(name); err == nil {
				c, err = v.seek(name, from, foreign)
			}
			if !damaged(err) {
				break
			}
			r.suspect(err)
		}
		return err
	})
	return c, err
}

// view is a room in a snapshot.
type view struct {
	*reader
	by      *lookups
	room    int64
	newest  uint64 // of those that are not damaged
	removed uint64 // positions up to it were removed by the limits
}

func (v *view) load(name string) error {
	err := v.by.newest.QueryRow(v.room).Scan(&v.newest)
	v.newest = max(v.newest, v.removed)
	for tries := 0; err == nil && tries < pageEntries && v.newest > v.removed; tries++ {
		var found []Entry
		if found, err = v.entry(name, v.newest); len(found) > 0 { // who reads up to a damaged one would wait for it for ever
			break
		}
		if err == nil {
			v.newest, err = v.atMost(v.newest - 1)
		}
	}
	return err
}

func (v *view) seek(name string, from *From, foreign bool) (Cursor, error) {
	switch from.kind {
	case fromLast:
		return v.last(from.n)
	case fromSince:
		return v.since(name, from.since)
	}
	if foreign {
		return v.after(0, true)
	}
	first, err := v.atMost(from.n)
	forgotten := first == 0 && from.n > 0 && from.n <= v.forgotten.Load() // there was a room of that name before
	if err != nil {
		return Cursor{}, err
	}
	return v.after(from.n, from.n < v.removed || forgotten)
}

// after gives the cursor before the first entry after a position: where that entry says that the one before it is.
func (v *view) after(pos uint64, truncated bool) (Cursor, error) {
	c := Cursor{Newest: v.newest, Truncated: truncated}
	var err error
	if c.After, err = v.atMost(pos); err == nil {
		err = v.by.count.QueryRow(v.room, int64(c.After), int64(v.newest)).Scan(&c.Count)
	}
	return c, err
}

// atMost gives the newest position up to pos, or that up to which all were removed.
func (v *view) atMost(pos uint64) (found uint64, err error) {
	err = v.by.atMost.QueryRow(v.room, int64(min(pos, math.MaxInt64))).Scan(&found)
	return max(found, v.removed), err
}

func (v *view) last(n uint64) (Cursor, error) {
	if n == 0 {
		return Cursor{After: v.newest, Newest: v.newest}, nil
	}
	var first uint64
	err := v.by.lastN.QueryRow(v.room, int64(v.newest), int64(min(n, math.MaxInt64)-1)).Scan(&first)
	switch {
	case errors.Is(err, sql.ErrNoRows): // there are fewer
		return v.after(0, v.removed > 0)
	case err != nil:
		return Cursor{}, err
	}
	before, err := v.atMost(first - 1)
	return Cursor{After: before, Count: n, Newest: v.newest}, err
}

// since looks for the first entry that is not older by halving the room: times increase with the positions, but for a clock that was set back.
func (v *view) since(name string, at int64) (Cursor, error) {
	low, high := v.removed+1, v.newest+1 // nothing below low is wanted, nothing from high on is missed
	for low < high {
		middle := low + (high-low)/2
		e, err := v.next(name, middle)
		switch {
		case err != nil:
			return Cursor{}, err
		case e == nil || e.At >= at:
			high = middle
		default:
			low = e.Pos + 1
		}
	}
	c, err := v.after(low-1, false)
	c.Truncated = v.removed > 0 && c.After == v.removed // everything that is kept is asked for
	return c, err
}

// next gives the first entry from a position on that is not damaged, of the next ones; nil: there is none.
func (v *view) next(name string, pos uint64) (*Entry, error) {
	for range pageEntries {
		err := v.by.next.QueryRow(v.room, int64(pos)).Scan(&pos)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		es, err := v.entry(name, pos)
		if err != nil {
			return nil, err
		}
		if len(es) > 0 {
			return &es[0], nil
		}
		pos++
	}
	return nil, nil
}
