package access

import "errors"

// Errors of settings, of files and of what an operator asks for. They are wrapped with what was wrong.
var (
	ErrMode    = errors.New("unknown access")
	ErrWho     = errors.New("neither everyone, nor a role, nor a fingerprint")
	ErrLine    = errors.New("not a line of authorized keys")
	ErrFile    = errors.New("not a regular file of a sensible size")
	ErrDamaged = errors.New("damaged")
	ErrRequest = errors.New("cannot be done")
	ErrFull    = errors.New("too many")
)

// Why somebody does not come in; the texts are for who is refused.
var (
	ErrUnknown  = errors.New("this daemon lets in only keys that it knows")
	ErrForeign  = errors.New("this invite is not of this daemon")
	ErrTries    = errors.New("too many wrong invites came from this address; try again in a minute")
	ErrUsedUp   = errors.New("the invite is used up")
	ErrExpired  = errors.New("the invite has expired")
	ErrDenied   = errors.New("this key is denied")
	ErrReplaced = errors.New("this key was replaced")
	ErrBanned   = errors.New("banned")
)

// Why a nick is not given.
var (
	ErrNickTaken = errors.New("nick is taken")
	ErrNicks     = errors.New("too many nicks")
)
