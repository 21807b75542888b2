package roomlog

import (
	"context"
	"database/sql"
	"encoding/binary"
)

// Layout of a page of a table (sqlite.org/fileformat.html, 1.6): the offsets are those in its header.
const (
	leafOfTable  = 0x0d // the type, in the first byte: a page with entries
	cellCount    = 3
	contentStart = 5
	leafHeader   = 8
	fileHeader   = 100 // before the header of the first page
)

// scrub overwrites what SQLite leaves of moved entries. It zeroes what it deletes (secure_delete), but where it shares the entries of a page out among
// others, copies stay in the unused middle of the page.
func (e *eraser) scrub(ctx context.Context) error {
	var pages int
	if err := e.conn.QueryRowContext(ctx, "PRAGMA page_count").Scan(&pages); err != nil {
		return err
	}
	read, err := e.conn.PrepareContext(ctx, "SELECT data FROM sqlite_dbpage WHERE pgno=?")
	if err != nil {
		return err
	}
	defer func() { _ = read.Close() }() // it has only read
	for n := 1; n <= pages; n++ {
		data, err := page(ctx, read, n)
		if err != nil {
			return err
		}
		if clean(n, data) {
			continue
		}
		if err := inTransaction(ctx, e.conn, func() error { return e.clean(ctx, read, n) }); err != nil {
			return err
		}
		if err := e.ahead(ctx, 1); err != nil {
			return err
		}
	}
	return nil
}

// page reads a page as it is now; nil: it is no more.
func page(ctx context.Context, read *sql.Stmt, n int) (data []byte, err error) {
	err = read.QueryRowContext(ctx, n).Scan(&data)
	return data, ignore(err, sql.ErrNoRows)
}

// clean cleans a page, which may have changed since it was looked at.
func (e *eraser) clean(ctx context.Context, read *sql.Stmt, n int) error {
	data, err := page(ctx, read, n)
	if err != nil || clean(n, data) {
		return err
	}
	clear(unused(n, data))
	_, err = e.conn.ExecContext(ctx, "UPDATE sqlite_dbpage SET data=? WHERE pgno=?", data, n)
	return err
}

// clean tells whether there is nothing in the unused part of a page.
func clean(n int, data []byte) bool {
	for _, b := range unused(n, data) {
		if b != 0 {
			return false
		}
	}
	return true
}

// unused gives what lies between the pointers and the entries of a page of a table.
func unused(n int, data []byte) []byte {
	header := 0
	if n == 1 {
		header = fileHeader
	}
	if len(data) < header+leafHeader || data[header] != leafOfTable {
		return nil
	}
	from := header + leafHeader + 2*int(binary.BigEndian.Uint16(data[header+cellCount:]))
	to := int(binary.BigEndian.Uint16(data[header+contentStart:]))
	if from > to || to > len(data) {
		return nil
	}
	return data[from:to]
}
