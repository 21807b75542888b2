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
	err := w.stmt.byKey.QueryRow(r.id, e.Sender[:], int64(e.ID)).
		Scan(&first.Pos, &first.Prev, &first.At, &first.Nick, &first.Type, &first.Body)
	same := first.Type == e.Type && bytes.Equal(first.Body, e.Body)
	if errors.Is(err, sql.ErrNoRows) {
		var digest []byte
		err = w.stmt.goneByKey.QueryRow(r.id, e.Sender[:], int64(e.ID)).Scan(&first.Pos, &first.At, &digest)
		first.Nick, first.Type, first.Body = e.Nick, e.Type, e.Body
		same = bytes.Equal(digest, e.digest())
	}
	switch {
	case err != nil:
		return Result{}, err
	case !same:
		return Result{Err: fmt.Errorf("%w: %#x at position %d", ErrIDReused, e.ID, first.Pos)}, nil
	}
	return Result{Entry: first, Duplicate: true}, nil
}
