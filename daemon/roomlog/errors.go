package roomlog

import "errors"

// ErrIDReused tells that a sender used one id for two different messages.
var ErrIDReused = errors.New("message id used again for another message")
