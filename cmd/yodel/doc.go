// Command yodel is the peer: it sends messages to rooms, follows them, shouts audio into them and plays
// what comes back. It is a thin program on package peer.
//
// # How a command runs
//
// main hands the arguments to run, which turns SIGINT and SIGTERM into the end of a context, and SIGPIPE into
// an error of the write, and calls the command. Arguments are put in order first (arrange), so that flags may stand anywhere; only
// send refuses a flag after the first word of its text, because that word would be lost. A command gets a
// shell: its standard input, a printer and its settings. A setting is taken from the flag, else from
// the environment (YODEL_SERVER, YODEL_ROOM, YODEL_NICK, YODEL_IDENTITY), else from its default. Commands return
// errors; only exit.go knows which exit code and which hint an error gets.
//
// What waits does so on goroutines that end with the command's context: one reads the lines of standard input, one
// watches whether standard output still has a reader (commands that follow a room end at once when it has gone), one takes a
// room's sound to its output, and in send and chat one waits for the receipts. The printer is the one thing they share.
//
// # Streams
//
// Results go to standard output: messages, lists, receipts, raw audio. Everything else goes to standard
// error: who joined and left, who speaks, progress (on a terminal only), "yodel: error: …" and
// "yodel: hint: …". With --json, results, events and errors are objects on standard output, one a line, each with
// a "type": message, joined, join, leave, talk, receipt, who, room, ping, key, lost, back, truncated, delay, error.
// Times are RFC 3339 in UTC, durations are seconds. Where standard output carries audio (hear -o -), the objects go to
// standard error instead. What came from others reaches no stream unescaped: text through
// wire.Printable, JSON with \u escapes.
//
// # Exit codes
//
//	0    done; also when the reader of standard output has gone (read -f | head -1)
//	1    failed: a file, a message that cannot be sent, a sound card, a truncated WAV
//	2    usage: an unknown command, flag, codec or format, input that is not WAV, raw audio to a terminal
//	3    the daemon is unreachable, timed out, or the session was lost
//	4    refused: access, nick (taken or illegal), room, version; also by this side when the daemon's key has changed
//	130  ended by SIGINT, 143 by SIGTERM; files are finished first
package main
