package roomlog

import (
	"context"
	"database/sql"
	"slices"
	"time"
)

// Bounds of a transaction.
const (
	maxBatch      = 1024
	maxBatchBytes = 1 << 20
)

// writer is the goroutine that owns the only connection which writes.
type writer struct {
	*Log
	*session
	stmt    writes
	byID    map[int64]*room
	last    uint64 // the newest position of all, with those of the transaction under way
	latest  int64  // the highest time of those entries that were appended since the past was set, or opened with
	version int64  // PRAGMA data_version: changes when another process has changed the file
	scratch []byte
	results []outcome // of the transaction under way
	touched []*room   // in the transaction under way
	refused readOnly
	failed  error // nothing is stored any more
	rebuilt bool  // the indexes, or they cannot be
	wrote   bool  // the last transaction has committed a change of the entries
	frames  int   // of the write-ahead log since the last checkpoint, about
	limits  limits
	keeps   Rules

	timer     *time.Timer
	polled    time.Time
	mendAgain time.Time // when indexes that a reader suspects are to be made anew, at the earliest
	busyUntil time.Time // until then it is looked every second whether another process has changed the file
}

// writes are the prepared statements of the writer.
type writes struct {
	begin, commit, rollback, dataVersion     *sql.Stmt
	insert, room, byKey, posByKey, goneByKey *sql.Stmt
	setState, forgetRoom                     *sql.Stmt
	fold, next, checkpoint                   *sql.Stmt

	oldest, oldestOf, oldestAll, remove, removeAll *sql.Stmt
	keepKey, goneCount, dropKeys                   *sql.Stmt
	freePages, vacuum                              *sql.Stmt
}

// outcome is a result and who waits for it.
type outcome struct {
	done   func(Result)
	result Result
}

// insertSQL inserts no second entry of a key: one that is there breaks the unique index, and one that is gone has no body, which breaks NOT NULL. So it is
// one statement of one row, which needs no journal of its own to be undone.
const insertSQL = `INSERT OR IGNORE INTO msg(pos, prev, room, at, sender, id, nick, type, crc, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,
  CASE WHEN EXISTS (SELECT 1 FROM gone WHERE room=?3 AND sender=?5 AND id=?6) THEN NULL ELSE ?10 END)`

// newWriter opens the connection, prepares the schema and reads the rooms.
func newWriter(ctx context.Context, l *Log) (w *writer, err error) {
	w = &writer{Log: l, limits: limits{spared: make(map[*room]bool)}, keeps: Rules{l.options.Keep, l.options.Rooms, l.options.Total}}
	if w.session, err = newSession(ctx, l.writeDB); err != nil {
		return nil, err
	}
	l.sessions = append(l.sessions, w.session)
	newID := randomID()
	if err = prepare(ctx, w.conn, newID[:]); err != nil {
		return nil, err
	}
	if err = w.prepareAll(ctx); err != nil {
		return nil, err
	}
	begin := func() error {
		if err := moveOn(ctx, w.conn, time.Now()); err != nil {
			return err
		}
		if err := w.load(ctx); err != nil {
			return err
		}
		return w.stmt.dataVersion.QueryRowContext(ctx).Scan(&w.version)
	}
	return w, w.mended(func() error { return inTransaction(ctx, w.conn, begin) })
}

