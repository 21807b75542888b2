package peer

import "time"

// doubtPath begins to ask whether the path still carries packets.
func (e *engine) doubtPath(time.Time) {}
