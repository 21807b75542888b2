package roomlog

import (
	"context"
	"database/sql"
	"time"
)

// trim removes what is over the limits, in one transaction. It tells whether there may be more.
func (w *writer) trim(now time.Time) bool {
	l := &w.limits
	l.full = w.overTotal()
	if w.refuses(now) != nil || len(l.over) == 0 && !l.full {
		l.owed = 0
		return false
	}
	of := l.someOver()
	removed, begun := 0, false
	err := w.transact(func() (err error) {
		begun = true
		if of == nil {
			removed, err = w.trimAll(now)
			return err
		}
		l.over[of] = true // it was taken out where this is the second try
		removed, err = w.trimRoom(now, of)
		return err
	})
	if begun && damaged(err) {
		w.spare(of, err)
		return true
	}
	w.judge(now, err)
	if err != nil {
		if of != nil {
			l.over[of] = true // what was undone is still to be done
		}
		return false
	}
	l.owed = max(0, l.owed-removed)
	if l.gone <= maxGone {
		l.gone += removed
	}
	l.trimmed = true
	w.checkpointDue(now)
	return true
}

// someOver gives a room that is over a limit of its own; nil: there is none.
func (l *limits) someOver() *room {
	for r := range l.over {
		return r
	}
	return nil
}

// trimRoom removes the oldest entries of a room over its limits.
func (w *writer) trimRoom(now time.Time, r *room) (int, error) {
	k := w.keeps.keep(r.name)
	before := int64(0)
	if k.Age > 0 {
		before = now.Add(-k.Age).UnixNano()
	}
	w.enter(r)
	old, more, err := w.oldest(w.stmt.oldestOf, r.id)
	if err != nil {
		return 0, err
	}
	n, count, bytes := 0, r.count, r.bytes
	for ; n < len(old); n++ {
		r.oldest = w.limits.past.of(old[n].entry.Pos, old[n].entry.At)
		many := k.Entries > 0 && count > k.Entries || k.Bytes > 0 && bytes > k.Bytes
		aged := k.Age > 0 && r.oldest < before
		if !aged && (!many || count <= 1) {
			break
		}
		count--
		bytes -= int64(len(old[n].entry.Body))
	}
	if n < len(old) || !more {
		delete(w.limits.over, r)
	}
	if n == 0 {
		return 0, nil
	}
	r.oldest = 0 // the next one is looked at in its turn
	if _, err := w.stmt.remove.Exec(r.id, int64(old[n-1].entry.Pos)); err != nil {
		return 0, err
	}
	return n, w.removed(now, old[:n])
}

// trimAll removes the oldest entries of all, over the limit of all.
func (w *writer) trimAll(now time.Time) (int, error) {
	if !w.overTotal() {
		return 0, nil // another process may have erased much just now
	}
	old, _, err := w.oldest(w.stmt.oldestAll)
	if err != nil {
		return 0, err
	}
	n, entries, bytes := 0, w.limits.entries, w.limits.bytes
	for ; n < len(old) && entries > 1 && bytes > w.keeps.Total; n++ {
		entries--
		bytes -= int64(len(old[n].entry.Body))
	}
	if n == 0 {
		return 0, nil
	}
	if _, err := w.stmt.removeAll.Exec(int64(old[n-1].entry.Pos)); err != nil {
		return 0, err
	}
	return n, w.removed(now, old[:n])
}

// aged is an entry that may have to go.
type aged struct {
	room  int64
	entry Entry
}

// oldest reads the oldest entries, as many as one transaction removes; more tells that there may be others.
func (w *writer) oldest(s *sql.Stmt, args ...any) (old []aged, more bool, err error) {
	rows, err := s.Query(append(args, trimEntries)...)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = rows.Close() }() // after an error there is nothing to say
	bytes := 0
	for bytes < trimBytes && rows.Next() {
		var a aged
		var pos, id int64
		var sender []byte
		if err := rows.Scan(&a.room, &pos, &a.entry.At, &sender, &id, &a.entry.Type, &a.entry.Body); err != nil {
			return nil, false, err
		}
		bytes += len(a.entry.Body)
		a.entry.Pos, a.entry.ID = uint64(pos), uint64(id)
		copy(a.entry.Sender[:], sender)
		old = append(old, a)
	}
	return old, bytes >= trimBytes || len(old) >= trimEntries, rows.Err()
}

// removed keeps the keys of entries that were deleted, and tells their rooms.
func (w *writer) removed(now time.Time, old []aged) error {
	for i := range old {
		e := &old[i].entry
		if _, err := w.stmt.keepKey.Exec(old[i].room, e.Sender[:], int64(e.ID), int64(e.Pos), e.At, now.UnixNano(), e.digest()); err != nil {
			return err
		}
		r := w.byID[old[i].room]
		w.enter(r)
		r.cut = e.Pos
		r.added--
		r.addBytes -= int64(len(e.Body))
		w.frames += framesOfEntry + len(e.Body)/4096
	}
	for _, r := range w.touched {
		if err := w.foldRoom(r); err != nil {
			return err
		}
	}
	if w.limits.gone > maxGone {
		if _, err := w.stmt.dropKeys.Exec(now.UnixNano(), trimEntries); err != nil {
			return err
		}
		w.frames += framesOfKey * trimEntries
	}
	_, err := w.stmt.next.Exec(int64(w.last + 1))
	return err
}

// checkpointDue makes a checkpoint when much was written ahead.
func (w *writer) checkpointDue(now time.Time) {
	if w.frames >= maxFrames && w.failed == nil {
		w.checkpoint(now)
	}
}

// checkpoint brings what was written ahead to its place in the file. SQLite would do so by itself, and tell nobody of an error.
func (w *writer) checkpoint(now time.Time) {
	var busy, frames, done int
	err := w.stmt.checkpoint.QueryRowContext(context.Background()).Scan(&busy, &frames, &done)
	w.frames = min(max(0, frames-done), maxFrames/2) // what a reader still needs is tried again, not at once
	if err != nil {
		w.frames = 0 // not again with the next message
		w.judge(now, err)
	}
}

// giveBackPages makes the file smaller, when the limits have left much of it empty. It tells whether there may be more.
func (w *writer) giveBackPages(now time.Time) bool {
	if !w.limits.trimmed || w.limits.stuck || w.failed != nil || w.refused.cause != nil {
		return false
	}
	var free, pages int
	err := w.stmt.freePages.QueryRow().Scan(&free, &pages)
	if err == nil && (free < minFree || free < pages/freePart) {
		w.limits.trimmed = false
		return false
	}
	if err == nil {
		_, err = w.stmt.vacuum.Exec()
		w.frames += 2 * 256 // a page that is moved, and what points to it
	}
	if damaged(err) { // the pages of an index that was made anew stand in the way, for good
		w.limits.stuck = true
		w.log.Warn("room log: the empty pages of the file cannot be given back: it gets no smaller", "dir", w.options.Dir, "err", err)
		return false
	}
	w.judge(now, err)
	w.checkpointDue(now)
	return err == nil
}
