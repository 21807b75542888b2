package peer

import (
	"bytes"
	"time"

	"yodel/wire"
)

// room is a room that the client is in, or is going to be in again after a reconnect. It belongs to the loop.
type room struct {
	opts    JoinOptions
	hearing *Hearing // nil: audio of this room is not played
	delay   time.Duration
	logID   []byte
	cursor  cursor
	replay  recount
	roster  roster
	loss    pathLoss // of the talks in it

	retryAt time.Time     // when it is asked for again, after a refusal that is not for good; zero: it is not
	backoff time.Duration // before the next such try
}

// cursor is the place in a room log up to which messages were delivered.
type cursor struct {
	pos   uint64
	known bool
}

// deliver tells whether the message at pos is new, and notes it. Transient messages, at 0, always are.
func (c *cursor) deliver(pos uint64) bool {
	if pos == 0 {
		return true
	}
	if c.known && pos <= c.pos {
		return false
	}
	c.pos, c.known = pos, true
	return true
}

// joinMessage makes the Join of a room. A room that messages were delivered from is joined after the last of them; one whose replay is to be
// counted, after the newest that there was.
func (r *room) joinMessage(id uint64) []byte {
	j := &wire.Join{Request: id, Room: r.opts.Room, Hear: r.opts.Hear, Observe: r.opts.Observe}
	from := r.opts.From
	switch {
	case r.cursor.known:
		from = From{after: true, logID: r.logID, pos: r.cursor.pos}
	case r.replay.last > 0 && !r.replay.counted:
		from = From{after: true, logID: r.logID, pos: r.replay.newest}
	}
	from.put(j)
	return wire.Encode(&wire.Message_Join{Join: j})
}

// begin takes the answer to a Join that the user asked for: what is delivered starts where the user said.
func (r *room) begin(j *wire.Joined) {
	r.logID, r.delay = j.GetLogId(), millis(j.GetDelayMs())
	from := r.opts.From
	r.replay.promise(from.last, j)
	switch {
	case j.GetReplay() == 0:
		r.cursor = cursor{j.GetNewest(), true}
	case from.after && !j.GetTruncated() && bytes.Equal(from.logID, r.logID):
		r.cursor = cursor{from.pos, true}
	default:
		r.cursor = cursor{}
	}
}

// resume takes the answer to the Join of a new session. truncated tells that messages in between are gone. A log that ends before
// what was delivered of it has been put back to an older state: like another log it begins at its oldest message.
func (r *room) resume(j *wire.Joined) (truncated bool) {
	r.delay = millis(j.GetDelayMs())
	other := !bytes.Equal(r.logID, j.GetLogId())
	if other || j.GetTruncated() && j.GetNewest() < r.cursor.pos {
		r.logID, r.cursor = j.GetLogId(), cursor{}
	}
	if j.GetReplay() == 0 && !r.cursor.known {
		r.cursor = cursor{j.GetNewest(), true}
	}
	return other || j.GetTruncated()
}
