package control

import "errors"

// Errors of the socket, on both sides. They are wrapped with the path and what the system says.
var (
	// ErrNotRunning: there is no socket, or nobody listens on it.
	ErrNotRunning = errors.New("the daemon is not running")
	// ErrPermission: the socket, or its folder, is not for this user.
	ErrPermission = errors.New("no permission for the control socket")
	// ErrForeign: what is at the path is not the control socket of a Yodel daemon.
	ErrForeign = errors.New("not the control socket of a Yodel daemon")
	// ErrNoAnswer: the daemon did not answer in time.
	ErrNoAnswer = errors.New("the daemon does not answer")
	// ErrInUse: another daemon listens on the socket.
	ErrInUse = errors.New("another daemon has the control socket")
)

// Errors that the daemon answers with. They are wrapped with its text.
var (
	// ErrRequest: the request is not one (400), or a value in it is of no use.
	ErrRequest = errors.New("bad request")
	// ErrNotFound: there is nobody, or nothing, of that name (404).
	ErrNotFound = errors.New("not found")
	// ErrRefused: the daemon will not do it (409).
	ErrRefused = errors.New("refused")
	// ErrFailed: it could not be done (500).
	ErrFailed = errors.New("failed")
)
