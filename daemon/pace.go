package daemon

import "time"

// work is what a session has had the hub do, beyond what the hub had to spare.
type work struct {
	own    bucket
	paused bool      // its requests wait
	until  time.Time // when to look again
}

// charge counts so many units of work for the session: from its own rate first, then from what all share. What nobody has left is a debt
// of its own.
func (s *session) charge(n int) {
	h := s.hub
	switch cost := atRate(int64(n), workRate); {
	case s.work.own.take(h.now, cost, atRate(workBurst, workRate)):
	case h.mayWork():
		h.work.charge(h.now, atRate(int64(n), workRateAll))
	default:
		s.work.own.charge(h.now, cost)
	}
}

// mayWork tells whether something is left of what all sessions share.
func (h *hub) mayWork() bool {
	return h.work.has(h.now, atRate(1, workRateAll), atRate(workBurstAll, workRateAll))
}

// mayWork tells whether the session may have the hub do more now. If not, its requests wait; it is looked at again when its own rate, or half of what
// all share, is there again.
func (s *session) mayWork() bool {
	h, w := s.hub, &s.work
	if w.own.has(h.now, atRate(1, workRate), atRate(workBurst, workRate)) || h.mayWork() {
		w.paused, w.until = false, time.Time{}
		return true
	}
	if !w.paused {
		h.drops.count(dropPaced)
	}
	w.paused = true
	w.until = earliest(w.own.free(atRate(workBurst-1, workRate)), h.work.free(atRate(workBurstAll/2, workRateAll)))
	return false
}

// chargeChange counts what an arrival or departure costs: a line in the log, and the members who are told, if they are not told of several together.
func (s *session) chargeChange(r *room) {
	s.charge(10)
	if len(r.roster) <= presentAtOnce {
		s.charge(len(r.members))
	}
}

// chargeListed counts what it costs to name so many members.
func (s *session) chargeListed(n int) { s.charge(n / 20) }

// chargeNick counts what it costs to bring a nick into its forms, of which the dearest takes 10 µs for three bytes. What is too long is not looked at.
func (s *session) chargeNick(nick string) { s.charge(min(len(nick)/3, 100)) }

// chargeRelayed counts what it costs to pass a transient message on to so many members.
func (s *session) chargeRelayed(members int) { s.charge(members / 20) }

// chargeStored counts what it costs to pass on a message from the room log to so many members, who take it when they have room and credit.
func (s *session) chargeStored(members int) { s.charge(members / 100) }

// chargeRooms counts what it costs to sort the names of so many rooms.
func (s *session) chargeRooms(n int) { s.charge(n / 50) }

// chargeSought counts what it costs to find where to read from in the room log, by how many entries lie behind.
func (s *session) chargeSought(entries uint64) { s.charge(int(min(entries, 1<<30) / 200)) }
