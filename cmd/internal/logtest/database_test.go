//go:build linux

package logtest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// database is the file of the room log.
func (w *world) database() string { return filepath.Join(w.state, "messages.db") }

// sqlite has the stock sqlite3 run a query on a file, without writing to it.
func (w *world) sqlite(file, query string) (string, error) {
	o, err := w.tool("sqlite3", "-readonly", file, query)
	if err == nil && o.code != 0 {
		err = fmt.Errorf("sqlite3 %s: exit code %d, %s", query, o.code, o.stderr)
	}
	return o.stdout(), err
}

// sound has SQLite check a file.
func (w *world) sound(file string) error {
	said, err := w.sqlite(file, "PRAGMA integrity_check")
	if err == nil && said != "ok" {
		err = fmt.Errorf("integrity_check of %s: %s", filepath.Base(file), said)
	}
	return err
}

// folded checks that a daemon that was stopped has left all in one file, which can be copied.
func (w *world) folded() error {
	info, err := os.Stat(w.database() + "-wal")
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err == nil && info.Size() > 0:
		err = fmt.Errorf("the daemon has stopped and left %d bytes in messages.db-wal", info.Size())
	}
	return err
}

// holding gives the files of the state folder in which a text is.
func (w *world) holding(text string) (names []string, err error) {
	err = filepath.WalkDir(w.state, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(text)) {
			names = append(names, filepath.Base(path))
		}
		return err
	})
	return names, err
}

// digest tells whether a file was changed.
func digest(file string) ([sha256.Size]byte, error) {
	b, err := os.ReadFile(file)
	return sha256.Sum256(b), err
}
