package roomlog

import (
	"database/sql"
	"time"
)

const (
	// trimEntries is the most entries that the limits remove in one transaction.
	trimEntries = 500
	// trimBytes is how many bytes of bodies these are at most, and one more body: they are in memory meanwhile.
	trimBytes = 1 << 20
	// maxOwed is how many entries may be over the limits before they are removed although messages wait.
	maxOwed = 4 * trimEntries
	// sweepEvery is the time between two looks for what has become too old.
	sweepEvery = time.Minute
	// keysEvery is the time between two looks for keys that have become too old.
	keysEvery = time.Hour
	// keepKeys is how long the key of a removed entry is kept, so that the message is known when it comes again.
	keepKeys = 7 * 24 * time.Hour
	// maxGone is the most keys that are kept of removed entries: some 200 MB.
	maxGone = 2_000_000
	// maxFrames is how many pages are written ahead before they go to their places.
	maxFrames = 4000
	// Pages that are written ahead for an entry that is removed, beside those of a long body, and for a key, at most.
	framesOfEntry, framesOfKey = 3, 2
	// Pages that are free are given back to the system when they are many, and a good part.
	minFree, freePart = 1024, 4
)

const (
	keepKeySQL  = "INSERT OR REPLACE INTO gone(room, sender, id, pos, at, removed, digest) VALUES (?, ?, ?, ?, ?, ?, ?)"
	dropKeysSQL = "DELETE FROM gone WHERE (room, sender, id) IN (SELECT room, sender, id FROM gone WHERE removed<? ORDER BY removed LIMIT ?)"
)

// limits is what the writer knows of what is too much.
type limits struct {
	over    map[*room]bool // rooms over a limit of theirs
	spared  map[*room]bool // rooms whose oldest entries cannot be read; nil: of all rooms together
	bytes   int64          // of the bodies of all rooms
	entries int            // of all rooms
	gone    int            // keys of removed entries
	past    past
	owed    int       // entries that came while something was over a limit
	full    bool      // there is something over a limit of all rooms
	sweep   time.Time // when it is looked next for what is too old
	keys    time.Time // and for keys
	trimmed bool      // since pages were given back
	stuck   bool      // pages cannot be given back
}

// takeRules has the rules hold that were set since it was last called.
func (w *writer) takeRules() {
	if r := w.rules.Swap(nil); r != nil {
		w.keeps = *r
		w.recount()
	}
}

// recount begins anew with what is in memory.
func (w *writer) recount() {
	l := &w.limits
	l.over, l.bytes, l.entries, l.sweep = make(map[*room]bool), 0, 0, time.Time{}
	for _, r := range w.rooms {
		l.bytes += r.bytes
		l.entries += r.count
		l.look(r, w.keeps.keep(r.name))
	}
	l.full = w.overTotal()
}

func (w *writer) overTotal() bool {
	return w.keeps.Total > 0 && !w.limits.spared[nil] && w.limits.bytes > w.keeps.Total && w.limits.entries > 1
}

// look notes a room that is over a limit.
func (l *limits) look(r *room, k Keep) bool {
	over := r.count > 1 && !l.spared[r] && (k.Entries > 0 && r.count > k.Entries || k.Bytes > 0 && r.bytes > k.Bytes)
	if over {
		l.over[r] = true
	}
	return over
}

// spare removes nothing more of a room, nil: over the limit of all rooms, whose oldest entries are damaged: what can be read is worth more than the
// limits. It says so once.
func (w *writer) spare(r *room, err error) {
	name := ""
	if r != nil {
		name = r.name
	}
	w.limits.spared[r] = true
	delete(w.limits.over, r)
	w.log.Error("room log: the oldest messages cannot be removed", "room", name, "dir", w.options.Dir, "err", err)
}

// settled counts a committed transaction.
func (l *limits) settled(r *room, k Keep) {
	l.bytes += r.addBytes
	l.entries += r.added
	if l.look(r, k) || l.full {
		l.owed += max(0, r.added)
	}
}

// keepUp removes while messages wait, when much is over the limits, and brings what was written ahead to its place.
func (w *writer) keepUp(now time.Time) {
	for w.limits.owed > maxOwed && w.trim(now) {
	}
	w.checkpointDue(now)
}

// idle does what can wait, until there is nothing to do or a message comes. busy: there has just been one.
func (w *writer) idle(now time.Time, busy bool) {
	if !now.Before(w.polled.Add(pollEvery)) || !busy {
		w.poll(now)
	}
	w.rebuildDue(now)
	w.sweepDue(now)
	for !w.appends.some() && w.trim(now) {
	}
	for !w.appends.some() && w.giveBackPages(now) {
	}
}

// sleep is how long the writer sleeps when it waits for nothing but messages.
const sleep = 24 * time.Hour

// patience is how long the writer sleeps when nothing comes.
func (w *writer) patience(now time.Time) time.Duration {
	switch {
	case w.failed != nil:
		return sleep
	case now.Before(w.busyUntil):
		return pollEvery
	case w.ages(), len(w.limits.over) > 0, w.limits.full, w.suspected.Load() != nil: // what could not be removed or mended is tried again
		return sweepEvery
	case w.limits.gone > 0:
		return keysEvery
	}
	return sleep
}

// ages tells whether anything is removed because it is old.
func (w *writer) ages() bool {
	if w.keeps.Keep.Age > 0 {
		return true
	}
	for _, k := range w.keeps.Rooms {
		if k.Age > 0 {
			return true
		}
	}
	return false
}

// sweepDue looks, when it is time, for what is too old: entries, keys, and rooms without both.
func (w *writer) sweepDue(now time.Time) {
	if now.Before(w.limits.sweep) || w.failed != nil {
		return
	}
	w.limits.sweep = now.Add(sweepEvery)
	if !now.Before(w.limits.keys) {
		w.limits.keys = now.Add(keysEvery)
		w.dropKeys(now)
		w.forgetEmpty(now)
	}
	if w.ages() {
		w.sweepAges(now)
	}
}

// dropKeys forgets keys that are old.
func (w *writer) dropKeys(now time.Time) {
	for !w.appends.some() && w.limits.gone > 0 {
		before := now.Add(-keepKeys).UnixNano()
		n := 0
		err := w.transact(func() error {
			res, err := w.stmt.dropKeys.Exec(before, trimEntries)
			if err == nil {
				n = affected(res)
			}
			return err
		})
		w.judgeUpkeep(now, err)
		if err != nil || n == 0 {
			return
		}
		w.limits.gone -= n
		w.frames += framesOfKey * n
		w.checkpointDue(now)
	}
}

func affected(r sql.Result) int {
	n, _ := r.RowsAffected() // the driver always knows
	return int(n)
}