func (w *writer) prepareAll(ctx context.Context) error {
	s := &w.stmt
	return w.prepare(ctx, map[**sql.Stmt]string{
		&s.begin: "BEGIN IMMEDIATE", &s.commit: "COMMIT", &s.rollback: "ROLLBACK", &s.dataVersion: "PRAGMA data_version",
		&s.insert:     insertSQL,
		&s.room:       "INSERT INTO room(name) VALUES (?)",
		&s.byKey:      "SELECT pos, prev, at, nick, type, crc, body FROM msg WHERE room=? AND sender=? AND id=?",
		&s.posByKey:   "SELECT pos FROM msg INDEXED BY msg_id WHERE room=? AND sender=? AND id=?",
		&s.goneByKey:  "SELECT pos, at, digest FROM gone WHERE room=? AND sender=? AND id=?",
		&s.fold:       "UPDATE room SET removed=?, folded=?, count=?, bytes=? WHERE id=?",
		&s.next:       "UPDATE state SET v=? WHERE k='" + stateNext + "'",
		&s.setState:   "INSERT INTO state(k, v) VALUES (?, ?) ON CONFLICT(k) DO UPDATE SET v=excluded.v",
		&s.forgetRoom: forgetRoomSQL,
		&s.checkpoint: "PRAGMA wal_checkpoint(PASSIVE)",
		&s.oldest:     "SELECT pos, at FROM msg WHERE room=? ORDER BY pos LIMIT 1",
		&s.oldestOf:   "SELECT room, pos, at, sender, id, type, body FROM msg WHERE room=? ORDER BY pos LIMIT ?",
		&s.oldestAll:  "SELECT room, pos, at, sender, id, type, body FROM msg ORDER BY pos LIMIT ?",
		&s.remove:     "DELETE FROM msg WHERE room=? AND pos<=?",
		&s.removeAll:  "DELETE FROM msg WHERE pos<=?",
		&s.keepKey:    keepKeySQL,
		&s.goneCount:  "SELECT count(*) FROM gone",
		&s.dropKeys:   dropKeysSQL,
		&s.freePages:  "SELECT freelist_count, page_count FROM pragma_freelist_count, pragma_page_count",
		&s.vacuum:     "PRAGMA incremental_vacuum(256)",
	})
}

// run commits what comes until the log is closed, and keeps the file in order beside it.
func (w *writer) run() {
	w.timer = time.NewTimer(0) // the limits may be others than before
	defer w.timer.Stop()
	for {
		select {
		case <-w.appends.kick:
		case <-w.timer.C:
		}
		w.takeRules()
		items, over := w.appends.take()
		w.commitAll(items)
		w.appends.giveBack(items)
		if over {
			break
		}
		now := time.Now()
		if len(items) > 0 {
			w.busyUntil = now.Add(pollFor)
		}
		w.idle(now, len(items) > 0)
		w.timer.Reset(w.patience(now))
	}
	if w.failed == nil {
		_ = w.transact(w.foldAll) // what is not folded is counted again
	}
}

// commitAll commits in as few transactions as the bounds allow.
func (w *writer) commitAll(items []request) {
	for len(items) > 0 {
		n, bytes := 0, 0
		for n < min(maxBatch, len(items)) && (n == 0 || bytes+len(items[n].entry.Body) <= maxBatchBytes) {
			bytes += len(items[n].entry.Body)
			n++
		}
		w.commit(items[:n])
		w.appends.finished(items[:n])
		items = items[n:]
		w.keepUp(time.Now())
	}
}

// commit stores messages in one transaction, or refuses them all, and hands over what became of them.
func (w *writer) commit(batch []request) {
	w.results = make([]outcome, 0, len(batch))
	err := w.refuses(time.Now())
	switch {
	case err != nil:
	case refusalsOnly(batch):
		err = w.store(batch) // needs no transaction, and does not wait for one
	default:
		w.figures.commits.Add(1)
		store := func() error { return w.store(batch) }
		if err = w.try(store); damaged(err) {
			w.refuseUnreadable(batch)
			err = w.transact(store)
		}
		w.judge(time.Now(), err)
		err = w.refusal(err)
	}
	if err == nil {
		w.figures.observe(batch, w.results)
	}
	if err != nil {
		w.results = w.results[:0]
		for i := range batch {
			w.results = append(w.results, outcome{batch[i].done, Result{Err: err}})
		}
	}
	results := w.results
	w.options.Deliver(func() {
		for i := range results {
			results[i].done(results[i].result)
		}
	})
}

// refusalsOnly tells that nothing of a batch is to be stored.
func refusalsOnly(batch []request) bool {
	return !slices.ContainsFunc(batch, func(r request) bool { return r.refusal == nil })
}

