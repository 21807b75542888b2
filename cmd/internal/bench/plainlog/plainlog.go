// Package plainlog is what the room log is compared with: the plainest loop that commits messages in groups to SQLite, with the same tables, settings
// and driver. One goroutine takes what waits in a channel, inserts it in one transaction, and tells the senders. It knows no repeated message but
// as an error, no limits, no other process, no failure that it could go on after.
package plainlog

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"sync"

	_ "modernc.org/sqlite" // the driver
)

// MaxBatch is the most messages of a transaction that the room log makes.
const MaxBatch = 1024

const schema = `
CREATE TABLE room(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE msg(
  pos INTEGER PRIMARY KEY, prev INTEGER NOT NULL, room INTEGER NOT NULL, at INTEGER NOT NULL,
  sender BLOB NOT NULL, id INTEGER NOT NULL, nick TEXT NOT NULL, type TEXT NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX msg_room ON msg(room);
CREATE UNIQUE INDEX msg_id ON msg(room, sender, id);
`

// Entry is one message.
type Entry struct {
	Room   string
	Sender []byte
	ID     uint64
	Nick   string
	Type   string
	Body   []byte
	At     int64
}

type request struct {
	Entry
	done func(error)
}

// Log is a database and its goroutine.
type Log struct {
	db     *sql.DB
	insert *sql.Stmt
	max    int
	queue  chan request
	wg     sync.WaitGroup
	rooms  map[string]*room
	pos    int64
}

type room struct{ id, newest int64 }

// Open makes a database, for transactions of so many messages.
func Open(path string, batch int) (*Log, error) {
	q := url.Values{"_pragma": {
		"auto_vacuum(incremental)", "busy_timeout(5000)", "cache_size(-8000)", "journal_mode(wal)", "secure_delete(on)", "synchronous(full)",
		"wal_autocheckpoint(4000)",
	}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	l := &Log{db: db, max: batch, queue: make(chan request, 2*MaxBatch), rooms: make(map[string]*room)}
	if _, err := db.Exec(schema); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	const insert = "INSERT INTO msg(pos, prev, room, at, sender, id, nick, type, crc, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?)"
	if l.insert, err = db.Prepare(insert); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	l.wg.Go(l.run)
	return l, nil
}

// Append adds a message. done is called by the goroutine of the log.
func (l *Log) Append(e Entry, done func(error)) { l.queue <- request{e, done} }

// Close commits what waits and closes the database.
func (l *Log) Close() error {
	close(l.queue)
	l.wg.Wait()
	return errors.Join(l.insert.Close(), l.db.Close())
}

func (l *Log) run() {
	for first := range l.queue {
		batch := []request{first}
		for range min(l.max-1, len(l.queue)) {
			batch = append(batch, <-l.queue)
		}
		err := l.commit(batch)
		for _, r := range batch {
			r.done(err)
		}
	}
}

func (l *Log) commit(batch []request) error {
	tx, err := l.db.Begin()
	if err != nil {
		return err
	}
	insert := tx.Stmt(l.insert)
	for i := range batch {
		if err := l.store(tx, insert, &batch[i].Entry); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}

func (l *Log) store(tx *sql.Tx, insert *sql.Stmt, e *Entry) error {
	r := l.rooms[e.Room]
	if r == nil {
		r = &room{id: int64(len(l.rooms) + 1)}
		if _, err := tx.Exec("INSERT INTO room(id, name) VALUES (?, ?)", r.id, e.Room); err != nil {
			return err
		}
		l.rooms[e.Room] = r
	}
	l.pos++
	if _, err := insert.Exec(l.pos, r.newest, r.id, e.At, e.Sender, int64(e.ID), e.Nick, e.Type, e.Body); err != nil {
		return fmt.Errorf("position %d: %w", l.pos, err)
	}
	r.newest = l.pos
	return nil
}
