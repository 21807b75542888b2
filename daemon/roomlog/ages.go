package roomlog

import (
	"database/sql"
	"time"
)

// clockSlack is how far an entry's time may lie ahead of the clock before the clock is taken to have been wrong.
const clockSlack = time.Minute

// past tells that the entries up to a position are as old as a time, whatever their own times say: when it was set, their times lay in the future. It is kept
// in the file, so that it ages over restarts, and set anew when later entries have times in the future again.
type past struct {
	pos uint64
	at  int64 // Unix time in ns
}

// of gives the time that counts for the age of an entry.
func (p past) of(pos uint64, at int64) int64 {
	if pos <= p.pos {
		return min(at, p.at)
	}
	return at
}

// ahead tells whether the time of an entry lies in the future.
func (p past) ahead(now time.Time, pos uint64, at int64) bool {
	return pos > p.pos && at > now.Add(clockSlack).UnixNano()
}

// sweepAges finds the rooms whose oldest entry is too old.
func (w *writer) sweepAges(now time.Time) {
	ahead := w.limits.past.ahead(now, w.last, w.latest)
	for _, r := range w.rooms {
		age := w.keeps.keep(r.name).Age
		if age <= 0 || r.count == 0 || w.limits.spared[r] {
			continue
		}
		if r.oldest == 0 {
			var pos uint64
			var at int64
			err := w.stmt.oldest.QueryRow(r.id).Scan(&pos, &at)
			if damaged(err) {
				w.spare(r, err)
				continue
			}
			if err = ignore(err, sql.ErrNoRows); err != nil {
				w.judge(now, err)
				return
			}
			ahead = ahead || w.limits.past.ahead(now, pos, at)
			r.oldest = w.limits.past.of(pos, at)
		}
		if r.oldest < now.Add(-age).UnixNano() {
			w.limits.over[r] = true
		}
	}
	if ahead {
		w.setPast(now)
	}
}

// setPast notes that all entries that there are were there now.
func (w *writer) setPast(now time.Time) {
	p := past{w.last, now.UnixNano()}
	err := w.transact(func() error {
		if _, err := w.stmt.setState.Exec(statePastPos, int64(p.pos)); err != nil {
			return err
		}
		_, err := w.stmt.setState.Exec(statePastAt, p.at)
		return err
	})
	w.judge(now, err)
	if err != nil {
		return
	}
	w.limits.past, w.latest = p, 0
	for _, r := range w.rooms {
		r.oldest = 0
	}
	w.log.Warn("room log: there are messages with times in the future: as to their age they are taken for new", "upTo", p.pos)
}
