package roomlog

import (
	"context"
	"database/sql"
	"fmt"
)

// version is the user_version of the present schema.
const version = 1

// schema is that of a new log.
const schema = `
CREATE TABLE state(k TEXT PRIMARY KEY, v NOT NULL) WITHOUT ROWID;
CREATE TABLE room(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
  removed INTEGER NOT NULL DEFAULT 0,
  folded INTEGER NOT NULL DEFAULT 0, count INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0);
CREATE TABLE msg(
  pos INTEGER PRIMARY KEY, prev INTEGER NOT NULL, room INTEGER NOT NULL, at INTEGER NOT NULL,
  sender BLOB NOT NULL, id INTEGER NOT NULL, nick TEXT NOT NULL, type TEXT NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL);
` + indexes + schemaGone

// schemaGone is what version 1 has and version 0 had not.
const schemaGone = `
CREATE TABLE gone(
  room INTEGER NOT NULL, sender BLOB NOT NULL, id INTEGER NOT NULL,
  pos INTEGER NOT NULL, at INTEGER NOT NULL, removed INTEGER NOT NULL, digest BLOB NOT NULL,
  PRIMARY KEY(room, sender, id)) WITHOUT ROWID;
CREATE INDEX gone_removed ON gone(removed);
`

// Keys of the table state.
const (
	stateID     = "log_id"   // 16 bytes
	stateNext   = "next_pos" // every position given so far is below it, or below or at that of the newest entry
	stateErased = "erased"   // how often another process has erased
	stateClean  = "scrubbed" // what stateErased was when all copies of erased texts were overwritten last; not there: 0
	// Entries up to position past_pos are as old as past_at at least; not there: 0.
	statePastPos, statePastAt = "past_pos", "past_at"
	stateForgotten            = "forgotten" // rooms that were forgotten had no position behind it; not there: 0
	stateCopy                 = "copy"      // there in a backup that was not opened yet: its positions have to move on
)

// execer is a connection or a transaction.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// inTransaction runs f in a transaction that may write.
func inTransaction(ctx context.Context, c execer, f func() error) error {
	if _, err := c.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := f()
	if err == nil {
		_, err = c.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		_, _ = c.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") // it may have been rolled back already
	}
	return err
}

// prepare makes the schema of an empty file, or brings an older one to the present version.
func prepare(ctx context.Context, c execer, newID []byte) error {
	found, err := schemaVersion(ctx, c)
	if err != nil || found == version {
		return err
	}
	return inTransaction(ctx, c, func() error {
		tables := 0
		if err := c.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
			return err
		}
		if tables > 0 {
			return migrate(ctx, c)
		}
		return create(ctx, c, newID)
	})
}

// schemaVersion gives the version of a file, which is not newer than this program.
func schemaVersion(ctx context.Context, c execer) (int, error) {
	found := 0
	if err := c.QueryRowContext(ctx, "PRAGMA user_version").Scan(&found); err != nil {
		return 0, err
	}
	if found > version {
		return 0, fmt.Errorf("%w: its schema has version %d, this program knows %d: use the newer program", ErrNewer, found, version)
	}
	return found, nil
}

func create(ctx context.Context, c execer, id []byte) error {
	if _, err := c.ExecContext(ctx, schema+fmt.Sprintf("PRAGMA user_version=%d", version)); err != nil {
		return err
	}
	_, err := c.ExecContext(ctx, "INSERT INTO state(k, v) VALUES (?, ?), (?, 1), (?, 0)", stateID, id, stateNext, stateErased)
	return err
}

// migrate brings the schema of a log from version 0 to the present one.
func migrate(ctx context.Context, c execer) error {
	tables := 0
	const known = "SELECT count(*) FROM sqlite_schema WHERE type='table' AND name IN ('state', 'room', 'msg')"
	if err := c.QueryRowContext(ctx, known).Scan(&tables); err != nil {
		return err
	}
	if tables != 3 {
		return fmt.Errorf("%w: it is a database of something else", ErrCorrupt)
	}
	_, err := c.ExecContext(ctx, schemaGone+fmt.Sprintf("PRAGMA user_version=%d", version))
	return err
}
