// Package load loads a daemon with sessions and measures what comes back: `yodel bench` is its command line, and `make bench` reads
// what that prints. [Run] is all of it. It needs Linux.
//
// # Phases
//
//	joining    sessions begin at JoinRate, at most 64 at once: STUN, DTLS under a key of its own, Hello, Join, Talk
//	settling   all talkers talk, for a second and as long as the room holds packets
//	measuring  For; messages are published, the CPU clock of the daemon's process is read at both ends
//	waiting    until all of it has come, at most 3 s beyond the room's delay (with messages, 5 s)
//	parting    TalkEnd, up to a second for the reports, BYE three times
//
// # The load
//
// A session is one connected UDP socket, keys, a message stream, and counts. It acknowledges, grants credit, sends receiver reports every 5 s
// while audio flows and every 15 s else, and a Ping every 15 s. It does not ask for what was lost, does not answer NACKs, does not
// resume, and does not pin the daemon's key. Audio is told by its clear header (SSRC, sequence number); one packet in 64 of each voice at
// each member is decrypted and compared with what was sent. Talkers send the same random payload again and again, with timestamps
// of 48 kHz. Turns of all talkers are spread evenly over the time between two packets, or all at its beginning (Burst).
//
// # What is counted
//
// Of the packets that talkers sent in the measuring phase: how many datagrams they had to become, which came (once), and how long
// after the talker's send call each was received, less the time for which the room holds packets (delay − lead). Both are read
// from one clock, so that this is one way. CPU a datagram is the process's in the measuring phase (clock_gettime of its CPU clock, to the
// nanosecond, not in ticks of 10 ms) over all audio that was received in that phase. The wake-up of a sleeping receiver is charged to who sends, so
// what one load generator measures must not be compared with what another one does.
//
// # A plain relay
//
// With Plain the same code loads a relay without sessions, in datagrams as long as those that a daemon delivers:
//
//	'J' room                               the sender gets what is sent in the room of that byte
//	'Q'                                    everyone is forgotten
//	0x80 room index (8 bytes) filling      goes unchanged to all who are registered in the room, the sender too if it is
//
// The index is the number of the voice and, in the low 40 bits, that of the packet.
//
// # Goroutines
//
//	goroutine   started by  owns                                          stopped by
//	loop        Run         all members from adopt on, voices, counts     close, after the last phase
//	joiner, 64  joining     one session at a time, until it is adopted    the last number, or ctx
//	reader      entry       the socket during a handshake                 the handshake's end
//	Run's own               the phases; asks the loop by commands
//
// The only lock is that of the loop's commands, and that of what joiners count. Nothing is allocated on the way of an audio packet. The loop receives
// with recvmmsg from sockets that are ready, many datagrams with one call, by raw system calls; it waits by the runtime's poller,
// which knows the loop's epoll set; its timer is a timerfd in that set, for the runtime's are a millisecond late. One loop takes some
// 400,000 datagrams a second (2.8 GHz).
package load
