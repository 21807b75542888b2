package peer

import (
	"bytes"
	"math"
	"time"

	"yodel/wire"
)

// From says where in a room's log to begin to read. The zero value is Live.
type From struct {
	last  uint32
	since time.Time
	logID []byte
	pos   uint64
	after bool
}

// Live begins with what comes after the join.
func Live() From { return From{} }

// Last begins with the last n messages that are stored; n ≤ 0 is Live.
func Last(n int) From { return From{last: uint32(min(max(n, 0), math.MaxUint32))} }

// Since begins with the messages that the daemon took at t or later.
func Since(t time.Time) From { return From{since: t} }

// AfterPos begins after the message at pos of the log with that id. If the room has another log now, reading begins with its
// oldest message, and Joined.Truncated tells so.
func AfterPos(logID []byte, pos uint64) From {
	return From{logID: bytes.Clone(logID), pos: pos, after: true}
}

// put writes the place to begin into a Join.
func (f From) put(j *wire.Join) {
	switch {
	case f.after:
		j.From = &wire.Join_After{After: &wire.After{LogId: f.logID, Pos: f.pos}}
	case !f.since.IsZero():
		j.From = &wire.Join_SinceUnixNs{SinceUnixNs: f.since.UnixNano()}
	case f.last > 0:
		j.From = &wire.Join_Last{Last: f.last}
	default:
		j.From = &wire.Join_Live{Live: true}
	}
}
