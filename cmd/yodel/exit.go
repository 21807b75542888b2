package main

import (
	"context"
	"errors"
	"strings"

	"yodel/cmd/internal/load"
	"yodel/peer"
	"yodel/peer/audio"
	"yodel/peer/audio/ogg"
	"yodel/wire"
	"yodel/wire/secure"
)

// Exit codes; doc.go tells what each stands for.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3
	exitRefused     = 4
)

// failure is an error as it is reported.
type failure struct {
	exit    int
	code    string // for scripts
	message string
	hint    string        // may be empty
	unsent  *unsentObject // nil: nothing is told of lines
}

// kinds maps errors to exit codes, codes and hints; the first that matches holds.
var kinds = []struct {
	err  error
	exit int
	code string
	hint string
}{
	{errUsage, exitUsage, "usage", ""},
	{errConfig, exitUsage, "config", ""},
	{wire.ErrInvite, exitUsage, "invite", "an invite is one line: yodel://HOST[:PORT]/ROOM/KEY"},
	{peer.ErrOtherDaemon, exitRefused, "other_daemon", "the invite is of another daemon than the one that answers there: ask for a new one, and by a way that nobody can change it"},
	{peer.ErrKicked, exitRefused, "kicked", ""},
	{secure.ErrHostKeyChanged, exitRefused, "host_key_changed", "if the daemon was set up anew, remove its line from the known_hosts file; if not, somebody is in between"},
	{wire.ErrNick, exitRefused, "nick_illegal", hintNick},
	{wire.ErrRoomName, exitRefused, "room_illegal", hintRoom},
	{peer.ErrServer, exitUsage, "usage", "a server is HOST, HOST:PORT or [IPV6]:PORT"},
	{peer.ErrEmpty, exitFailed, "empty", ""},
	{peer.ErrTooLong, exitFailed, "too_long", ""},
	{errLineTooLong, exitFailed, "too_long", ""},
	{errNotUTF8, exitFailed, "not_utf8", "text must be UTF-8; iconv -f latin1 -t utf8 makes it so"},
	{errNoReceipt, exitUnreachable, "not_sent", "--timeout 1m waits longer"},
	{peer.ErrUnreachable, exitUnreachable, "unreachable", "is yodeld running there? --server HOST[:PORT] or YODEL_SERVER names another daemon"},
	{peer.ErrLost, exitUnreachable, "lost", ""},
	{errNotSent, exitUnreachable, "not_sent", ""},
	{errStateForm, exitFailed, "state_form", "nothing was changed; name a new file, or one that yodel read --state has made"},
	{errStateInUse, exitFailed, "state_in_use", "each yodel read needs a file of its own"},
	{peer.ErrNoReport, exitUnreachable, "no_report", ""},
	{peer.ErrClosed, exitUnreachable, "lost", ""},
	{errNoAnswer, exitUnreachable, "timeout", "--timeout 1m waits longer"},
	{context.DeadlineExceeded, exitUnreachable, "timeout", "--timeout 30s waits longer"},
	{audio.ErrUnknownCodec, exitUsage, "usage", "the codecs are opus and l16"},
	{audio.ErrBitrate, exitUsage, "usage", ""},
	{audio.ErrFormat, exitUsage, "usage", "raw PCM is described by --format s16le --rate 48000 --channels 1"},
	{audio.ErrNotAudio, exitUsage, "not_audio", "ffmpeg -v error -i FILE -f wav - | yodel talk - takes any sound; raw PCM needs --format s16le --rate 48000 --channels 1"},
	{audio.ErrUnsupported, exitFailed, "unsupported", "ffmpeg -v error -i FILE -ac 1 -ar 48000 -f wav - | yodel talk - takes it"},
	{ogg.ErrDamaged, exitFailed, "damaged", "ffmpeg -v error -i FILE -f wav - | yodel talk - sends what can be read of it"},
	{audio.ErrTruncated, exitFailed, "truncated", "cat FILE | yodel talk - sends what is there"},
	{audio.ErrEmpty, exitFailed, "no_audio", ""},
	{audio.ErrNoOpus, exitFailed, "no_opus", "--codec l16 needs no Opus"},
	{audio.ErrNoSpeaker, exitFailed, "no_speaker", "-o FILE.wav or -o - needs no sound card"},
	{errNoEcho, exitUnreachable, "no_echo", ""},
	{load.ErrConfig, exitUsage, "usage", "yodel bench --help tells the flags"},
	{load.ErrUnreachable, exitUnreachable, "unreachable", "is yodeld running there? --server HOST[:PORT] or YODEL_SERVER names another daemon"},
	{load.ErrFiles, exitFailed, "too_few_files", "ulimit -Hn N, as root, allows more"},
	{load.ErrProcess, exitFailed, "no_process", "--pid is the id of the daemon's process on this machine: pidof yodeld"},
	{load.ErrSystem, exitFailed, "unsupported", ""},
	{errRecorder, exitFailed, "recorder", "YODEL_RECORD names a command that writes a WAV to its standard output"},
}

