package roomlog

import (
	"context"
	"database/sql"
	"maps"
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
	begin, end, page, one, erased, room *sql.Stmt
	byRoom, byKey                       lookups
}

// lookups find positions in a room, without reading entries: by the index of the rooms, or, where that is damaged, by the one of the keys, which takes
// a look at all keys of the room for each.
type lookups struct {
	positions, newest, count, lastN, next, atMost *sql.Stmt
}

// in gives the text of the lookups by an index.
func (l *lookups) in(index string) map[**sql.Stmt]string {
	from := " FROM msg INDEXED BY " + index + " WHERE room=?"
	return map[**sql.Stmt]string{
		&l.positions: "SELECT pos" + from + " AND pos>? ORDER BY pos LIMIT ?",
		&l.newest:    "SELECT coalesce(max(pos), 0)" + from,
		&l.count:     "SELECT count(*)" + from + " AND pos>? AND pos<=?",
		&l.lastN:     "SELECT pos" + from + " AND pos<=? ORDER BY pos DESC LIMIT 1 OFFSET ?",
		&l.next:      "SELECT pos" + from + " AND pos>=? ORDER BY pos LIMIT 1",
		&l.atMost:    "SELECT coalesce(max(pos), 0)" + from + " AND pos<=?",
	}
}

func newReader(ctx context.Context, l *Log) (*reader, error) {
	conn, err := newSession(ctx, l.readDB)
	if err != nil {
		return nil, err
	}
	l.sessions = append(l.sessions, conn)
	r := &reader{Log: l}
	s := &r.stmt
	const columns = "SELECT pos, prev, at, sender, id, nick, type, crc, body FROM msg "
	all := map[**sql.Stmt]string{
		&s.begin: "BEGIN", &s.end: "ROLLBACK",
		&s.page:   columns + "INDEXED BY msg_room WHERE room=? AND pos>? ORDER BY pos LIMIT ?",
		&s.one:    columns + "WHERE pos=?",
		&s.erased: "SELECT v FROM state WHERE k='" + stateErased + "'",
		&s.room:   "SELECT id, removed FROM room WHERE name=?",
	}
	maps.Copy(all, s.byRoom.in("msg_room"))
	maps.Copy(all, s.byKey.in("msg_id"))
	return r, conn.prepare(ctx, all)
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

// place gives the row of a room in the snapshot, and up to where its entries were removed; 0: there is nothing to read.
func (r *reader) place(name string) (id int64, removed uint64, err error) {
	err = r.stmt.room.QueryRow(name).Scan(&id, &removed)
	return id, removed, ignore(err, sql.ErrNoRows)
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
	if r.Newest(name) == 0 {
		return nil, nil
	}
	err = r.snapshot(func() error {
		id, _, err := r.place(name)
		if id != 0 && err == nil {
			page, err = r.page(name, id, after)
		}
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

// page reads a page. When SQLite cannot read on because a part of the file is damaged, be it of an index, the entries are read one by one, as far as
// they can be.
func (r *reader) page(name string, id int64, after uint64) ([]Entry, error) {
	for {
		page, last, err := r.rows(name, after, r.stmt.page, id, int64(min(after, math.MaxInt64)), pageEntries)
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

// rows reads the entries that a query gives, and tells the position of the last it has seen.
func (r *reader) rows(name string, after uint64, query *sql.Stmt, args ...any) (page []Entry, last uint64, err error) {
	last = after
	rows, err := query.Query(args...)
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

// single reads a page entry by entry; their positions come from an index.
func (r *reader) single(name string, id int64, after uint64) (page []Entry, last uint64, err error) {
	positions, err := r.positions(id, after)
	last = after
	for _, p := range positions {
		pos := uint64(p)
		es, err := r.entry(name, pos)
		if err != nil {
			return page, last, err
		}
		page = append(page, es...)
		last = pos
	}
	return page, last, err
}

// entry reads one entry; none: it is damaged.
func (r *reader) entry(name string, pos uint64) ([]Entry, error) {
	es, last, err := r.rows(name, pos-1, r.stmt.one, int64(pos))
	if err == nil && last != pos { // an index has it, so noise has taken its place
		err = errNoRow
	}
	if damaged(err) {
		r.skip(name, pos, err)
		return nil, nil
	}
	return es, err
}

// positions gives the positions of a page.
func (r *reader) positions(id int64, after uint64) (all []int64, err error) {
	for _, by := range [...]*lookups{&r.stmt.byRoom, &r.stmt.byKey} {
		var rows *sql.Rows
		if rows, err = by.positions.Query(id, int64(min(after, math.MaxInt64)), pageEntries); err == nil {
			all, err = scanPositions(rows)
		}
		if !damaged(err) {
			break
		}
		r.suspect(err)
	}
	return all, err
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
