package roomlog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// eraseEntries is how many entries are erased in one transaction, so that a running daemon waits for no more than these.
const eraseEntries = 200

// eraser erases for one call.
type eraser struct {
	conn   *sql.Conn
	now    time.Time
	frames int // written ahead since the last checkpoint, about
}

// Erase removes one message for good, in whatever room it is: its text is in the file no more. It works beside a running daemon. n is 0
// when there is no message at that position; what an earlier call has left undone is finished all the same.
func Erase(ctx context.Context, dir string, pos uint64) (n int, err error) {
	return erase(ctx, dir, func(e *eraser) ([]int64, error) {
		return e.positions(ctx, "SELECT pos FROM msg WHERE pos=?", int64(pos))
	})
}

// EraseFrom removes all messages of a sender for good, as Erase does.
func EraseFrom(ctx context.Context, dir string, sender [32]byte) (n int, err error) {
	const find = "SELECT m.pos FROM room r CROSS JOIN msg m WHERE m.room=r.id AND m.sender=? LIMIT ?"
	return erase(ctx, dir, func(e *eraser) ([]int64, error) { return e.positions(ctx, find, sender[:], eraseEntries) })
}

// erase removes what find gives until it gives nothing.
func erase(ctx context.Context, dir string, find func(*eraser) ([]int64, error)) (n int, err error) {
	db, conn, err := attach(ctx, dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	defer func() { err = errors.Join(err, conn.Close()) }()
	e := &eraser{conn: conn, now: time.Now()}
	for {
		found := 0
		err = inTransaction(ctx, conn, func() error {
			positions, err := find(e)
			found = len(positions)
			if found == 0 || err != nil {
				return err
			}
			return e.all(ctx, positions)
		})
		if found == 0 || err != nil {
			break
		}
		n += found
		if err = e.ahead(ctx, 2*framesOfEntry*found); err != nil { // each repairs its neighbour as well
			break
		}
	}
	if err == nil {
		err = e.finish(ctx, truncatePatience)
	}
	return n, err
}

// ahead counts pages that were written ahead, and brings them to their place when they are many.
func (e *eraser) ahead(ctx context.Context, frames int) error {
	if e.frames += frames; e.frames < maxFrames {
		return nil
	}
	e.frames = 0
	_, err := e.conn.ExecContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)")
	return err
}

// finish has no text of erased entries in the files, whoever has erased them: a command may have ended before it came to that.
func (e *eraser) finish(ctx context.Context, patience time.Duration) error {
	var erased, scrubbed int64
	const due = "SELECT (SELECT v FROM state WHERE k=?), coalesce((SELECT v FROM state WHERE k=?), 0)"
	err := e.conn.QueryRowContext(ctx, due, stateErased, stateClean).Scan(&erased, &scrubbed)
	if err != nil || erased == scrubbed {
		return err
	}
	if err := e.scrub(ctx); err != nil {
		return err
	}
	if err := truncateAhead(ctx, e.conn, patience); err != nil {
		return err
	}
	const done = "INSERT INTO state(k, v) VALUES (?, ?) ON CONFLICT(k) DO UPDATE SET v=max(v, excluded.v)"
	_, err = e.conn.ExecContext(ctx, done, stateClean, erased) // what was erased in the meantime is still due
	return err
}

// attach connects a command to a log that is there, beside a daemon or not.
func attach(ctx context.Context, dir string) (*sql.DB, *sql.Conn, error) {
	path := filepath.Join(dir, fileName)
	if _, err := os.Stat(path); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, nil, fmt.Errorf("%w in %s", ErrNoLog, dir)
		}
		return nil, nil, err
	}
	db, err := connect(path, 1)
	if err != nil {
		return nil, nil, err
	}
	conn, err := db.Conn(ctx)
	if err == nil {
		var found int
		if found, err = schemaVersion(ctx, conn); err == nil && found != version {
			err = fmt.Errorf("%w: its schema has version %d: start the daemon once, which brings it to %d", ErrCorrupt, found, version)
		}
	}
	if err != nil {
		return nil, nil, errors.Join(advise(path, err), db.Close())
	}
	return db, conn, nil
}

