package roomlog

import "errors"

// Outcomes of an Append that stored nothing.
var (
	// ErrIDReused tells that a sender used one id for two different messages.
	ErrIDReused = errors.New("message id used again for another message")
	// ErrUnreadable tells that the first message with the same id is damaged: nobody can tell whether it is the same.
	ErrUnreadable = errors.New("the message stored with this id is damaged")
	// ErrReadOnly tells that the disk is full or the file cannot be written now; it heals by itself.
	ErrReadOnly = errors.New("the room log cannot be written now")
	// ErrBusy tells that too much waits to be written: the same message may be tried again soon.
	ErrBusy = errors.New("the room log is busy")
	// ErrClosed tells that the log was closed.
	ErrClosed = errors.New("the room log is closed")
	// ErrFailed tells that reading or writing the file has failed for good: nothing more is stored.
	ErrFailed = errors.New("the room log has failed")
)

// ErrSlow tells that a message waits for long to be stored.
var ErrSlow = errors.New("messages wait to be stored")

// Reasons not to open a log.
var (
	// ErrLocked tells that another daemon runs on the folder.
	ErrLocked = errors.New("another daemon uses the state folder")
	// ErrCorrupt tells that the file is damaged, or is no room log.
	ErrCorrupt = errors.New("the room log is damaged")
	// ErrNewer tells that the file was written by a newer version of the program.
	ErrNewer = errors.New("the room log was made by a newer version")
	// ErrUnwritable tells that the folder or the file may not be written.
	ErrUnwritable = errors.New("the room log cannot be written")
	// ErrNoLog tells that the folder has no room log.
	ErrNoLog = errors.New("no room log")
)

// ErrExists tells that the file of a backup is there already.
var ErrExists = errors.New("the file exists already")