const (
	hintNick = "a nick has 1 to 32 visible characters: --nick NAME or YODEL_NICK"
	hintRoom = "a room name has 1 to 64 letters, digits and -_. : --room NAME or YODEL_ROOM"
)

// explain turns an error into what is reported and the exit code.
func explain(err error) failure {
	if err == nil {
		return failure{}
	}
	f := failure{exit: exitFailed, code: "failed", message: err.Error()}
	var refused *peer.RefusedError
	var kept *load.RefusedError
	switch {
	case errors.As(err, &refused):
		f.exit, f.code, f.hint = explainRefusal(refused.Code)
		if refused.Code == wire.Code_CODE_ACCESS {
			f.hint = accessHint(refused.Reason, refused.Room)
		}
	case errors.As(err, &kept):
		f.exit, f.code, f.hint = explainRefusal(kept.Code)
		if kept.Code == wire.Code_CODE_ACCESS {
			f.hint = accessHint(kept.Reason, "")
		}
	default:
		for _, k := range kinds {
			if errors.Is(err, k.err) {
				f.exit, f.code, f.hint = k.exit, k.code, k.hint
				break
			}
		}
	}
	var unsent *unsentError
	if errors.As(err, &unsent) {
		f.unsent = &unsent.unsentObject
	}
	var hinted hintError
	if errors.As(err, &hinted) {
		f.hint = hinted.hint
	}
	f.message = wire.Printable(f.message)
	return f
}

// explainRefusal: who may not is refused (4); what cannot be done has failed (1).
func explainRefusal(code wire.Code) (exit int, name, hint string) {
	name = strings.ToLower(strings.TrimPrefix(code.String(), "CODE_"))
	switch code {
	case wire.Code_CODE_NICK_TAKEN:
		return exitRefused, name, "--nick NAME or YODEL_NICK gives another nick"
	case wire.Code_CODE_NICK_ILLEGAL:
		return exitRefused, name, hintNick
	case wire.Code_CODE_ROOM_ILLEGAL:
		return exitRefused, name, hintRoom
	case wire.Code_CODE_STOPPING, wire.Code_CODE_BUSY:
		return exitUnreachable, name, ""
	case wire.Code_CODE_READ_ONLY:
		return exitRefused, name, "nothing is stored until the daemon's disk has room again; what is stored can be read"
	case wire.Code_CODE_EMPTY, wire.Code_CODE_TOO_LONG, wire.Code_CODE_ID_REUSED, wire.Code_CODE_CODEC,
		wire.Code_CODE_PROTOCOL:
		return exitFailed, name, ""
	}
	return exitRefused, name, ""
}

// accessHint tells what helps who may not come in, or not into a room: an invite only where the daemon says that it takes one. For who was put out, kept
// out or replaced nothing helps that is to be done here.
func accessHint(reason, room string) string {
	if room != "" {
		return "no invite helps: who runs the daemon says who may"
	}
	for _, of := range accessHints {
		if strings.HasPrefix(reason, of.says) {
			return of.hint
		}
	}
	return ""
}

// accessHints are by how the refusals of a daemon begin (daemon/access), which is not what an operator has written; the first that fits holds.
var accessHints = []struct{ says, hint string }{
	{"this daemon lets in only keys that it knows, or that bring an invite", "yodel join LINK gets in with an invite; ask who runs the daemon for one"},
	{"this daemon lets in only keys that it knows", "who runs the daemon can let this key in: yodel key prints its fingerprint"},
	{"the invite is used up", hintInvite},
	{"the invite has expired", hintInvite},
	{"this invite is not of this daemon", hintInvite},
}

const hintInvite = "ask who runs the daemon for a new invite"
