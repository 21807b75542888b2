package roomlog

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	fileName = "messages.db"
	// magic is how each file of SQLite begins (sqlite.org/fileformat.html, 1.3).
	magic = "SQLite format 3\x00"
)

// source names a file for the driver, with the settings that all connections share and some more.
func source(path string, more ...string) string {
	q := url.Values{"mode": {"rw"}, "_pragma": append([]string{
		"busy_timeout(5000)", "journal_mode(wal)", "journal_size_limit(16777216)", "secure_delete(on)",
		"synchronous(full)", "temp_store(memory)", "trusted_schema(off)", "wal_autocheckpoint(0)",
	}, more...)}
	u := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	return u.String()
}

// connect opens connections to the file; n of them at most.
func connect(path string, n int, more ...string) (*sql.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", source(path, more...))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

// makeFile makes an empty file that only its owner reads, if there is none. SQLite gives the files beside it the same owner and mode. empty: nothing
// is in it yet.
func makeFile(path string) (empty bool, err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return false, unwritable(path, err)
	}
	head := make([]byte, len(magic))
	n, err := io.ReadFull(file, head)
	err = errors.Join(ignore(err, io.EOF, io.ErrUnexpectedEOF), file.Close())
	if err == nil && n > 0 && string(head) != magic {
		err = fmt.Errorf("%w: it does not begin like a database", ErrCorrupt)
	}
	return n == 0, err
}

// ignore gives nil for the expected errors.
func ignore(err error, expected ...error) error {
	for _, e := range expected {
		if errors.Is(err, e) {
			return nil
		}
	}
	return err
}

// syncFolder makes sure that the names of new files are on the disk.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// resultCode gives the extended result code of SQLite (sqlite.org/rescode.html); 0: the error is none of its.
func resultCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()
	}
	return 0
}

// damaged tells that SQLite does not understand the file.
func damaged(err error) bool {
	switch resultCode(err) & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT:
		return true
	}
	return errors.Is(err, ErrCorrupt)
}

// advise says what to do about an error of opening.
func advise(path string, err error) error {
	switch {
	case err == nil:
		return nil
	case damaged(err):
		return fmt.Errorf("%w: %s: restore a backup of it, or move it (with %s-wal and %s-shm) away and a new log begins: %w",
			ErrCorrupt, path, path, path, err)
	case diskFull(filepath.Dir(path), err):
		return fmt.Errorf("%w: there is no space left on the disk of %s: make room: %w", ErrUnwritable, path, err)
	case resultCode(err)&0xff == sqlite3.SQLITE_READONLY:
		return fmt.Errorf("%w: the daemon needs to write %s: %w", ErrUnwritable, path, err)
	}
	return fmt.Errorf("%s: %w", path, err)
}
