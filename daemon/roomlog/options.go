package roomlog

import (
	"log/slog"
	"time"
)

// Keep is what is kept of a room. 0 is no limit.
type Keep struct {
	Entries int           // messages
	Bytes   int64         // of their bodies
	Age     time.Duration // of a message
}

// DefaultKeep is for a daemon that was not told otherwise. There is no limit of age.
var DefaultKeep = Keep{Entries: 1_000_000, Bytes: 512 << 20}

// DefaultTotal is the bytes of the bodies of all rooms, for a daemon that was not told otherwise.
const DefaultTotal = 2 << 30

// Options are what a log is opened with.
type Options struct {
	Dir   string          // the state folder, which exists
	Keep  Keep            // of rooms that are not in Rooms
	Rooms map[string]Keep // by name
	Total int64           // bytes of the bodies of all rooms; 0: no limit
	// Logger gets what the operator should know. nil: dropped.
	Logger *slog.Logger
	// Deliver hands f to the goroutine of the owner, which runs all in order, and does not block. What is given to Append, Read and
	// Seek, and Erased, run only there.
	Deliver func(f func())
	// Failed tells that the log can be trusted no longer, and stores nothing more. It is called at most once, by a goroutine of the log, which it must not
	// keep: Close waits for it. nil: nobody is told but those who append.
	Failed func(err error)
	// Erased, through Deliver, tells that another process has changed the log: entries held in memory are to be forgotten. nil: none are.
	Erased func()
}

// Rules are what is kept of all rooms, as in Options.
type Rules struct {
	Keep  Keep            // of rooms that are not in Rooms
	Rooms map[string]Keep // by name
	Total int64           // bytes of the bodies of all rooms; 0: no limit
}

// keep gives the limits of a room.
func (r *Rules) keep(room string) Keep {
	if k, own := r.Rooms[room]; own {
		return k
	}
	return r.Keep
}
