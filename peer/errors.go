package peer

import (
	"errors"
	"fmt"
	"strings"

	"yodel/wire"
)

// Errors of this package. They are wrapped with what happened; secure.ErrHostKeyChanged passes through Dial as it is.
var (
	// ErrUnreachable: no answer in time, or nothing listens there.
	ErrUnreachable = errors.New("daemon unreachable")
	// ErrRefused: the daemon said no. Every *RefusedError matches it.
	ErrRefused = errors.New("refused")
	// ErrLost: the session ended: the daemon stops, was silent for 30 s, or is gone; or with it what was said in a Talk.
	ErrLost = errors.New("session lost")
	// ErrClosed: Close was called, or the Talk has ended.
	ErrClosed = errors.New("closed")
	// ErrEmpty: a message without a body.
	ErrEmpty = errors.New("empty message")
	// ErrTooLong: a message over the daemon's limit.
	ErrTooLong = errors.New("message too long")
	// ErrMedia: a media type that is not UTF-8 text.
	ErrMedia = errors.New("illegal media type")
	// ErrServer: Config.Server is not host, host:port or [v6]:port.
	ErrServer = errors.New("illegal server address")
	// ErrNoReport: a talk has ended, and the daemon did not tell what arrived.
	ErrNoReport = errors.New("no report about the talk")
	// ErrOtherDaemon: the daemon has another key than Config.Daemon.
	ErrOtherDaemon = errors.New("another daemon than the one that was asked for")
	// ErrKicked: who runs the daemon has ended the session.
	ErrKicked = errors.New("kicked")
	// ErrConfig: a Config that cannot be used.
	ErrConfig = errors.New("illegal configuration")
)

// RefusedError is what the daemon refuses, and what this package refuses in its place because the daemon would: an
// illegal nick or room name.
type RefusedError struct {
	Code   wire.Code
	Reason string // for people, safe to print
	Room   string // empty when it was not about a room
}

// Error gives the reason, and the code's name when there is none. Of a room that one may not use it names the room.
func (e *RefusedError) Error() string {
	switch {
	case e.Reason == "":
		return fmt.Sprintf("%v: %v", ErrRefused, e.Code)
	case e.Code == wire.Code_CODE_ACCESS && e.Room != "" && !strings.Contains(e.Reason, e.Room):
		return fmt.Sprintf("%v: room %s: %s", ErrRefused, e.Room, e.Reason)
	}
	return fmt.Sprintf("%v: %s", ErrRefused, e.Reason)
}

// Is makes every RefusedError an ErrRefused.
func (e *RefusedError) Is(target error) bool { return target == ErrRefused }

func refused(r *wire.Refused) *RefusedError {
	e := &RefusedError{Code: r.GetCode(), Reason: wire.Printable(short(r.GetReason(), maxReasonText)), Room: wire.Printable(short(r.GetRoom(), wire.MaxRoomName))}
	if e.Code == wire.Code_CODE_READ_ONLY && e.Reason == "" {
		e.Reason = "the room log takes nothing now: the daemon's disk is full"
	}
	if e.Code == wire.Code_CODE_VERSION {
		e.Reason = fmt.Sprintf("no common protocol version: the daemon speaks %d to %d, this peer %d to %d",
			r.GetMinVersion(), r.GetMaxVersion(), wire.MinVersion, wire.MaxVersion)
	}
	return e
}

// checkRoom refuses a room name as the daemon would.
func checkRoom(room string) error {
	if err := wire.CheckRoom(room); err != nil {
		return &RefusedError{Code: wire.Code_CODE_ROOM_ILLEGAL, Reason: err.Error()}
	}
	return nil
}

// checkNick gives the shown form of a nick or refuses it as the daemon would.
func checkNick(nick string) (string, error) {
	shown, err := wire.Nick(nick)
	if err != nil {
		return "", &RefusedError{Code: wire.Code_CODE_NICK_ILLEGAL, Reason: err.Error()}
	}
	return shown, nil
}
