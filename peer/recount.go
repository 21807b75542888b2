package peer

import (
	"bytes"
	"math"

	"yodel/wire"
)

// maxRecounts is how often a replay is counted anew because messages came while it was asked for.
const maxRecounts = 3

// recount finds out how a replay of the last n messages goes on that was lost before its first message: nothing is known then of where it
// begins, and the last n are others by now. The room is joined after the position that was the newest, which tells how many have come
// since, and again from the last n and so many. In a room in which messages come all the time the second answer finds the newest another one, and
// the replay would begin too late; so the last try is for more: a few messages before the n may come again, none is left out.
type recount struct {
	last    uint32 // n; 0: there is nothing to recount
	newest  uint64 // up to which they were to come
	counted bool   // how many came since is known,
	at      uint64 // when this was the newest
	tries   int
	gap     uint64 // from at to the newest of the second answer, the longest of the tries; positions are of all rooms: so many came at most
}

// promise notes the replay that a Joined has promised.
func (c *recount) promise(last uint32, j *wire.Joined) {
	*c = recount{}
	if last > 0 && j.GetReplay() > 0 {
		c.last, c.newest = last, j.GetNewest()
	}
}

// recount takes the answer to the Join of a new session, and tells that the room must be joined once more.
func (r *room) recount(j *wire.Joined) (again bool) {
	c := &r.replay
	if r.cursor.known || c.last == 0 {
		return false
	}
	same := bytes.Equal(r.logID, j.GetLogId()) && !j.GetTruncated()
	if !c.counted {
		c.counted, c.at = true, j.GetNewest()
		r.opts.From = From{last: c.last}
		if same {
			r.opts.From.last += uint32(min(c.since(j.GetReplay()), uint64(math.MaxUint32-c.last)))
		}
		return true
	}
	if same && j.GetNewest() != c.at && c.tries < maxRecounts {
		c.counted = false
		c.tries++
		c.gap = max(c.gap, j.GetNewest()-c.at)
		return true
	}
	c.promise(r.opts.From.last, j)
	return false
}

// since is how many messages more than the n are asked for when so many have come. The last try allows for twice as many as came during one
// of those before, or for as many as came in all this time, whichever is less.
func (c *recount) since(came uint64) uint64 {
	if c.tries < maxRecounts {
		return came
	}
	return came + min(came, 2*c.gap)
}
