package programs

import (
	"encoding/json"
	"time"
)

// Event is a JSON object that a program printed, as far as the suites read it, or a line that is none.
type Event struct {
	Type, State, Text, From string
	Code, Message           string // of an error
	Log                     string
	Pos                     uint64
	Heard                   bool
	Frames, Lost, Exit      int

	Line string    `json:"-"` // all of it
	Got  time.Time `json:"-"`
}

// parse reads a line; one that is no JSON has nothing but itself.
func parse(line string, now time.Time) Event {
	var e Event
	_ = json.Unmarshal([]byte(line), &e)
	e.Line, e.Got = line, now
	return e
}
