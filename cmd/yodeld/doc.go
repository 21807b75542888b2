// Yodeld is the daemon: it keeps the address table of clients and relays messages and audio between the members of
// rooms.
//
//	yodeld serve [--config FILE] [--listen A] [--access open|known|invite] [--state DIR] [--delay D] [--room NAME=DELAY[,keep=N...] ...] [...]
//	yodeld config default | check [FILE]
//	yodeld key [--state DIR]                                                      without --state of the running service, if there is one
//	yodeld backup [--state DIR] FILE
//	yodeld history delete [--state DIR] POS | --from FINGERPRINT
//
// Serve runs in the foreground until SIGTERM or SIGINT, prints one line on standard output when it can be used, and logs to
// standard error, as entries with fields when that is the journal. Metrics and health are shown by HTTP where --http says, or at the TCP socket that systemd passes.
// Under systemd it reports readiness, its status and that it is alive through the notify socket.
//
// These talk to a daemon that runs, through its control socket (package daemon/control), which root and the daemon's group may use:
//
//	yodeld invite [--room R] [--uses N] [--expires D] [--host H] [--role R ...]   prints the link alone on standard output
//	yodeld invites
//	yodeld invite revoke ID
//	yodeld status
//	yodeld peers
//	yodeld rooms
//	yodeld room set NAME [--delay D] [--keep N] [--keep-age TIME] [--keep-bytes SIZE]
//	yodeld kick NICK | FINGERPRINT [--nick] [--room R] [--reason TEXT]
//	yodeld ban FINGERPRINT | ADDRESS | PREFIX | NICK [--nick | --prefix] [--for D] [--reason TEXT]
//	yodeld unban FINGERPRINT | ADDRESS | PREFIX
//	yodeld bans
//	yodeld key allow FINGERPRINT [--nick N] [--role R ...]
//	yodeld key deny FINGERPRINT [--reason TEXT]
//	yodeld key list
//	yodeld stop                                                                   waits up to 15 s until the daemon has ended
//
// The socket is that of --control (YODELD_CONTROL), else control.sock in the folder of --state (YODELD_STATE), else /run/yodel/control.sock if there is one,
// else that in the usual state folder. Serve makes it where --control or its configuration says, else in $RUNTIME_DIRECTORY, else in its state folder. Flags
// may stand behind arguments, until "--". With --json each prints one JSON object a line, with a "type". Tables have two blanks or more between columns, and no
// cell has; text from peers is escaped in both, and - is what is not known. A nick that could pass for an address, a fingerprint or
// "-" is in quotes in tables; ban takes no address that somebody there has as a nick, unless --prefix or --nick says what is meant.
//
// Exit codes: 0 done; 1 failed; 2 usage, and values that the daemon finds wrong; 3 the daemon is not running or does not answer within 10 s; 4 refused, or no
// permission for the socket, or there is nobody or nothing of that name. Errors are "yodeld: error: …" on standard error, what may help "yodeld: hint: …".
//
// # Settings
//
// Each of them is in one table (allSettings): its flag, its variable, its key in the configuration file, what holds when nothing is said, and how it is
// read. The flags, their help, the reader of the file and the file that config default prints come of it.
//
//	flag > YODELD_ and the flag's name > --config FILE (TOML) > what is usual     (readSettings)
//	FILE → its keys in their order, each value checked by itself (fileReader) → all together (daemon.Config.Check)
//	SIGHUP → read anew, with the same flags and variables → daemon.Reload → the log     (reloader)
//
// A file is at most 1 MiB; what is wrong in it is told with its lines, up to 20 at once, and then none of it is taken. Of a room each setting is of who
// wins, so that a flag for a room's delay does not open a room that the file keeps for some. Paths in the file are relative to its folder.
//
// The daemon's key is the credential yodeld.identity ($CREDENTIALS_DIRECTORY) where there is one, else identity.pem in the state folder.
//
// # Goroutines of serve
//
//	goroutine              started by    stopped by
//	daemon.Run             serve's own   the context: SIGTERM, SIGINT
//	HTTP server            when ready    watched.stop, after Run, within a second
//	supervisor             when ready    watched.stop, after Run
//	reloader               when ready    the context; reloads at each SIGHUP, which is caught from the beginning until the process ends
//	control server         when ready    controller.close, after Run
//	patience for a start   serve         when ready, or with the context
//	flush of the log       its timer     ends by itself; serve waits for the last one, up to 2 s
//	"stopping" to systemd  the context   ends by itself
//
// The log never waits for who reads it: lines are gathered for 50 ms and written by a timer's goroutine, to standard error in one write, to the journal one
// datagram an entry; 1 MiB may wait, and what finds no room is counted and told, as are entries behind one that the journal has not read within a second. While
// the room log is opened, which may take long, systemd is told every 3 s to wait for 30 s more. While the daemon stops, which has bounds of its own, the watchdog is fed
// without a look.
package main
