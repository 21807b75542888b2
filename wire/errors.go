package wire

import "errors"

// Errors of names and messages. They are wrapped with what was wrong.
var (
	ErrRoomName = errors.New("illegal room name")
	ErrNick     = errors.New("illegal nick")
	ErrType     = errors.New("illegal media type")
	ErrMessage  = errors.New("malformed message")
	ErrInvite   = errors.New("malformed invite")
	ErrFeedback = errors.New("malformed feedback")
	ErrRED      = errors.New("malformed redundant payload")
)
