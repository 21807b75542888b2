package main

import (
	"errors"
	"fmt"
)

// Errors of the command line itself.
var (
	errUsage        = errors.New("usage")
	errNoCommand    = errors.New("no command")
	errStdoutClosed = errors.New("the reader of standard output has gone")
	errLineTooLong  = errors.New("message too long")
	errNotUTF8      = errors.New("message is not UTF-8")
	errNotSent      = errors.New("not sent")
	errNoReceipt    = errors.New("no receipt")
	errStateForm    = errors.New("not a file of read --state")
	errStateInUse   = errors.New("another yodel read has it")
	errTooMany      = errors.New("too many lines wait for the daemon")
	errEnded        = errors.New("ended") // a timeline came to its wanted end
	errConfig       = errors.New("configuration")
	errRecorder     = errors.New("recording failed")
	errNoAnswer     = errors.New("the daemon did not answer")
	errNoEcho       = errors.New("the echo was not heard")
	errSince        = errors.New(`a time is 10m, 2d, 15:04, 2026-01-31, "2026-01-31 15:04" or RFC 3339`)
)

// usageError is a fault of the command line: exit code 2.
type usageError struct{ text string }

func (e usageError) Error() string        { return e.text }
func (e usageError) Is(target error) bool { return target == errUsage }

// configError is a fault of the file of defaults; it names the file and, where there is one, the line.
type configError struct{ text string }

func (e configError) Error() string        { return e.text }
func (e configError) Is(target error) bool { return target == errConfig }

func usagef(format string, args ...any) error {
	return usageError{fmt.Sprintf(format, args...)}
}

// hintError adds to an error what its user may do about it.
type hintError struct {
	err  error
	hint string
}

func (e hintError) Error() string { return e.err.Error() }
func (e hintError) Unwrap() error { return e.err }

func withHint(err error, format string, args ...any) error {
	return hintError{err, fmt.Sprintf(format, args...)}
}
