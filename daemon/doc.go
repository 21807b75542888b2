// Package daemon is yodeld without its command line: sockets, sessions, rooms, echo and fan-out. [Run] is all of it.
//
// It has two halves. The control plane is the hub: who is where, and what is said in messages. The data plane is the shards, one a core:
// they open what comes in and seal audio for those who hear it, so that audio passes the hub only where it is not settled yet who is at an
// address.
//
// # The way of a datagram
//
//	socket → reader → shard.receive ─┬ STUN, DTLS ──────────────────────────→ door → mailbox → hub.datagram
//	                                 └ SRTP, SRTCP → route → link.open
//	                                                  ├ message, feedback ─────────→ mailbox → session.opened
//	                                                  ├ nobody's ───────────→ door → mailbox → hub.datagram
//	                                                  └ audio → relay.arrive → voice.line (delay, order, repair)
//	line.pop, on arrival or in a turn of the relay → flight → every listener: TxStream.Seal → writer → socket
//
//	door ─┬ a stranger's: STUN → secure.Validator → answer, and nothing is kept; all else is dropped
//	      └ a caller's → hub, in bounds
//	hub.datagram ─┬ STUN with a good nonce → answer, address validated for 30 s
//	              │        └ with USERNAME → pathRequest → question to the old path → move
//	              ├ DTLS → place.pending (secure.Responder) → finished → session
//	              └ SRTP, SRTCP → place.open (nobody's: hint) → session.opened, or relay.arrive
//	session.opened ─┬ packet of the message stream → stream.Stream → requests
//	                └ feedback (acknowledgements, NACK, BYE)
//	roomlog.Append → (on the disk) notices → receipt, credit, room.tail, members' cursors → catchUp → stream.Stream → session.flush → Tx.SealRTP → writer → socket
//	catchUp, of what the tail has no longer → reads → roomlog.Read → notices → member.pages → catchUp
//
// # What there is
//
// The hub's:
//
//   - place: what the address table holds for one address: until when it is validated, a running handshake, the session that
//     is there, guests, and the shard at which its datagrams come in.
//   - figures: what the hub counts for Stats, beside the drops.
//   - session: one secured connection of a peer, with its message stream, its rooms and its talks. Its id names it to its peer.
//   - sessionPath: where a session is, and where its peer says it is going to be: the candidate.
//   - guest: a session that is recognised at an address without being there: what comes is taken, nothing is sent.
//   - census: how many handshakes and sessions there are, in all, and by prefix, IPv6 /48 and identity; the sessions that have not said Hello, by age. makers: how many rooms, and who made them.
//   - pace: at what rate a session gets credit.
//   - work: what a session has had the hub do lately, in units of some 10 µs. Beyond a rate of its own it draws on what all sessions share, a third of a
//     core; when that is used up its requests wait in its stream. Publishes count by the members of a large room only: for the rest they have credit.
//   - credit (wire.Allowance, wire.Budget): how many bytes of Publish or Entry may be sent. A session without credit for entries is a cursor that stands still.
//   - anteroom: the places that are validated and have nothing else, by age, in all and by subnet.
//   - farewell: the BYE packets of a session that has ended.
//   - room, member: who is in a room; a member's cursor says how far it has read the room log. A slow peer is a
//     cursor, never a queue.
//   - tail: the newest entries of a room that has members, up to 256 or 128 KiB, for those who keep up. page: a piece of the room log, up to 128 KiB, on its
//     way through a member who does not; there are 64 at a time (reads).
//   - roster, news: the nicks that are present, sorted; what has changed and was not told yet.
//   - gate: who may come in, and as what: the book (access.Book: keys, bans, invites, holders of nicks), what of it waits for the disk, and the
//     operator's file that is followed.
//
// The hub is a state machine: it has no clock, goroutine or lock of its own, is called with one event at a time, and sends through its
// writer. Its tests run it on a network in memory under a false clock.
//
// The data plane's:
//
//   - shard: a socket, the links of the sessions whose handshake came in there, and the turns of some rooms.
//   - link: the half of a session through which packets go: its keys, where it is, what it talks. Its budget is at what rate packets may come.
//   - route: to whom datagrams of one address can belong. The hub keeps it in step with the place.
//   - door, sketch: what a shard does with datagrams that nobody has opened, and how often it has done so for an address.
//   - mailbox: what has come to a shard and is the hub's business. notices: what the hub is to learn of the voices.
//   - relay: the audio half of a room: its voices, and who hears them. Its home is the shard that gives it its turns, by a hash of the name.
//   - voice, line, anchor: one talkspurt; its delay line; the clock that says when a packet is due. A voice has two halves: who talks and what is told
//     of it are the hub's (voice.go), what has come and what departs is the relay's (track.go).
//   - listener, feed: a member that hears; one voice on its way to it: SSRC, what was sent, what may be resent.
//   - account: what one identity has in all delay lines.
//   - flight: packets of one room that depart together. packet: the plaintext of one.
//   - tally, traffic: datagrams by kind, as one goroutine has counted them and as everybody may know them.
//   - beat: shows that a goroutine goes on.
//   - reception (wire.Reception): what a talker is told in reports.
//   - hearerLoss: what those who hear a voice have reported of its loss. It is the hub's.
//   - socket, writer: what the kernel is asked for, see below.
//
// # Shards
//
// Each shard has a socket on the daemon's port (SO_REUSEPORT). The kernel gives each peer one of them, by a hash of both addresses, and a session's
// link is made where its handshake came in, and stays there. A peer that moves may come in elsewhere: that shard knows nobody at the address and gives
// the datagram to the hub, which opens it and has the route follow (comesVia). Then the reader there opens for a link of another shard,
// under that shard's lock.
//
// Opened audio is copied once, into a packet from a pool, and goes by reference from there: the delay line has one reference for as long as the packet may
// be resent, each flight another, and the last one gives it back. Who puts a packet into its line has its room's flight depart too,
// if its time has come, and seals it for every listener into a writer of its own. A flight is sealed for one shard's listeners after another, 128
// under one hold of the lock. To wake another goroutine costs as much as to send two to four datagrams, so a shard's part is handed to its pump only
// from 1024 datagrams on: a huge room uses all cores, a small one never wakes any. All sockets have one address, so it is no matter from which a datagram goes.
//
// The halves meet at the locks, and wait for each other nowhere else. What happens a few times in a talkspurt (all has come, all is over, a
// new SSRC) is a notice for the hub; what the hub does to a voice it does under the relay's lock (relay.do).
//
// # The door
//
// What nobody's keys have opened is a stranger's or a caller's. Strangers have not shown to be at the address that they send from, which may be
// anybody's. They cost a reader's time and nothing else: of their datagrams nothing is kept and nothing goes to the hub. A Binding Request without a good nonce gets its
// 438 from the reader itself, never longer than the request; DTLS is dropped. Callers have a good nonce, a handshake that runs, or a session that is to be found again; the
// hub decides about them, and the mailbox has a quarter of its room for them.
//
// Answers and calls are rationed: by address (and calls by subnet) in sketches of a fixed size, which forget after a second, and in all of the shard by two
// rates: one for those who have had little in this second, one for all others. So who repeats takes nothing from who comes for the first time, and a
// new peer, which asks three times a second, gets in while a flood from as many addresses as there are uses up the rest. Protected datagrams
// of unknown addresses go to the hub as often as it may answer them with a hint.
//
// A ClientHello comes right behind the request that validates its address, mostly in one read. So the reader itself notes in the route that an
// address is validated, once the hub is going to hear of it (shard.post). The hub's table of such addresses is bounded: the oldest one makes room.
// Handshakes that are begun and left are, too, and sessions that do not say Hello: when there are as many as may be, the oldest gives way. From half as
// many handshakes on an address without a session begins another one in 10 s only.
//
// Behind the reading a datagram from 40,000 strangers costs 0.07 µs (junk), 0.14 (DTLS), 0.3 (SRTP) and 0.6 (STUN) on a core of 2.8 GHz, and an answer
// with its system call 3 µs (BenchmarkStranger). The kernel's buffers of 16 MiB a socket hold 20,000 small datagrams, while the reader is elsewhere for a
// tenth of a second. Where a daemon may not ask for as much they hold what net.core.rmem_max says.
//
// # Gathering
//
// Several datagrams for one receiver are cheaper than as many for several. In a live room with two talkers or more and eight listeners or more the
// first packet waits up to Config.Gather for one of each other talker; in every other one it departs at once. Rooms with a delay play out on one
// common clock of Config.Grid: each packet at the instant nearest to its time, so that the packets of all talkers depart together. A flight is
// sorted by size, for only datagrams of one size make one message in segments (the last may be shorter). What that adds is tick_ms in Joined.
//
// # Sockets
//
// A reader takes up to 64 datagrams with one recvmmsg; a writer gathers datagrams and sends up to 128 messages with one sendmmsg, each of one
// or, to one receiver, several of one size (UDP_SEGMENT). It sends when it is full and at the end of its owner's turn. Buffers are asked for beyond
// the system's limit, what they have become is in the log at the start, and what the kernel drops for want of room is counted (SO_RXQ_OVFL). A
// system without these calls, or a filter of system calls that forbids them, gets a datagram a call; one without SO_REUSEPORT one socket and one shard; a kernel that refuses
// segments single datagrams. The log says which. What a full send buffer does not take is counted and lost, as it might be on the way.
//
// These calls never wait, and are made behind the scheduler's back (RawSyscall6). Told to the scheduler (Syscall6) they would keep the runtime's
// monitor thread awake, which then turns every 20 µs: at some thousand packets a second relaying takes 1.5 to 3 times the processor time so. Who
// has to wait does so in the runtime's poller. That one looks for room to send too, so a socket in it would report each datagram that has gone out, and wake
// two threads for nothing; so the poller has an epoll instance in place of the socket, which looks for datagrams only (socket.detach).
//
// No audio packet allocates, but for the first of an SSRC. UDP_GRO is off: see incoming.
//
// # Who comes in
//
//	Hello → version → gate: access.Book.Admit ─┬ not: Refused (CODE_ACCESS), counted; BYE when that is acknowledged (session.parting)
//	                                           ├ known, or open to all ────────────────────────────────→ resumption, or a place → Welcome
//	                                           └ enrolled by an invite → gate.save → (on the disk) → judged again ──↑
//
// The rules are those of package access. The book is the hub's, in memory, and judged by without a wait. A change of it (an enrolment, a
// Succeed, what the operator asks for: operator_access.go) is answered when it is on the disk: gate.save gives a snapshot to the store's goroutine, all changes that
// are made meanwhile go with the next one, and what cannot be stored is taken back, but for denials, bans and revoked invites, which hold until the daemon ends.
// Holders of nicks alone are stored once a minute and at the end.
//
// Rooms' lists are looked at where something is asked of the room: joinable, mayTalk, hidden. What changes who may do what (a change of the book, of the
// operator's file, of the configuration: accessChanged) has all sessions judged again, a Succeed those of the old key, a move the one that moves: who has lost
// something ends, and is told why (session.judge). The order is one: the book is changed, it is stored (or the change taken back), sessions are judged,
// and then it is answered. Judging goes in passes over the sessions, judgeChunk of them in a turn of which kickChunk may end, and a pass is for all that was changed before
// it (judging), so that neither a ban of everybody nor a flood of changes stops the loop.
//
// A Succeed shows the new key (secure.CheckSuccession), which must be fresh: known to nobody, without sessions and nicks. What a key that is not known
// has, its nicks, is stored like other holders of nicks, and the note about it is in memory only.
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
// told the count, at most once a second and a thousand members a second; one who joins it gets the count and those who talk. A thousand joins at 500 a second cost 0.07 s
// (BenchmarkJoins, without handshakes and system calls), most of it for encryption.
//
// # SSRCs of a voice
//
// The talker sends under one SSRC (source), the room hears another when the talker's sequence number has jumped by more than 2^14
// (split), and a listener hears one of its own after it has missed more than that (renew): in both cases SRTP's receiver would guess
// a wrong rollover counter (secure.MaxJump). Each new SSRC begins with a TalkStart, after the TalkEnd of the old one. Requests of a member count for
// the SSRC under which it hears.
//
// # Repair
//
// A packet is due at its arrival by the anchor, and the delay later; it has its turn lead before, on the grid. What is missing is asked for by
// wire/repair from 20 ms after the gap shows, also before the first and after the last packet that came, until it is due. A repair
// that comes after its turn goes out at once. A packet is kept for resends for 2 s after it was due.
//
// Where repair is too late, in live rooms, talkers send copies of earlier frames, by the loss on both hops. Of theirs the daemon tells in receiver
// reports, one and two seconds after a voice begins and then every 5 s, before repair: a packet that was asked for is lost in them when it has come, too. Of those who hear it
// counts the blocks of their reports in a histogram of each voice, and tells its talker with these reports what one in twenty exceeds at most (TalkLoss). What
// a session reports of a voice counts once in 3.75 s. A packet that came up as a copy alone goes on as a packet, so nobody who hears loses it (relay.fill). Packets with copies (wire.PayloadRED) go through as they are.
//
// # Goroutines
//
//	goroutine            started by      owns                                   stopped by
//	loop                 Run (is Run's)  the hub, all of its half, a writer     ctx
//	reader, one a socket Run             what it has read and opened, a writer  the socket's being closed, after the loop
//	pump, one a shard    Run             a writer                               the loop's end
//	the room log's       roomlog.Open    the database                           Close, at the loop's end
//	the store            openAccess      access.json                            Close, at the loop's end
//	the watch            gate.watch      its look at authorized_keys            the channel gate.stop: at the loop's end, or for another file
//	the last writing     gate.close      access.json, when the store has ended  its end; left behind by an end that is late (a disk that hangs)
//
// What the room log, the store and the watch have done comes to the loop as notices, in order: nothing in the hub waits for a disk. A Join that reads from somewhere in the log
// is answered when the log has told where that is; what the peer sends after it waits in its stream. At the end the loop has the log store all
// that it was given, writes the book a last time, and sends the receipts, before it says BYE.
//
// A pump waits by a timer file in the runtime's poller (alarm), for the reason for which sockets do: what is made ready otherwise wakes another thread
// to look for it. One socket that was passed, or is all that the system gives, has one reader; the sessions are spread over the shards then.
//
// The reader does all the work of what comes in, up to the sending. The pump does what has its time: turns of the relays whose home the shard is, and
// flights that were handed over. The loop is woken by the bell and by its timer, takes what all shards have for it, and sends at the end of the turn.
// The first pump reads the sockets in rounds. An idle session has one place in a heap of timers; a relay without a voice has none.
//
// Handshakes run in the loop, 0.1 ms for each of a peer's two flights: a goroutine for each would cost as much again in waking threads. An
// address begins one in 100 ms at most.
//
// # Rounds
//
// A thread's waking costs 20 to 60 µs of CPU, and a datagram from a sleeping crowd, or of a voice that is heard in two seconds, takes one to three of them
// for 2 to 5 µs of work. So when 250 datagrams a second or more come, all voices are in rooms with a delay of a second or more, and no message was
// published in the last 250 ms, the sockets wake no reader: one pump reads all of them every 20 ms, at the instants of the grid on which it has turns
// anyway, and every 3 ms while somebody joins. The loop says when: a voice that is to be heard at once, the first message, or a rate under 100 or over 5000 a second
// ends the rounds. It is of batched sockets only. A voice's clock does not depend on when its packets are read, for the kernel notes when each came
// (SO_TIMESTAMPNS). Round-trip times seem up to 20 ms longer. With 20 who all talk in a room of 2 s: 1.9 µs a delivered datagram before, 1.1 after.
//
// What else keeps an idle session cheap: a Ping's acknowledgement goes with the Pong; a session that gets answers gets no reports; those that are due go on a grid of
// 250 ms; a room of more than 1000 tells its count to a thousand members a second. Measured with 5000 sessions in a room, each with a Ping every 15 s, on
// two cores of 2.8 GHz that other work shared: 92 to 120 ms of CPU a second and 3400 switches of context before, 20 to 34 ms and 350 to 550 after. Of these 60 % are spent on
// the datagrams, some 14 µs each, for what a session has lies in no cache after 15 s; 20 % on waking, 7 % on garbage, 7 % in the runtime's monitor.
//
// # Locks
//
// In this order; nobody holds two of one kind.
//
//	shard.reading  what the reader, or the first pump in its place, has read and opened; the door
//	relay.mu       the relay, the relay's halves of its voices, its delay lines, its flight
//	shard.mu       the shard's links and their keys, the feeds of its listeners
//	shard.ticks    the turns that relays wait for
//	shard.table    the routes
//	mailbox.mu, notices.mu
//
// The last four are held for a few instructions, with no other taken; there is none that all shards share on the way of a packet but the relay's own.
//
// # The operator
//
// Who looks after the daemon has a [Daemon], which any goroutine may use: it has the loop run something (ask), and waits for what that gives. Lists of
// sessions and rooms are made in chunks of 128, each in a turn of the loop of its own: 16,384 peers cost it 60 ms in all and half a millisecond at once
// (BenchmarkPeers: 3.6 µs each). So a list is not of one instant. Sessions that are kicked end 32 in a turn.
//
// What a session has sent and was sent (traffic) is counted in its link, with the lock that is held there anyway. How well audio gets through
// (quality) is what the reports say: the daemon's own of what comes, the peer's of what it hears. A session that goes on with another's id goes on
// with its figures.
//
// # Panics
//
// A panic ends what it happened in, and not the daemon: a datagram that is opened, a packet that its relay takes, the turn of a voice, the part of
// a flight for one listener, a datagram or a session's timer in the hub, a message, a handshake (contain.go: the kinds of chores). All locks are
// released, what came with it goes on, it is counted ("panic"), and the first of each kind is logged with its stack. The session concerned ends with
// "internal error" at the end of the loop's turn, a voice is taken out of its room, a handshake is forgotten. But nobody's session ends by a
// datagram that was not opened: anyone may have sent that.
//
// Not contained is what others would be left with half of: the room log's writer and what it delivers, the taking out of a session, what rooms
// do at their times, sockets and pools. There a panic ends the process, and whoever runs it starts it again; sessions are resumed then.
// Nor can be what Go gives no way to: a stack that overflows, memory that is used up, a map that two write.
//
// # Figures
//
// [Daemon.Stats] is what there is and what was counted since the start; package metrics shows it to Prometheus. Each thing is counted by who does
// it anyway: a datagram by the goroutine that reads or sends it, in a tally of its own that becomes known once for all that is read or sent together;
// what sessions, handshakes and rooms do by the hub; what is asked of talkers by the shard that gives their room its turns. Nothing is shared by all shards on
// the way of a packet but the drops, which are of what goes wrong. Round-trip times and losses are observed once a report, commits by the room log's writer.
//
// A reason for which something is dropped, refused or made to wait (drop) is in the log within a second of its first time, one line a second at most with what each
// has come to; the first count after a line wakes the loop for that.
//
// [Daemon.Alive] is for a watchdog: the loop is to turn when it is rung for, and a reader or pump that works, or a pump for which something is due, is to take its next
// step (beat). Who waits for datagrams or for its time is alive, unless the socket cannot be read (readFaults) or nobody comes for the next round. The room log's
// writer is left out: a slow disk is no better after a restart. [Daemon.Writable] tells of that one, by the oldest message that waits to be stored.
//
// # An end
//
// When ctx ends the loop takes what is in the mailboxes, sends what is queued, tells every peer three times within 100 ms that the
// daemon is stopping (RTCP BYE), finishes the farewells, and returns. Delay lines are dropped.
//
// # Other settings
//
// [Daemon.Reload] and [Daemon.SetRoom] change settings in one turn of the loop, so that nobody meets half of them. The hub has the configuration for
// itself; what readers and pumps look at as well is atomic (plane.limit) or under the relay's lock (relay.delay); what is kept is handed to the room log's writer.
// A talkspurt keeps the delay with which it began (voice.delay), and goes on with it under another SSRC; of one that is granted and has sent nothing
// it changes. A relay that has changed plays what is left of the old delay at its own times. Gather, Grid, Listen and State stay until a restart.
//
// # Limits
//
// All of them are in limits.go, each with its reason and what counts it; five are settings ([Limits]), the others constants. The principle: everything
// that waits or is kept is bounded, what it costs is bounded by who asks for it, and each limit that bites counts (drops), one log line a second at most.
//
//   - Before there are keys nothing can be said, so what is too much is dropped, and DTLS sends it again (census). Prefixes and the loopback
//     addresses have budgets of their own, so that one does not use up what is another's.
//   - A request for something that is full is refused, with the number (session.limit). A session that does not fit is told at its Hello, and ends
//     when its peer knows; one that takes the place of another, by resumption or at the same address, always fits.
//   - A request that is only too early waits in its stream, whose flow control then holds its peer (session.mayWork), and a publish waits for its credit
//     (pace): who is honest is slowed, never refused.
//   - A packet beyond a session's rate is dropped where it was opened, by the reader (budget), before the hub or a delay line has it: to its sender
//     it is lost on the way. Packets that are not authentic use up nobody's rate.
//   - A packet that finds no room in the delay lines, of its room, its talker or all, is dropped (account), and what is there is played.
//
// A rate is a bucket: a time until which all is paid for. Who made a room of the room log, which counts for makers, is known since the daemon's start only.
package daemon
