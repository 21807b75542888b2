// Command soak keeps a real daemon under mixed load with faults for a time, and looks at whether it stays as it was:
//
//	soak -bin bin -for 10m -seed 1
//
// # The load
//
// All peers but the joiners reach the daemon through one of two proxies (package impair) that lose 2 % of the datagrams each way, double some and reorder some.
//
//	publishers  one in each room, 20 messages a second, each with its receipt
//	readers     two in each room, one through each proxy: every message that has a receipt must come to each exactly once
//	cat         `yodel read -f --state`, killed with SIGKILL and started again: every message must come at least once
//	talkers     one in each room, 4 s of a tone and a pause
//	hearers     one in each room, which count packets that were not there in time
//	joiners     without proxy: a session begins, joins both rooms, leaves one and ends, ten times a second, at most 15 at once; each fourth ends without BYE
//	hostile     junk of each kind of datagram, 500 a second, from addresses of its own
//
// Rooms are live (no delay) and echo (2 s). Of the faults the proxies make black-outs of 1.5 s, in turns, and one of them is replaced by another on
// the same port, so that the daemon sees its peers come from new addresses.
//
// # What it tells
//
// A row of a table every twentieth of the time: resident memory, threads and descriptors of the daemon (proc_pid_status(5)), messages, voice, and what
// the daemon has dropped. It passes when every receipt is kept, nothing is doubled, voice is heard in both rooms (in runs of 30 s and more), no panic was contained, and the daemon's memory and descriptors are flat:
// of memory the median of the last quarter is at most 10 % or 8 MiB above that of the second quarter (in runs of 2 minutes and more). The exit code is 0 then, 1 otherwise.
//
// # Goroutines
//
// One each actor, started by soak.start and ended by its context; the main one samples.
package main
