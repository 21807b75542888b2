// Package logtest tries out whether the room log of the real programs keeps what it has receipted: `make test-log`. It has tests only; a plain
// `go test` runs the short form in about half a minute.
//
// A trial is something that is done to a daemon, its disk or its files, and what must be true afterwards (trials_test.go lists all). Each has a world
// of its own: a folder, a daemon on a port of this machine, and peers. Those under load have programs that write numbered lines and programs that follow
// (traffic_test.go), mostly over a lossy path, and at the end a ledger (ledger_test.go): every line with a receipt is in the log exactly once, at the position of its
// receipt; positions increase; the lines of a sender are in their order; every follower has read what is in the log, once and in its
// order; every sender has ended with 0. The ledger's own tests show that it finds each fault.
//
//	kill -9, SIGTERM   the daemon, at random moments while lines come in; the programs find it again by themselves
//	power cut          an ext4 file system in a file, shut down without its journal (FS_IOC_SHUTDOWN); a file that was not synced must be gone,
//	                   or it was no power cut. A drive that lies about its cache is not tried
//	slow disk          strace makes each sync of the daemon 50 ms longer, 200 ms in the short form; it stops no other system call, so a voice is timed at the same time
//	disk full          a small tmpfs
//	damage             of messages, pages, the header, the length, the version, the folder's rights, two daemons
//	resends            sessions by hand (session_test.go), which choose their ids
//	backup, erasure    beside a running daemon; the stock sqlite3 reads its file
//	figures            rates, latencies, memory, of the full form: the best of three, as others on the machine only take away
//
// # Settings
//
//	YODEL_LOG_FORM=full   all trials, each as often as the full form has it (else the short form)
//	YODEL_LOG_SEED=7      the seed of all that is random (1)
//	YODEL_LOG_TRIALS=RE   only the trials whose name matches, at least once each, also those that the form leaves out
//	YODEL_LOG_KEEP=DIR    keep every trial's folder there, with the standard error of all programs
//	YODEL_BIN=DIR         the folder of yodel and yodeld (else they are built)
//
// As root the suite runs itself once more as the first process of a process namespace with mounts of its own (enclose_test.go), so that nothing
// which it has started or mounted is left, however it ends. Without root it cannot mount: those trials are skipped, loudly, and with CI=true fail.
//
// The short form runs on machines that others use: its bars of time are ten times as wide, and steps may take a minute.
//
// Trials run beside each other, as they mostly wait; those that measure run alone, before all others.
package logtest
