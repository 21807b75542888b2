// Package roomlog keeps the ordered messages of the rooms: it gives each accepted message its position, tells a repeated
// message from a new one, and replays what is kept.
//
// Positions increase over the whole log and are opaque otherwise; each entry carries the position of the entry before it in its room, so
// that a reader sees a gap. A position is valid together with the log's id, which is random and made with
// the log.
//
// This log lives in memory: it is bounded, and a new process begins a new log. A [Log] belongs to one
// goroutine, the daemon's loop; it starts none itself.
package roomlog
