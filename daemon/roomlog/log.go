package roomlog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of what waits to be written.
const (
	maxQueued      = 100_000
	maxQueuedBytes = 64 << 20
)

// readers is how many goroutines read.
const readers = 2

// Log is the log of all rooms in one file. Its methods may be called by any goroutine, and none of them but Close waits for the disk.
type Log struct {
	options  Options
	log      *slog.Logger
	id       [16]byte
	unlock   func()
	writeDB  *sql.DB
	readDB   *sql.DB
	sessions []*session
	next     atomic.Uint64 // all committed positions are below it
	erasures atomic.Int64  // the count of erasures that the owner knows of
	// forgotten: rooms that were emptied and forgotten had positions up to it, and none behind.
	forgotten atomic.Uint64
	suspected atomic.Pointer[error] // why the indexes are to be made anew
	rules     atomic.Pointer[Rules] // that are to hold from now on; nil: the writer has taken them
	wg        sync.WaitGroup
	close     func() error

	skipped skipped
	figures figures

	appends appendQueue
	reads   readQueue

	mu    sync.Mutex
	rooms map[string]*room
}

// room is what is known of a room without reading. The writer changes it, holding Log.mu for what others read.
type room struct {
	name   string
	id     int64  // its row; 0: it has none yet. Log.mu
	newest uint64 // committed; of an empty room what was removed last. Log.mu
	count  int    // entries, committed. Log.mu
	bytes  int64  // of their bodies

	removed  uint64 // positions up to it were removed by the limits
	unfolded int    // entries that its row does not count yet
	oldest   int64  // time of the oldest entry, as Entry.At; 0: not known

	// Of the transaction under way.
	touched  bool
	made     bool // its row
	folded   bool // into its row
	tail     uint64
	cut      uint64 // what removed will be; 0: as it is
	added    int    // less those that were removed
	addBytes int64
}

// request is one Append.
type request struct {
	entry   Entry
	done    func(Result)
	at      time.Duration // when it was appended, since the log was opened
	full    bool          // too much waited when it came
	refusal error         // it is not to be stored; nil: it is
}

// Open opens the log of a state folder, or begins one. The file is DIR/messages.db. Only one Log may be open on a folder: it takes the lock. Errors
// are ErrLocked, ErrCorrupt, ErrNewer, ErrUnwritable, or those of the system, and say what to do.
func Open(o Options) (*Log, error) {
	unlock, err := lockFolder(o.Dir)
	if err != nil {
		return nil, err
	}
	l := &Log{options: o, log: o.Logger, unlock: unlock, rooms: make(map[string]*room)}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	l.figures.init(time.Now())
	l.close = sync.OnceValue(l.shut)
	l.skipped.seen = make(map[uint64]bool)
	l.appends.kick = make(chan struct{}, 1)
	l.reads.some.L = &l.reads.mu
	if err := l.start(filepath.Join(o.Dir, fileName)); err != nil {
		_ = l.disconnect() // err says more
		return nil, err
	}
	return l, nil
}

// start opens the file, reads the rooms, and starts the goroutines.
func (l *Log) start(path string) error {
	ctx := context.Background()
	empty, err := makeFile(path)
	if err != nil {
		return advise(path, err)
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		l.log.Warn("room log: others may read or write the messages: chmod 600", "file", path, "mode", info.Mode())
	}
	settings := []string{"cache_size(-2000)"}
	if empty {
		settings = append(settings, "auto_vacuum(incremental)") // before anything is in it; later it would be a change
	}
	if l.writeDB, err = connect(path, 1, settings...); err != nil {
		return err
	}
	w, err := newWriter(ctx, l)
	if err != nil {
		return advise(path, err)
	}
	if err := syncFolder(l.options.Dir); err != nil {
		return err
	}
	if err := (&eraser{conn: w.conn}).finish(ctx, 0); err != nil {
		l.log.Warn("room log: the text of erased messages may still be in the files: erase again, or restart", "dir", l.options.Dir, "err", err)
	}
	rs := make([]*reader, readers)
	if l.readDB, err = connect(path, readers, "cache_size(-1000)", "query_only(on)"); err != nil {
		return err
	}
	for i := range rs {
		if rs[i], err = newReader(ctx, l); err != nil {
			return advise(path, err)
		}
	}
	l.wg.Go(w.run)
	for _, r := range rs {
		l.wg.Go(r.run)
	}
	return nil
}

// disconnect closes the file, the lock last.
func (l *Log) disconnect() error {
	var errs []error
	for _, s := range l.sessions {
		errs = append(errs, s.end())
	}
	for _, db := range []*sql.DB{l.readDB, l.writeDB} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	l.unlock()
	return errors.Join(errs...)
}

// Close commits what waits to be committed, hands over what is to be delivered, ends all goroutines and releases the lock. What is appended
// afterwards gets ErrClosed.
func (l *Log) Close() error { return l.close() }

func (l *Log) shut() error {
	l.appends.end()
	for _, t := range l.reads.end() {
		t(nil, ErrClosed)
	}
	l.wg.Wait()
	return l.disconnect()
}

// ID is the log's own id: random, made with the log. A position is valid together with it.
func (l *Log) ID() [16]byte { return l.id }

// errFull is the refusal of what comes when too much waits.
var errFull = fmt.Errorf("%w: over %d messages or %d bytes wait", ErrBusy, maxQueued, maxQueuedBytes)

// Append adds a message; Pos and Prev of e are given by the log. done is called after the commit, in the order of the calls of Append, be it
// with ErrBusy; only what comes when 100,000 such refusals wait themselves, or after Close, is refused at once. The body belongs to the log from now on.
func (l *Log) Append(e Entry, done func(Result)) {
	switch l.appends.push(request{entry: e, done: done, at: l.figures.since()}) {
	case full:
		l.refuse(done, errFull)
	case ended:
		l.refuse(done, ErrClosed)
	}
}

func (l *Log) refuse(done func(Result), err error) {
	l.options.Deliver(func() { done(Result{Err: err}) })
}

// SetRules has other rules hold from now on; they belong to the log. What they let go is removed in the same way as ever, beside the messages that come.
func (l *Log) SetRules(r Rules) {
	l.rules.Store(&r)
	l.appends.wake()
}

// Newest gives the position of the newest entry of a room, of one that the limits have emptied that of its last; 0: there never was one.
func (l *Log) Newest(name string) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.rooms[name]; r != nil {
		return r.newest
	}
	return 0
}

// Rooms appends the names of all rooms that have entries, in no order.
func (l *Log) Rooms(dst []string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, r := range l.rooms {
		if r.count > 0 {
			dst = append(dst, name)
		}
	}
	return dst
}

// Count gives the number of rooms that have entries.
func (l *Log) Count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, r := range l.rooms {
		if r.count > 0 {
			n++
		}
	}
	return n
}
