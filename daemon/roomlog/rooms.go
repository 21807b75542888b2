package roomlog

import (
	"context"
	"crypto/rand"
	"fmt"
)

// foldEvery is how many entries of a room are counted when a log is opened, at most: the row of the room counts the others.
const foldEvery = 256

func randomID() (id [16]byte) {
	_, _ = rand.Read(id[:]) // never fails
	return id
}

// roomsSQL reads what is known of each room. A room's row counts the entries up to the position folded.
const roomsSQL = `SELECT id, name, removed, count, bytes,
  coalesce((SELECT max(pos) FROM msg WHERE room=r.id), removed),
  (SELECT count(*) FROM msg WHERE room=r.id AND pos>r.folded),
  (SELECT coalesce(sum(length(body)), 0) FROM msg WHERE room=r.id AND pos>r.folded)
FROM room r`

// load reads what is kept in memory: at the beginning, and again when another process has changed the file.
func (w *writer) load(ctx context.Context) error {
	var id []byte
	var next uint64
	var erased int64
	const state = "SELECT (SELECT v FROM state WHERE k=?), (SELECT v FROM state WHERE k=?), (SELECT v FROM state WHERE k=?), (SELECT coalesce(max(pos), 0) FROM msg)"
	if err := w.conn.QueryRowContext(ctx, state, stateID, stateNext, stateErased).Scan(&id, &next, &erased, &w.last); err != nil {
		return err
	}
	if len(id) != len(w.id) {
		return fmt.Errorf("%w: its id has %d bytes", ErrCorrupt, len(id))
	}
	if w.byID == nil { // others read it
		w.id, w.byID = [16]byte(id), make(map[int64]*room)
	}
	w.last = max(w.last, next-1, w.next.Load()-min(1, w.next.Load()))
	w.next.Store(w.last + 1)
	w.erasures.Store(erased)
	if err := w.loadPast(ctx); err != nil {
		return err
	}
	if err := w.stmt.goneCount.QueryRowContext(ctx).Scan(&w.limits.gone); err != nil {
		return err
	}
	return w.loadRooms(ctx)
}

// loadPast reads what is known of what is no more, and of the entries' ages.
func (w *writer) loadPast(ctx context.Context) error {
	var forgotten uint64
	p := &w.limits.past
	const past = `SELECT coalesce((SELECT v FROM state WHERE k=?1), 0), coalesce((SELECT v FROM state WHERE k=?2), 0), coalesce((SELECT v FROM state WHERE k=?3), 0),
  coalesce((SELECT at FROM (SELECT pos, at FROM msg ORDER BY pos DESC LIMIT 1) WHERE pos>coalesce((SELECT v FROM state WHERE k=?1), 0)), 0)`
	var latest int64
	if err := w.conn.QueryRowContext(ctx, past, statePastPos, statePastAt, stateForgotten).Scan(&p.pos, &p.at, &forgotten, &latest); err != nil {
		return err
	}
	w.latest = max(w.latest, latest)
	w.forgotten.Store(forgotten)
	return nil
}

// loadRooms reads all before anything is changed: nobody waits for the disk.
func (w *writer) loadRooms(ctx context.Context) error {
	rows, err := w.conn.QueryContext(ctx, roomsSQL)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // after the last row it is closed
	var found []*room
	for rows.Next() {
		r := new(room)
		var count int
		var bytes int64
		if err := rows.Scan(&r.id, &r.name, &r.removed, &r.count, &r.bytes, &r.newest, &count, &bytes); err != nil {
			return err
		}
		r.count, r.bytes, r.unfolded = r.count+count, r.bytes+bytes, count
		found = append(found, r)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range found {
		if known := w.rooms[r.name]; known != nil {
			*known = *r
		} else {
			w.rooms[r.name], w.byID[r.id] = r, r
		}
	}
	w.recount()
	return rows.Err()
}

// foldTouched writes how much there is of each room of the transaction into its row, where that is worth it.
func (w *writer) foldTouched() error {
	for _, r := range w.touched {
		if r.unfolded+r.added < foldEvery {
			continue
		}
		if err := w.foldRoom(r); err != nil {
			return err
		}
	}
	return nil
}

// foldAll does so for all rooms.
func (w *writer) foldAll() error {
	for _, r := range w.rooms {
		if r.unfolded == 0 {
			continue
		}
		w.enter(r)
		if err := w.foldRoom(r); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) foldRoom(r *room) error {
	r.folded = true
	_, err := w.stmt.fold.Exec(int64(max(r.removed, r.cut)), int64(r.tail), r.count+r.added, r.bytes+r.addBytes, r.id)
	return err
}
