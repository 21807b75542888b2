// Package daemon is yodeld without its command line: sockets, sessions, rooms, echo and fan-out. [Run] is all of it.
//
// # The way of a datagram
//
//	socket → read → loop → hub.datagram ─ STUN ─→ secure.Validator → answer, address validated for 30 s
//	                                    │         └ with USERNAME → pathRequest → question to the old path → move
//	                                    ├ DTLS ─→ place.pending (secure.Responder) → finished → session
//	                                    └ SRTP, SRTCP → place.open → session.open → (nobody's: hint)
//	                                                                      → message packet → stream.Stream → requests
//	                                                                      → audio packet → voice.line (delay, order, repair)
//	                                                                      → feedback (acknowledgements, NACK, BYE)
//	voice.tick → line.pop → every member that hears: Tx.SealRTP → socket
//	roomlog.Append → receipt, credit, members' cursors → catchUp → stream.Stream → session.flush → Tx.SealRTP → socket
//
// # What there is
//
//   - place: what the address table holds for one address: until when it is validated, a running handshake, the session that
//     is there, and guests.
//   - session: one secured connection of a peer, with its message stream, its rooms and its talks. Its id names it to its peer.
//   - sessionPath: where a session is, and where its peer says it is going to be: the candidate.
//   - guest: a session that is recognised at an address without being there: what comes is taken, nothing is sent.
//   - credit (wire.Allowance, wire.Budget): how many bytes of Publish or Entry may be sent. A session without credit for entries is a cursor that stands still.
//   - farewell: the BYE packets of a session that has ended.
//   - room, member: who is in a room; a member's cursor says how far it has read the room log. A slow peer is a
//     cursor, never a queue.
//   - roster, news: the nicks that are present, sorted; what has changed and was not told yet.
//   - voice, line, anchor: one talkspurt; its delay line; the clock that says when a packet is due.
//   - feed: a voice on its way to one member.
//   - reception (wire.Reception): what a talker is told in reports.
//   - nicks: who holds which nick.
//
// The hub owns all of these. It is a state machine: it has no clock, goroutine or lock, is called with one event at
// a time, and sends through a function. Its tests run it on a network in memory under a false clock.
//
// # Where a session is
//
// A session is at one address; place.session and session.addr say the same. A path request (STUN with USERNAME) comes with a nonce that only its address was
// given, an integrity that only the peer can make, and a count: a copy from elsewhere has the wrong nonce, a late one the wrong count.
// From another address than the session's it makes a candidate. The old path is asked three times in 2 round-trip times (100 to 500 ms);
// when it answers the session stays, else it moves, at most once a second. The address that it leaves stays a guest's for 10 s.
//
// Who shows to be at an address gets it, by a handshake or by a move. A session that was there is displaced: it sends nothing, and dies or
// moves. Of the same identity it is taken for a program that was started anew, and ends with the new one's Hello.
//
// # One session after another
//
// Hello may name a session of the same identity. The new session takes over its id, nick and members; a member that has moved gets no entries
// until its Join says from where. The old one fades: it is nowhere but in the hub's list and in its voices, hears its last packets, and
// ends without a word when its voices are reported, at its peer's BYE, or after 10 s. It is the new one's old session, that one its next; when
// the next is taken over itself, the old one ends at once.
//
// In the first 30 s of the daemon a Hello that names an unknown session comes from before a restart: joins are not announced.
//
// # Presence
//
// A room of up to 32 nicks hears of each arrival and departure at once. In one of up to 200 they are gathered for a second: each
// member is told what they come to since it was told last, which for most is the same message. In a larger one the members are
// told the count, at most once a second; one who joins it gets the count and those who talk. A thousand joins at 500 a second cost 0.07 s
// (BenchmarkJoins, without handshakes and system calls), most of it for encryption.
//
// # SSRCs of a voice
//
// The talker sends under one SSRC (source), the room hears another when the talker's sequence number has jumped by more than 2^14
// (split), and a member hears one of its own after it has missed more than that (renew): in both cases SRTP's receiver would guess
// a wrong rollover counter (secure.MaxJump). Each new SSRC begins with a TalkStart, after the TalkEnd of the old one. Requests of a member count for
// the SSRC under which it hears.
//
// # Repair
//
// A packet is due at its arrival by the anchor, and the delay later; it has its turn lead before. What is missing is asked for by
// wire/repair from 20 ms after the gap shows, also before the first and after the last packet that came, until it is due. A repair
// that comes after its turn goes out at once. A packet is kept for resends for 2 s after it was due.
//
// # Goroutines
//
//	goroutine   started by      owns                          stopped by
//	loop        Run (is Run's)  the hub and all in it         ctx
//	read        Run             nothing; fills pooled buffers the socket's being closed, after the loop
//
// Handshakes run in the loop, 0.1 ms for each of a peer's two flights: a goroutine for each would cost as much again in waking threads. An
// address begins one in 100 ms at most.
//
// # An end
//
// When ctx ends the loop takes up to 64 of the datagrams that have already arrived, sends what is queued, tells every peer three times within 100 ms that the
// daemon is stopping (RTCP BYE), finishes the farewells, and returns. Delay lines are dropped.
//
// # Limits
//
// Everything that waits is bounded, and what is full drops by rule and counts (drops): 1024 datagrams between reader and
// loop, 512 handshakes, 8 open streams a session and 1024 a room, 8192 packets a stream
// and 128 MiB a room in the delay lines, 10,000 rooms, 4 MiB of messages that a peer has not acknowledged. Requests of a peer
// wait while 128 KiB of answers do. Publishes beyond the credit of 256 KiB end the session; entries beyond it wait. 100 hints go out in any
// second, 10 of them to one address. A session has one candidate, one question (three datagrams) for a move, one move a second, one old session; an address four guests. A session ends
// when its keys are used a quarter beyond what a peer may: 30 h, 5·2^28 packets or 5120 SSRCs of one direction. At most 200 changes of a
// room are gathered, 200 members listed, 32 streams named in a Joined (the others follow), 128 voices of one identity kept in a room,
// 32 nicks held by it. What was dropped is one log line a second at most.
package daemon
