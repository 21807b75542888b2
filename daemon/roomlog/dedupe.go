package roomlog

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
)

// repeated answers a message whose key is in the log already, or was until the limits removed its entry.
func (w *writer) repeated(r *room, e Entry) (Result, error) {
	first := Entry{Room: r.name, Sender: e.Sender, ID: e.ID}
	var crc int64
	err := w.stmt.byKey.QueryRow(r.id, e.Sender[:], int64(e.ID)).
		Scan(&first.Pos, &first.Prev, &first.At, &first.Nick, &first.Type, &crc, &first.Body)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return w.repeatedGone(r, e)
	case err != nil:
		return Result{}, err
	}
	var sum uint32
	if sum, w.scratch = first.checksum(w.scratch); int64(sum) != crc {
		return w.unreadable(first, errChecksum), nil
	}
	if first.Type != e.Type || !bytes.Equal(first.Body, e.Body) {
		return reused(first), nil
	}
	return Result{Entry: first, Duplicate: true}, nil
}

// repeatedGone answers a message whose entry was removed: only its key is there.
func (w *writer) repeatedGone(r *room, e Entry) (Result, error) {
	first := e
	first.Room, first.Prev = r.name, 0
	var digest []byte
	if err := w.stmt.goneByKey.QueryRow(r.id, e.Sender[:], int64(e.ID)).Scan(&first.Pos, &first.At, &digest); err != nil {
		return Result{}, err
	}
	if !bytes.Equal(digest, e.digest()) {
		return reused(first), nil
	}
	return Result{Entry: first, Duplicate: true}, nil
}

func reused(first Entry) Result {
	return Result{Err: fmt.Errorf("%w: %#x at position %d", ErrIDReused, first.ID, first.Pos)}
}

// unreadable refuses a message of which the first is damaged.
func (w *writer) unreadable(first Entry, cause error) Result {
	w.skip(first.Room, first.Pos, cause)
	return Result{Err: fmt.Errorf("%w: %#x at position %d", ErrUnreadable, first.ID, first.Pos)}
}

// refuseUnreadable refuses those messages of a batch whose first ones are on damaged pages. It is for a batch whose transaction has
// met one: SQLite ends it with that, so this works without one.
func (w *writer) refuseUnreadable(batch []request) {
	for i := range batch {
		e := &batch[i].entry
		r := w.rooms[e.Room]
		if r == nil || batch[i].refusal != nil {
			continue
		}
		key := []any{r.id, e.Sender[:], int64(e.ID)}
		cause := w.readBack(key)
		if !damaged(cause) {
			continue
		}
		first := Entry{Room: e.Room, ID: e.ID} // its position is in the index of the keys
		if err := w.stmt.posByKey.QueryRow(key...).Scan(&first.Pos); err != nil {
			continue
		}
		batch[i].refusal = w.unreadable(first, cause).Err
	}
}

// readBack reads the entry of a key.
func (w *writer) readBack(key []any) error {
	var e Entry
	var crc int64
	return w.stmt.byKey.QueryRow(key...).Scan(&e.Pos, &e.Prev, &e.At, &e.Nick, &e.Type, &crc, &e.Body)
}
