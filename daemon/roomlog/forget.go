package roomlog

import "time"

// forgetRooms is the most rooms that are looked at in one transaction.
const forgetRooms = 500

// forgetRoomSQL takes the row of a room that has neither entries nor keys.
const forgetRoomSQL = `DELETE FROM room WHERE id=?1
  AND NOT EXISTS (SELECT 1 FROM msg WHERE room=?1) AND NOT EXISTS (SELECT 1 FROM gone WHERE room=?1)`

// forgetEmpty forgets the rooms that are empty and of which no key is kept. What stays is up to where there were some, so that who asks for what
// comes after a position of such a room learns that more is gone.
func (w *writer) forgetEmpty(now time.Time) {
	var empty []*room
	for _, r := range w.rooms {
		if r.count == 0 && r.id != 0 {
			empty = append(empty, r)
		}
	}
	for len(empty) > 0 && !w.appends.some() {
		n := min(forgetRooms, len(empty))
		forgotten, err := w.forgetSome(empty[:n])
		w.judgeUpkeep(now, err)
		if err != nil {
			return
		}
		w.frames += len(forgotten)
		w.checkpointDue(now)
		empty = empty[n:]
	}
}

// forgetSome does so with some rooms, in one transaction.
func (w *writer) forgetSome(empty []*room) (forgotten []*room, err error) {
	var upTo uint64
	err = w.transact(func() error {
		forgotten, upTo = nil, w.forgotten.Load()
		for _, r := range empty {
			res, err := w.stmt.forgetRoom.Exec(r.id)
			if err != nil {
				return err
			}
			if affected(res) > 0 {
				forgotten = append(forgotten, r)
				upTo = max(upTo, r.newest)
			}
		}
		if len(forgotten) == 0 {
			return nil
		}
		_, err := w.stmt.setState.Exec(stateForgotten, int64(upTo))
		return err
	})
	if err != nil {
		return nil, err
	}
	w.forgotten.Store(upTo)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range forgotten {
		w.drop(r)
	}
	return forgotten, nil
}

// drop forgets a room in memory. Log.mu is held.
func (w *writer) drop(r *room) {
	delete(w.rooms, r.name)
	delete(w.byID, r.id)
	delete(w.limits.over, r)
	delete(w.limits.spared, r)
}
