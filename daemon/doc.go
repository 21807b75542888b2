// Package daemon is yodeld without its command line: sockets, sessions, rooms, echo and fan-out. [Run] is all of it.
//
// # The way of a datagram
//
//	socket → read → loop → hub.datagram ─ STUN ─→ secure.Validator → answer, address validated for 30 s
//	                                    ├ DTLS ─→ place.pending (secure.Handshake in a goroutine) → finished → session
//	                                    └ SRTP, SRTCP → place.session.open → message packet → stream.Stream → requests
//	                                                                      → audio packet → voice.line (delay, order, repair)
//	                                                                      → feedback (acknowledgements, NACK, BYE)
//	voice.tick → line.pop → every member that hears: Tx.SealRTP → socket
//	roomlog.Append → receipt, members' cursors → catchUp → stream.Stream → session.flush → Tx.SealRTP → socket
//
// # What there is
//
//   - place: what the address table holds for one address: until when it is validated, a running handshake, a session.
//   - session: one secured connection of a peer, with its message stream, its rooms and its talks.
//   - room, member: who is in a room; a member's cursor says how far it has read the room log. A slow peer is a
//     cursor, never a queue.
//   - voice, line, anchor: one talkspurt under one SSRC; its delay line; the clock that says when a packet is due.
//   - nicks: who holds which nick.
//
// The hub owns all of these. It is a state machine: it has no clock, goroutine or lock, is called with one event at
// a time, and sends through a function. Its tests run it on a network in memory under a false clock.
//
// # Goroutines
//
//	goroutine   started by      owns                          stopped by
//	loop        Run (is Run's)  the hub and all in it         ctx
//	read        Run             nothing; fills pooled buffers the socket's being closed, after the loop
//	handshake   hub.begin       its MemConn and DTLS state    its end, its time limit (15 s), or stop
//
// There is no lock. Goroutines other than the loop hand it functions to run (hub.post); what is left of these after the
// loop's end is run by Run, so that nothing of a handshake stays. Shared are the socket's write, for handshakes send by
// themselves, and the pool of the reader's buffers.
//
// # An end
//
// When ctx ends the loop takes up to 64 of the datagrams that have already arrived, sends what is queued, tells every peer three times within 100 ms that the
// daemon is stopping (RTCP BYE), cancels the handshakes, and returns. Delay lines are dropped.
//
// # Limits
//
// Everything that waits is bounded, and what is full drops by rule and counts (drops): 1024 datagrams between reader and
// loop, 512 handshakes, 8 packets that come before their keys, 8 open streams a session and 1024 a room, 8192 packets a stream
// and 128 MiB a room in the delay lines, 10,000 rooms, 4 MiB of messages that a peer has not acknowledged. Requests of a peer
// wait while 128 KiB of answers do. What was dropped is one log line a second at most.
package daemon
