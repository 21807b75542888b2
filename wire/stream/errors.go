package stream

import "errors"

// Errors of a stream. They are wrapped with the numbers.
var (
	// ErrDead ends a stream: nothing came from the other side for wire.DeadAfter.
	ErrDead = errors.New("the other side is silent")
	// ErrTooLong refuses a message of more than wire.MaxMessage bytes.
	ErrTooLong = errors.New("message too long")
	// ErrForeign refuses what belongs to another stream: another SSRC or payload type.
	ErrForeign = errors.New("not of this stream")
	// ErrUnsent refuses a report that acknowledges a packet which was never sent: its sender did not receive what it says.
	ErrUnsent = errors.New("report about a packet that was not sent")
	// ErrWindow refuses a message too far ahead of the next one.
	ErrWindow = errors.New("message number too far ahead")
	// ErrTotal refuses a chunk that contradicts an earlier one about the message's length.
	ErrTotal = errors.New("chunks disagree about the length of a message")
	// ErrFull tells that a packet was dropped because MaxHeld bytes wait already. It is sent again, as it is not acknowledged.
	ErrFull = errors.New("no room for more messages")
)