// transact runs f in a transaction and makes what it did to the rooms known, or undoes all. Where it meets a damaged index it runs f again with a new one:
// what f changes in memory beside the rooms it has to begin anew.
func (w *writer) transact(f func() error) error {
	return w.mended(func() error { return w.try(f) })
}

func (w *writer) try(f func() error) error {
	ctx := context.Background()
	if _, err := w.stmt.begin.ExecContext(ctx); err != nil {
		return err
	}
	err := w.noticeOthers(ctx)
	if err == nil {
		err = f()
	}
	if err == nil {
		_, err = w.stmt.commit.ExecContext(ctx)
	}
	if err != nil {
		_, _ = w.stmt.rollback.ExecContext(ctx) // SQLite may have done so
	}
	w.settle(err == nil)
	return err
}

// settle ends the transaction in memory.
func (w *writer) settle(committed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrote = false
	for _, r := range w.touched {
		switch {
		case committed:
			w.wrote = w.wrote || r.added != 0
			r.newest, r.count, r.bytes, r.removed = r.tail, r.count+r.added, r.bytes+r.addBytes, max(r.removed, r.cut)
			r.unfolded += r.added
			w.limits.settled(r, w.keeps.keep(r.name))
			if r.folded {
				r.unfolded = 0
			}
		case r.made || r.id == 0:
			w.drop(r) // there never was one
		}
		r.touched, r.made, r.folded, r.cut, r.added, r.addBytes = false, false, false, 0, 0, 0
	}
	w.touched = w.touched[:0]
	if committed {
		w.next.Store(w.last + 1)
	}
	w.last = w.next.Load() - 1
}

// store inserts messages.
func (w *writer) store(batch []request) error {
	w.results = w.results[:0]
	for i := range batch {
		res, err := Result{Err: batch[i].refusal}, error(nil)
		if res.Err == nil {
			res, err = w.insert(batch[i].entry)
		}
		if err != nil {
			return err
		}
		w.results = append(w.results, outcome{batch[i].done, res})
	}
	return w.foldTouched()
}

// insert stores one message, unless its key is there.
func (w *writer) insert(e Entry) (Result, error) {
	r, err := w.touch(e.Room)
	if err != nil {
		return Result{}, err
	}
	if e.Body == nil {
		e.Body = []byte{} // nil is NULL
	}
	e.Room, e.Pos, e.Prev = r.name, w.last+1, r.tail
	var crc uint32
	crc, w.scratch = e.checksum(w.scratch)
	res, err := w.stmt.insert.Exec(int64(e.Pos), int64(e.Prev), r.id, e.At, e.Sender[:], int64(e.ID), e.Nick, e.Type, int64(crc), e.Body)
	if err != nil {
		return Result{}, err
	}
	if n, err := res.RowsAffected(); n == 0 || err != nil {
		return w.repeated(r, e)
	}
	w.last, w.latest = e.Pos, max(w.latest, e.At)
	r.tail = e.Pos
	r.added++
	r.addBytes += int64(len(e.Body))
	w.frames += 3 + len(e.Body)/4096
	return Result{Entry: e}, nil
}

// touch gives a room for the transaction under way, with a row.
func (w *writer) touch(name string) (*room, error) {
	r := w.rooms[name] // only the writer changes the map
	if r == nil {
		r = &room{name: name}
		w.mu.Lock()
		w.rooms[name] = r
		w.mu.Unlock()
	}
	w.enter(r)
	if r.id != 0 {
		return r, nil
	}
	res, err := w.stmt.room.Exec(name)
	if err != nil {
		return nil, err
	}
	id, err := res.LastInsertId()
	w.mu.Lock()
	r.id, r.made, w.byID[id] = id, true, r
	w.mu.Unlock()
	return r, err
}

// enter notes that the transaction under way may change a room.
func (w *writer) enter(r *room) {
	if !r.touched {
		r.touched, r.tail = true, r.newest
		w.touched = append(w.touched, r)
	}
}
