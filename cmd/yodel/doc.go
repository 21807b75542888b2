// Command yodel is the peer: it sends messages to rooms, follows them, shouts audio into them and plays
// what comes back. It is a thin program on package peer; bench alone, which loads a daemon, is one on cmd/internal/load.
//
// # How a command runs
//
// main hands the arguments to run, which turns SIGINT, SIGTERM and SIGHUP into the end of a context, and SIGPIPE into
// an error of the write, and calls the command. A command whose context a signal has ended gets 0.8 s to end as well: what nobody
// reads may hold it up for ever, and then run tells the daemon goodbye in its place. Arguments are put in order first (arrange), so that flags may stand anywhere; only
// send refuses a flag after the first word of its text, because that word would be lost. A command gets a
// shell: its standard input, a printer and its settings. A setting is taken from the flag, else from
// the environment (YODEL_SERVER, YODEL_ROOM, YODEL_NICK, YODEL_IDENTITY), else from config.toml, else from its default. Commands return
// errors; only exit.go knows which exit code and which hint an error gets.
//
// The command runs on a goroutine of its own. What waits does so on others that end with the command's context: one reads
// the lines of standard input, one watches whether standard output still has a reader (commands that write to it while they follow a
// room end at once when it has gone), one takes a room's sound to its output, in talk and echo one reads the session's events, and in send and
// chat one waits for the receipts; in chat one more does what was typed, one shows the room, and one runs while the microphone is open, with a second that
// stops the recorder. Opening a file, a recording or, in chat and echo, the sound card runs
// on one that is left behind if a pipe holds it up beyond the context's end, and so do a Read and a Write that are held up, and the reading of an invite (join -). The
// printer is what they share; a write to standard output that blocks holds up only those who write there too.
//
// # Streams
//
// Results go to standard output: messages, lists, receipts, raw audio. Everything else goes to standard
// error: who joined and left (in a room of over 200 how many there are), who speaks, progress (on a terminal only), "yodel: error: …" and
// "yodel: hint: …". With --json, results, events and errors are objects on standard output, one a line, each with
// a "type": message, joined, join, leave, crowd, talk, receipt, who, room, ping, echo, file (of hear --split), enrolled (of join), key, bench, lost, back, truncated, delay, error.
// Times are RFC 3339 in UTC, durations are seconds. Where standard output carries audio (hear -o -), the objects go to
// standard error instead. What came from others reaches no stream unescaped: text through
// wire.Printable, JSON with \u escapes for the same characters, bidirectional overrides among them. Letters that are written from right to left stay.
//
// What others say cannot pass for somebody else's line or for Yodel's own. A message is one line: its line breaks are escaped. On a terminal, lines that
// are longer than it is wide are cut into rows, and each row but the first begins with "  | ". A nick that has a colon, an asterisk, a comma or the
// like stands in quotes, and so does the name of a room that is none.
//
// # What hear shows and writes
//
// While standard error is a terminal, and neither --quiet nor --json, a line is brought up to date eight times a second: the level of what is heard, how long it
// was heard, and the nicks of those who speak, each with the delay of its jitter buffer. It is cut to the terminal's width, and makes way for other lines. Where samples go to
// standard output there is none.
//
// --split has a WAV for each talk, with the silence within it, from its first sample that is heard to its end; with --for, or a signal, to the end of the
// timeline. It takes the place of the speaker, and stands beside -o. A talk that goes on when a session was lost has a file for each part. The folder
// is made if only it is missing, and a file is made in it and removed, before anything is sent. A name is the instant in UTC and the nick (fileNick), of which
// nothing can lead out of the folder; where it is taken, -2, -3 … stands behind it. A file that cannot be written to ends the command (1).
//
// --latency is how deep the jitter buffer of a live room is, over 0 and up to 2 s; auto, the default, follows the network. A room with a delay needs none, and
// says so. The depth that is in use is in each talk of --json ("latency"), and in the lines for people in live rooms.
//
// # A hostile daemon
//
// No command waits for an answer longer than 20 s (--timeout when that is longer), and for the first one not longer than --timeout. read without -f ends when nothing
// is left: after a second in which nothing of the replay came it asks, because messages may have been erased that were promised, and then after 2, 4 and
// 8 s more; of "the last
// N" it prints N. Files are named by the user alone; those of --split are in the user's folder, and bounded in number by the disk. What is remembered of a daemon (known_hosts, --state) has its name as the user gave it, its key, and a log
// id of 16 bytes in hexadecimal digits. The rest is package peer's.
//
// Messages are written to standard output as they come together, in one write of up to some 32 KiB; none is held back for more to come.
//
// # Sound in chat, and the sound check
//
// On a terminal chat hears the room (roomSound): the sound card reads the timeline. While there is none, because it is not open yet, not wanted (--mute), not
// there, or takes nothing for 3 s, the timeline goes on by the clock, so that who speaks is told when it would be heard. An open microphone silences the speaker (half
// duplex): the two would pass a voice round and round. The microphone opens by Enter on an empty line only, and neither by one that was pasted, which is
// within 100 ms of another line before or behind it, nor within 2 s after the recorder has ended by itself, when Enter was meant to end the talk. It closes by Enter, after 10 minutes, and
// when the chat is left, whose end waits for that of the talk. A recorder that does not stop is killed after 2 s, and at the program's
// end; one that fails in mid-talk ends the talk, and is told.
//
// echo keeps what it says, 30 s at most, and gathers its own talk from what is heard, and nothing else of it (peer.HearOptions.Parts). The echo's delay is from
// Talk.Started to the instant of its first sample on the timeline, corrected by the cross-correlation of both with the codec's delay taken out; the buffers of a sound
// card, some 0.1 s, are not in it. Opus goes at 32 kbit/s, or at --bitrate, as the codec alone does. Compared are pieces of 4 s, so that a delay which changes in mid-talk does not count as noise.
//
// # What send promises
//
// Each line stays until it has its receipt, which the daemon gives when the message is on its disk. After a loss of the session, a restart of the
// daemon among them, what has none goes again, in order, with the same ids: so each is stored once. Progress is a receipt, and nothing else: no
// reconnect, and no CODE_BUSY. When lines wait for receipts and none has come for --timeout (20 s when it is not given), send ends with 3; while
// none waits it comes back for ever. When it ends before all have their receipts, for whatever reason, Ctrl-C among them, the error names the lines
// that have none ("lines 1201 to 1240 have no receipt; reading stopped at line 1240"), with --json in "unsent" too. These may be stored nevertheless:
// the receipt may be what was lost.
//
// # The file of read --state
//
// It has a line for each daemon's fingerprint and room: the log's id and the position of the last message that standard output has taken. A new
// file takes its place by rename when reading ends, and once a second while it follows: so a crash, or SIGKILL, may have messages printed again, and has none
// left out. The file is locked (flock) as long as a program uses it: the new one is locked before it has the name. A file that is not of this form, or not a regular file, is
// refused as it is. -n, --since and --after hold where there is no position yet, so that a cron job's line may have them.
//
// # Keys, invites, defaults
//
// In $XDG_CONFIG_HOME/yodel, else ~/.config/yodel, are
//
//	identity.pem      the key, made on first use; --identity names another file
//	identity.pem.new  while key rotate is under way, or was interrupted
//	identity.pem.old  the key before a key rotate; those before further ones are identity.pem.old.1, .2 and so on. None is ever removed or overwritten
//	known_hosts       the keys of daemons; it is beside the identity
//	config.toml       server, room, nick, identity (a path from this folder, or with ~/ from the home): each a text in quotes. Anything else in
//	                  it is a fault (2), told with its line
//	*.lock            hold a program back while another one changes the file
//
// config.toml is the user's; join changes the values of server and room in it and nothing else, under a lock and by rename. It is read by every
// command, at most 64 KiB, and only when it is a regular file. Without HOME and XDG_CONFIG_HOME there is none.
//
// join takes an invite (wire.Invite) in this order, so that a failure leaves config.toml as it was: the link is read, and config.toml is looked at, before
// anything is sent, as far as to write what it would become to a file beside it; the daemon must have the key that the link names (other_daemon) before it is pinned, and known_hosts no other one for the address
// (host_key_changed); the daemon says Welcome, which is the enrolment; config.toml is written. The token is in no error and no log. A daemon that lets
// everybody in, or knows the key, does not say whether the invite was good.
//
// key rotate can be interrupted at each step and goes on when it is run again; rotation in rotate.go tells the steps. It takes the new key for known when the
// daemon has answered so, or refuses the old key with CODE_ACCESS and the reason "this key was replaced by FINGERPRINT" of the new one; a daemon that merely lets
// the new one in may let in all. With --to FILE the new key is that in FILE, and no file changes: so each further daemon, which knows the old key only, is
// told of the same new key, with --identity identity.pem.old --to identity.pem --server HOST.
//
// What the daemon refuses with CODE_ACCESS, at Hello or for a room, also after a reconnect, and a BYE "kicked" or "access withdrawn" end every
// command for good (4), with the codes access and kicked.
//
// # Exit codes
//
//	0    done; also when the reader of standard output has gone (read -f | head -1)
//	1    failed: a file, that of --state among them (not its own, or in use), standard output, a message that cannot be sent, a sound card, a file of sound that is truncated, damaged or of a kind that is not read
//	2    usage: an unknown command, flag, codec, bit rate or format, a fault in config.toml, what is no invite, input that is neither WAV nor Ogg Opus, raw audio to a terminal
//	3    the daemon is unreachable, timed out, or the session was lost; lines of send had no receipt in --timeout; lines of chat had no receipt 5 s after leaving;
//	     nothing of a talk got through, or its end did not; the echo was not heard (talk --hear, echo) 5 s after it was due
//	4    refused: access, kicked, nick (taken or illegal), room, version, the room log is read-only; also by this side when the daemon's key has changed,
//	     or is not that of the invite
//	130  ended by SIGINT, 143 by SIGTERM, 129 by SIGHUP (which is ignored under nohup); files are finished first
package main