func (e *eraser) positions(ctx context.Context, query string, args ...any) (all []int64, err error) {
	rows, err := e.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return scanPositions(rows)
}

// scanPositions reads rows of one position each, and closes them.
func scanPositions(rows *sql.Rows) (all []int64, err error) {
	defer func() { _ = rows.Close() }() // after an error there is nothing to say
	for rows.Next() {
		var pos int64
		if err := rows.Scan(&pos); err != nil {
			return nil, err
		}
		all = append(all, pos)
	}
	return all, rows.Err()
}

// all erases entries, and tells a running daemon.
func (e *eraser) all(ctx context.Context, positions []int64) error {
	for _, pos := range positions {
		if err := e.one(ctx, pos); err != nil {
			return fmt.Errorf("position %d: %w", pos, err)
		}
	}
	_, err := e.conn.ExecContext(ctx, "UPDATE state SET v=v+1 WHERE k=?", stateErased)
	return err
}

// one erases an entry: its key stays, with what tells the same message from another, and the entry after it names the one before it.
func (e *eraser) one(ctx context.Context, pos int64) error {
	row, err := e.row(ctx, "SELECT "+rowColumns+" WHERE m.pos=?", pos)
	if err != nil {
		return err
	}
	m := &row.entry
	for _, s := range []struct {
		query string
		args  []any
	}{
		{keepKeySQL, []any{row.room, m.Sender[:], int64(m.ID), pos, m.At, e.now.UnixNano(), m.digest()}},
		{"DELETE FROM msg WHERE pos=?", []any{pos}},
		{"UPDATE room SET count=count-1, bytes=bytes-? WHERE id=? AND folded>=?", []any{len(m.Body), row.room, pos}},
		{"UPDATE state SET v=max(v, ?+1) WHERE k=?", []any{pos, stateNext}},
	} {
		if _, err := e.conn.ExecContext(ctx, s.query, s.args...); err != nil {
			return err
		}
	}
	return e.mend(ctx, row)
}

// mend repairs the chain behind an erased entry.
func (e *eraser) mend(ctx context.Context, erased *stored) error {
	next, err := e.row(ctx, "SELECT "+rowColumns+" WHERE m.room=? AND m.pos>? ORDER BY m.pos LIMIT 1", erased.room, int64(erased.entry.Pos))
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	sum, scratch := next.entry.checksum(nil)
	if int64(sum) == next.crc { // a damaged one stays as it is
		next.entry.Prev = erased.entry.Prev
		sum, _ = next.entry.checksum(scratch)
	}
	_, err = e.conn.ExecContext(ctx, "UPDATE msg SET prev=?, crc=? WHERE pos=?", int64(erased.entry.Prev), int64(sum), int64(next.entry.Pos))
	return err
}

// stored is a row of the table msg.
type stored struct {
	room  int64
	crc   int64
	entry Entry
}

const rowColumns = "r.id, r.name, m.pos, m.prev, m.at, m.sender, m.id, m.nick, m.type, m.crc, m.body FROM msg m JOIN room r ON r.id=m.room"

func (e *eraser) row(ctx context.Context, query string, args ...any) (*stored, error) {
	s := &stored{}
	m := &s.entry
	var sender []byte
	var id int64
	err := e.conn.QueryRowContext(ctx, query, args...).
		Scan(&s.room, &m.Room, &m.Pos, &m.Prev, &m.At, &sender, &id, &m.Nick, &m.Type, &s.crc, &m.Body)
	m.ID = uint64(id)
	copy(m.Sender[:], sender)
	return s, err
}

// truncatePatience is how long it is tried to empty the write-ahead log, which waits for those who read.
const truncatePatience = 20 * time.Second

// truncateAhead empties the write-ahead log, in which erased messages still are.
func truncateAhead(ctx context.Context, conn *sql.Conn, patience time.Duration) error {
	for late := time.Now().Add(patience); ; {
		var busy, frames, done int
		err := conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &done)
		switch {
		case err != nil:
			return err
		case busy == 0:
			return nil
		case time.Now().After(late):
			return fmt.Errorf("%w: the messages are erased, but their text is still in the file beside it: somebody has been reading for %v; erase again, or restart the daemon",
				ErrBusy, patience)
		}
	}
}
