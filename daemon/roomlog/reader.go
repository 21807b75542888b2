package roomlog

import (
	"context"
	"database/sql"
	"math"
)

// Bounds of a page. One entry is always in it.
const (
	pageEntries = 256
	pageBytes   = 128 << 10
)

// reader is a goroutine with a connection of its own.
type reader struct {
	*Log
	stmt    queries
	scratch []byte
}

// queries are the prepared statements of a reader.
type queries struct {
	begin, end, page, positions, erased         *sql.Stmt
	newest, removed, count, lastN, from, atMost *sql.Stmt
}

func newReader(ctx context.Context, l *Log) (*reader, error) {
	conn, err := newSession(ctx, l.readDB)
	if err != nil {
		return nil, err
	}
	l.sessions = append(l.sessions, conn)
	r := &reader{Log: l}
	s := &r.stmt
	return r, conn.prepare(ctx, map[**sql.Stmt]string{
		&s.begin: "BEGIN", &s.end: "ROLLBACK",
		&s.page:      "SELECT pos, prev, at, sender, id, nick, type, crc, body FROM msg WHERE room=? AND pos>? ORDER BY pos LIMIT ?",
		&s.positions: "SELECT pos FROM msg WHERE room=? AND pos>? ORDER BY pos LIMIT ?",
		&s.erased:    "SELECT v FROM state WHERE k='" + stateErased + "'",
		&s.removed:   "SELECT removed FROM room WHERE id=?",
		&s.newest:    "SELECT coalesce(max(pos), 0) FROM msg WHERE room=?",
		&s.count:     "SELECT count(*) FROM msg WHERE room=? AND pos>? AND pos<=?",
		&s.lastN:     "SELECT pos FROM msg WHERE room=? AND pos<=? ORDER BY pos DESC LIMIT 1 OFFSET ?",
		&s.from:      "SELECT pos, at FROM msg WHERE room=? AND pos>=? ORDER BY pos LIMIT 1",
		&s.atMost:    "SELECT coalesce(max(pos), 0) FROM msg WHERE room=? AND pos<=?",
	})
}

func (r *reader) run() {
	for {
		t, ok := r.reads.next()
		if !ok {
			return
		}
		t(r, nil)
	}
}

// place gives the row of a room and its newest position; 0: there is nothing to read.
func (l *Log) place(name string) (id int64, newest uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.rooms[name]; r != nil && r.newest > 0 {
		return r.id, r.newest
	}
	return 0, 0
}

// Read reads a page of a room: the entries after a position, oldest first, at most 256 or about 128 KiB of bodies; none when there are none. Damaged entries
// are left out.
func (l *Log) Read(name string, after uint64, done func([]Entry, error)) {
	l.ask(func(r *reader, err error) {
		var page []Entry
		if err == nil {
			page, err = r.read(name, after)
		}
		l.options.Deliver(func() { done(page, err) })
	})
}

// ask hands work to a reader.
func (l *Log) ask(t task) {
	if !l.reads.push(t) {
		t(nil, ErrClosed)
	}
}

func (r *reader) read(name string, after uint64) (page []Entry, err error) {
	id, _ := r.place(name)
	if id == 0 {
		return nil, nil
	}
	err = r.snapshot(func() error {
		page, err = r.page(name, id, after)
		return err
	})
	return page, err
}

// snapshot runs f, which sees the file as it is now until it returns. The owner forgets what another process has erased before.
func (r *reader) snapshot(f func() error) error {
	if _, err := r.stmt.begin.Exec(); err != nil {
		return err
	}
	defer func() { _, _ = r.stmt.end.Exec() }() // it has changed nothing
	var erased int64
	if err := r.stmt.erased.QueryRow().Scan(&erased); err != nil {
		return err
	}
	if r.erasures.Swap(erased) != erased {
		r.forget()
		r.appends.wake() // the writer knows the rooms as they were
	}
	return f()
}

// page reads a page. When SQLite cannot read on because a part of the file is damaged, the entries are read one by one, as far as they can be.
func (r *reader) page(name string, id int64, after uint64) ([]Entry, error) {
	for {
		page, last, err := r.rows(name, id, after, pageEntries)
		if damaged(err) && len(page) == 0 {
			page, last, err = r.single(name, id, after)
		}
		if damaged(err) && len(page) > 0 {
			err = nil // the next page begins there
		}
		if err != nil || len(page) > 0 || last == after {
			return page, err
		}
		after = last // all of them were damaged
	}
}

// rows reads at most n entries, and tells the position of the last it has seen.
func (r *reader) rows(name string, id int64, after uint64, n int) (page []Entry, last uint64, err error) {
	last = after
	rows, err := r.stmt.page.Query(id, int64(min(after, math.MaxInt64)), n)
	if err != nil {
		return nil, last, err
	}
	defer func() { _ = rows.Close() }() // after an error there is nothing to say
	for bytes := 0; bytes < pageBytes && rows.Next(); {
		e, intact, err := r.scan(rows, name)
		if err != nil {
			return page, last, err
		}
		last = e.Pos
		if !intact {
			r.skip(name, e.Pos, errChecksum)
			continue
		}
		bytes += len(e.Body)
		page = append(page, e)
	}
	return page, last, rows.Err()
}

// single reads a page entry by entry; their positions come from the index.
func (r *reader) single(name string, id int64, after uint64) (page []Entry, last uint64, err error) {
	positions, err := r.positions(id, after)
	last = after
	for _, p := range positions {
		pos := uint64(p)
		es, _, err := r.rows(name, id, pos-1, 1)
		if err != nil && !damaged(err) {
			return page, last, err
		}
		if damaged(err) {
			r.skip(name, pos, err)
		}
		page = append(page, es...)
		last = pos
	}
	return page, last, err
}

func (r *reader) positions(id int64, after uint64) ([]int64, error) {
	rows, err := r.stmt.positions.Query(id, int64(after), pageEntries)
	if err != nil {
		return nil, err
	}
	return scanPositions(rows)
}

// scan reads a row, and tells whether its checksum is right.
func (r *reader) scan(rows *sql.Rows, name string) (e Entry, intact bool, err error) {
	var sender sql.RawBytes
	var pos, prev, id, crc int64
	if err = rows.Scan(&pos, &prev, &e.At, &sender, &id, &e.Nick, &e.Type, &crc, &e.Body); err != nil {
		return e, false, err
	}
	e.Room, e.Pos, e.Prev, e.ID = name, uint64(pos), uint64(prev), uint64(id)
	copy(e.Sender[:], sender)
	var sum uint32
	sum, r.scratch = e.checksum(r.scratch)
	return e, int64(sum) == crc, nil
}
