package roomlog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// copyGap is how far the positions move on when a copy is opened while the clock is behind them.
const copyGap = 1 << 32

// Backup copies the log of a state folder into a new file of mode 0600, beside a running daemon or without one: what is committed when it begins. The
// copy has no free pages. It replaces no file: ErrExists.
func Backup(ctx context.Context, dir, file string) (err error) {
	if file, err = filepath.Abs(file); err != nil {
		return err
	}
	db, conn, err := attach(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	defer func() { err = errors.Join(err, conn.Close()) }()
	part := file + ".part"
	if _, err = os.Lstat(file); err == nil {
		return fmt.Errorf("%w: %s", ErrExists, file)
	}
	if err = reserve(part); err != nil {
		return err
	}
	defer func() { _ = os.Remove(part) }() // it is not whole, or has its name
	if _, err = conn.ExecContext(ctx, "VACUUM INTO ?", part); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if err = markCopy(ctx, part); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if err = syncFile(part); err != nil {
		return err
	}
	if err = publish(part, file); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(file))
}

// publish gives a whole copy its name, unless there is a file of that name.
func publish(part, file string) error {
	err := os.Link(part, file)
	if err == nil {
		return nil
	}
	if !errors.Is(err, os.ErrExist) { // the file system has no links
		if err = reserve(file); err == nil {
			return os.Rename(part, file)
		}
		return err
	}
	return fmt.Errorf("%w: %s", ErrExists, file)
}

// reserve makes an empty file that was not there.
func reserve(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%w: %s", ErrExists, path)
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// markCopy has whoever opens a copy move its positions on.
func markCopy(ctx context.Context, path string) (err error) {
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path}).String())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, "INSERT OR REPLACE INTO state(k, v) VALUES (?, 1)", stateCopy)
	return err
}

// moveOn sets the next position of a copy that is opened first, and takes the mark off: to the Unix time in µs, which lies behind all that were given
// since the copy was made, be it by the log itself or by the same copy when it was restored before. (No log stores a million messages each second.)
func moveOn(ctx context.Context, c execer, now time.Time) error {
	const next = "UPDATE state SET v=(SELECT iif(n<?1, ?1, n+?2) FROM (SELECT max(v, (SELECT coalesce(max(pos), 0)+1 FROM msg)) AS n)) " +
		"WHERE k=?3 AND EXISTS (SELECT 1 FROM state WHERE k=?4)"
	if _, err := c.ExecContext(ctx, next, now.UnixMicro(), int64(copyGap), stateNext, stateCopy); err != nil {
		return err
	}
	_, err := c.ExecContext(ctx, "DELETE FROM state WHERE k=?", stateCopy)
	return err
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
