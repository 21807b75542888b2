// Yodeld is the daemon: it keeps the address table of clients and relays messages and audio between the members of
// rooms.
//
//	yodeld serve [--listen A] [--access open] [--state DIR] [--delay D] [--room NAME=DELAY[,keep=N...] ...] [--keep N ...] [--max-sessions N ...]
//	yodeld key [--state DIR]
//	yodeld backup [--state DIR] FILE
//	yodeld history delete [--state DIR] POS | --from FINGERPRINT
//
// Serve runs in the foreground until SIGTERM or SIGINT, prints one line on standard output when it can be used, and logs to
// standard error. Under systemd it reports readiness through the notify socket. Exit codes: 0 done, 1 failed, 2 usage, 4 nothing there to be
// erased.
package main
