package roomlog

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"slices"
	"sort"
)

// Limits of what is kept. Zero means the default.
type Limits struct {
	Entries int // messages of one room; default 10,000
	Bytes   int // bodies of one room; default 16 MiB
	Total   int // bodies of all rooms; default 256 MiB
}

const (
	defaultEntries = 10_000
	defaultBytes   = 16 << 20
	defaultTotal   = 256 << 20
	// slack is how many places of dropped entries are not worth a clearing.
	slack = 1024
)

// Entry is one message of a room. Its Body belongs to the log and is not to be changed.
type Entry struct {
	Room   string
	Pos    uint64   // its position
	Prev   uint64   // the position before it in the room; 0: none
	Sender [32]byte // fingerprint of the identity
	ID     uint64   // the sender's own id; (Room, Sender, ID) is unique
	Nick   string
	Type   string // media type; empty: text/plain
	Body   []byte
	At     int64 // Unix time in ns
}

// Result is the outcome of one Append.
type Result struct {
	Entry     Entry // as it is in the log
	Duplicate bool  // it was there before: Entry is the first one
	Err       error // ErrIDReused; nothing was added
}

// Log is the log of all rooms.
type Log struct {
	id     [16]byte
	limits Limits
	last   uint64
	bytes  int // of all rooms
	count  int // entries of all rooms
	rooms  map[string]*room
	oldest []place // of all entries, in order; those that a room has dropped by itself are skipped
}

// place is where an entry is.
type place struct {
	room *room
	pos  uint64
}

type room struct {
	entries []Entry
	bytes   int
	newest  uint64
	dropped bool // something older has gone
	keys    map[key]uint64
}

type key struct {
	sender [32]byte
	id     uint64
}

// New makes an empty log with a random id.
func New(limits Limits) *Log {
	if limits.Entries == 0 {
		limits.Entries = defaultEntries
	}
	if limits.Bytes == 0 {
		limits.Bytes = defaultBytes
	}
	if limits.Total == 0 {
		limits.Total = defaultTotal
	}
	l := &Log{limits: limits, rooms: make(map[string]*room)}
	_, _ = rand.Read(l.id[:]) // never fails
	return l
}

// ID is the log's own id.
func (l *Log) ID() [16]byte { return l.id }

// Append adds a message; Pos and Prev of e are given by the log. done is called once the outcome stands,
// perhaps before Append returns.
func (l *Log) Append(e Entry, done func(Result)) {
	r := l.rooms[e.Room]
	if r == nil {
		r = &room{keys: make(map[key]uint64)}
		l.rooms[e.Room] = r
	}
	k := key{e.Sender, e.ID}
	if pos, again := r.keys[k]; again {
		done(r.repeated(pos, e))
		return
	}
	l.last++
	e.Pos, e.Prev = l.last, r.newest
	r.newest = e.Pos
	r.keys[k] = e.Pos
	r.entries = append(r.entries, e)
	r.bytes += len(e.Body)
	l.bytes += len(e.Body)
	l.count++
	l.oldest = append(l.oldest, place{r, e.Pos})
	l.trim(r)
	done(Result{Entry: e})
}

func (r *room) repeated(pos uint64, e Entry) Result {
	first := r.entries[r.after(pos-1)]
	if first.Type != e.Type || !bytes.Equal(first.Body, e.Body) {
		return Result{Err: fmt.Errorf("%w: %#x at position %d", ErrIDReused, e.ID, pos)}
	}
	return Result{Entry: first, Duplicate: true}
}

// trim drops the oldest entries of the room over its limits, and then the oldest of all over theirs. The newest
// entry always stays.
func (l *Log) trim(r *room) {
	for len(r.entries) > 1 && (len(r.entries) > l.limits.Entries || r.bytes > l.limits.Bytes) {
		l.drop(r)
	}
	for len(l.oldest) > 1 && (l.bytes > l.limits.Total || l.oldest[0].gone()) {
		if first := l.oldest[0]; !first.gone() {
			l.drop(first.room)
		}
		l.oldest = l.oldest[1:] // append moves to a new array when this one is full
	}
	if len(l.oldest) > 2*l.count+slack {
		l.oldest = slices.DeleteFunc(l.oldest, place.gone)
	}
}

// gone tells whether the entry has been dropped.
func (p place) gone() bool { return len(p.room.entries) == 0 || p.room.entries[0].Pos > p.pos }

// drop drops the oldest entry of a room.
func (l *Log) drop(r *room) {
	e := &r.entries[0]
	r.bytes -= len(e.Body)
	l.bytes -= len(e.Body)
	l.count--
	delete(r.keys, key{e.Sender, e.ID})
	*e = Entry{}
	r.entries = r.entries[1:]
	r.dropped = true
}

// after gives the index of the first entry whose position is over pos.
func (r *room) after(pos uint64) int {
	return sort.Search(len(r.entries), func(i int) bool { return r.entries[i].Pos > pos })
}

// Read appends to dst the entries of a room after the position, oldest first, at most limit.
func (l *Log) Read(name string, after uint64, dst []Entry, limit int) []Entry {
	r := l.rooms[name]
	if r == nil {
		return dst
	}
	from := r.after(after)
	return append(dst, r.entries[from:min(from+limit, len(r.entries))]...)
}

// Cursor is a place to read from and what lies after it.
type Cursor struct {
	After     uint64 // for Read
	Count     uint64 // entries after it
	Truncated bool   // older entries that were asked for are gone
}

// Newest gives the position of the newest entry of a room; 0 when there is none.
func (l *Log) Newest(name string) uint64 {
	if r := l.rooms[name]; r != nil {
		return r.newest
	}
	return 0
}

// Last gives the cursor before the last n entries.
func (l *Log) Last(name string, n int) Cursor {
	r := l.rooms[name]
	if r == nil {
		return Cursor{}
	}
	from := max(0, len(r.entries)-n)
	return r.cursor(from, r.dropped && n > len(r.entries))
}

// Since gives the cursor before the first entry that is not older than the Unix time in ns.
func (l *Log) Since(name string, unixNano int64) Cursor {
	r := l.rooms[name]
	if r == nil {
		return Cursor{}
	}
	from := slices.IndexFunc(r.entries, func(e Entry) bool { return e.At >= unixNano })
	if from < 0 {
		from = len(r.entries)
	}
	return r.cursor(from, r.dropped && from == 0)
}

// After gives the cursor after a position of the log with that id. A position of another log, or one whose
// successors are partly gone, is truncated: the cursor stands before the oldest entry.
func (l *Log) After(name string, logID []byte, pos uint64) Cursor {
	r := l.rooms[name]
	foreign := !bytes.Equal(logID, l.id[:])
	if r == nil {
		return Cursor{Truncated: foreign && pos > 0}
	}
	if foreign || pos > l.last {
		return r.cursor(0, true)
	}
	from := r.after(pos)
	before := r.newest // the position before the oldest that is kept
	if len(r.entries) > 0 {
		before = r.entries[0].Prev
	}
	return r.cursor(from, pos < before)
}

func (r *room) cursor(from int, truncated bool) Cursor {
	c := Cursor{After: r.newest, Count: uint64(len(r.entries) - from), Truncated: truncated}
	if from < len(r.entries) {
		c.After = r.entries[from].Prev
	}
	return c
}

// Rooms appends the names of all rooms that have entries.
func (l *Log) Rooms(dst []string) []string {
	for name := range l.rooms {
		dst = append(dst, name)
	}
	return dst
}
