// Package peer is a client of a Yodel daemon: what cmd/yodel and any bot is written on. It joins rooms, publishes and receives messages,
// talks and hears, and makes a lost session anew.
//
//	c, err := peer.Dial(ctx, peer.Config{Server: "localhost", Identity: id, KnownHosts: known, Nick: "bot", Reconnect: true})
//	joined, err := c.Join(ctx, peer.JoinOptions{Room: "lobby", From: peer.Last(10)})
//	for ev := range c.Events() { … }
//
// # Parts
//
//	Client       the API; every call is a function that is run on the loop, and waits for its reply
//	loop         the goroutine: sockets, timer, calls, frames, events, reconnects, BYE
//	engine       what a client knows over all its sessions: rooms, requests, messages without receipt, talks, events.
//	             No clock, socket or goroutine; `now` is an argument
//	session      what ends with one set of keys: message stream, the links that it uses (paths), streams that are heard. The engine
//	             has one, and for seconds a next or an old one while the keys change
//	paths        the link in use, and the path check: probes of it and of a new one beside it
//	talkOut      a talk on its way out; its talkspurt is what goes under one SSRC: sequence numbers, the packets kept for resending
//	streamIn     a talker's stream on its way in: what is missing and until when it is of use
//	pathLoss     what is known of the loss between a room's talks and those who hear them: how many copies, which bit rate
//	carrier      makes packets that carry copies of the frames before; the talker's
//	credit       wire.Budget: how many bytes of Publish the daemon takes; wire.Allowance: how many of Entry it may send
//	roster       who is in a room, and what of that the user knows
//	Hearing      the playout of a room, between the loop and whoever reads it
//	link         a connected socket with its reader; firstAnswer and handshake make it ready
//	network      what is used of the system: sockets, lookups, news of changes. The tests have one in memory
//
// # Data
//
//	Publish ─► outbox (window: 512 messages, 256 KiB) ─► pause, credit ─► stream.Stream ─► secure.Tx ─► socket
//	Talk.Play ─┬─► Encoder ─► Talk.Write ──┬─► carrier ─► loop: RTP header, history ─► secure.Tx ─► socket
//	           └─► Talk.WritePacket ───────┘   └ copies, bit rate ◄ pathLoss ◄ receiver reports, TalkLoss
//	                                           ▲ NACK: the same packet again (repair.Resender)
//	socket ─► reader ─► loop ─► secure.Rx ─┬─► stream.Stream ─► engine ─► Events, replies, receipts
//	                                       └─► streamIn (repair.Requester: NACK; copies) ─► Hearing: audio.Playout
//	                                                                      Hearing.Read, Pace ◄─┘
//
// # Goroutines
//
//	goroutine        started by        owns                           stopped by
//	loop             Dial              engine, sessions, links, Tx, Rx Close
//	reader           newLink           reads of one socket            link.close: by the loop, or while dialling
//	watch            loop              reads of a route socket (Linux) the loop's end
//	probe            firstAnswer       one link until it has answered an answer, an error, its context
//	handshake        handshake         secure.Handshake               success, failure, its context
//	dialling         loop.dial         the link in the making         its context: Close, the end of the session, a change of the network
//	known hosts      verify            one look into the file         its end, 5 s at most; not waited for when the dialling has ended
//	frame reader     Talk.Play         Reads of the source            the source's end; after Play has returned, the next return of Read
//
// Nothing else runs on its own: Hearing.Pace, Talk.Play and a speaker run on the user's goroutines. After Close none of these is left,
// but a frame reader whose source still blocks, and a look into known_hosts while another program has the file's lock.
//
// # Locks
//
// There are two, and neither is held while the other is taken or while anything waits: shared.mu for the few values that accessors such as
// Client.Nick read, and Hearing.mu for the playout, which the loop feeds and the reader empties. All else belongs to one goroutine.
//
// # Waits
//
// Every wait ends: a call's with its context, with the reply, or when the client is over (Close, or a loss without Reconnect);
// a Publication's in the same way. The loop itself waits for nothing but its select, for a dialling that it has cancelled, and at Close 100 ms
// for the repeated BYE. A lookup is given 2 s once there is an address to fall back on, the daemon 20 s from its first answer to its Welcome.
//
// # Credit and events
//
// Publish and Entry messages need credit, counted in bytes of whole messages of the stream: 256 KiB at the start of each session. A Publish for
// which there is none waits in order, also after a reconnect, when those without receipt go again. The daemon gets credit for
// entries when the user has taken the events or gets them next, or they were dropped as doubles, in steps of 64 KiB. So who does not read Events
// holds back the messages of rooms, and nothing else: receipts, answers and audio go on.
//
// The loop offers a group: the events that waited when the one before had been taken whole. EventGroups takes all of it, Events one after the
// other. A turn of the loop for each event is what a replay would mostly cost: on two cores of 2.8 GHz yodel read took 19 µs of CPU a message with Events, 3 to 4
// with groups. PublishAll is the same the other way: messages that are there together share a call and datagrams (yodel send: 23 µs a line, now 11).
//
// Nothing piles up meanwhile. When 1024 events wait, who comes and goes is only noted, and told as the difference (*Presence) when fewer
// wait; talks that begin then are not told at all. When 8192 wait, which no daemon brings about that keeps to its credit, the
// stream is read no more, and fills; likewise at 1 MiB of messages, which several sessions can bring that were lost one after the other.
//
// # A hostile daemon
//
// A daemon may be anybody's, and so may what members say. What a client takes of it is bounded in limits.go and beside what is bounded:
//
//	an answer        counts when it is of the kind, about the room and, of a Join, with a log id of 16 bytes that the request is for; else none came
//	entries          beyond the credit end the session; over all sessions 1 MiB wait at most
//	own messages     of which 4 MiB are not acknowledged end the session: who asks without end must take the answers
//	texts            nick 128 bytes, address 64, reason 300, media type 127: the rest is cut, with a mark
//	delays           60 s; lead: the delay, and 1.5 s
//	members          of a room 400 are remembered at most: 200, and those who come before others leave in one message
//	before Welcome   nothing but Welcome and Refused is taken
//	talks            1024 announced at once, 5120 SSRCs in a session, 1000 NACKs a second and 50 for each talk that brings packets, of each 896
//	                 packets behind holes
//	new nonces       the first two are used at once, the others at the pace of repetition
//	sessions         that last under 10 s are made anew more slowly each time, up to 3 s apart; new keys 5 s apart
//	the key          is that which the client met first, also without KnownHosts: with another nothing is said, and the client ends
//
// Timestamps, sequence numbers and payloads of any kind are the playout's to bound: the timeline is real time.
//
// # Presence
//
// The members of a room are remembered up to 200. A change is told when it is one: the Joined of a resumption is compared with what the user
// knows, and a change that was gathered before it is not told again. Of a larger room only the number is known (*Crowd); what is told of it
// when it has shrunk is not compared with anything until the next Joined.
//
// # Setting up
//
//	round trip 1  Binding Request                      ◄ nonce    (several addresses: 250 ms apart, IPv6 first)
//	           2  the same with the nonce, ClientHello ◄ ServerHello …
//	           3  certificate … Finished               ◄ Finished: the keys are there, Dial returns
//	           4  Hello, and what is asked until then: Join, Publish, Talk ◄ Welcome, Joined, Receipt
//
// A refusal of Hello ends the client, so the first call gets it. Every Hello before the first Welcome carries the token of Config.Invite.
//
// The daemon's key is looked at in this order, before anything but the handshake is sent: Config.Daemon (ErrOtherDaemon), the key that the client met
// before, KnownHosts (secure.ErrHostKeyChanged), which pins it when the address is new.
//
// # Paths
//
// A session is its keys, not its addresses. A path check asks the daemon, by a path request with the session's id and an authentic answer,
// whether it still has the session and where; it repeats the request after 250 ms to 1 s, anew after 3 s, until there is an answer or the session is
// dead. It begins
//
//   - with a hint of the daemon, which does not know the address that it is sent from; once a second at most, because anyone can forge one;
//   - 5 s after the later of the last sign of life and of the sending of what has no answer: an idle session asks nothing (before that, after 0.5, 1, 2
//     and 4 s, a report goes out, which is long enough for a hint where what was sent is not);
//   - when a stream that is heard pauses, or does not begin, and when the network takes no datagram (no route, the local address is gone);
//   - when a change of the network has given the daemon another local address here (told on Linux by a route socket, elsewhere found
//     out by the two before this).
//
// In all but the first it asks from a new socket too if the local address towards the daemon is another now, and then does not answer the daemon's own
// question on the old one: so the daemon lets the session move. It goes on there with the same keys, streams and SSRCs; what comes on the old
// socket is taken for 2 s. A new socket from which there is no answer in 10 s, while the old one works, is given up. What is not
// authentic can do no more than begin a check, but for the error 401 (the daemon does not know the session), which must name the
// random transaction id of the request. Who sees the request could say that too: it ends the session when nothing authentic has come for two
// round trips after it, 100 to 500 ms, and the next one is made at once. Before Welcome, when there is nothing to ask with, a hint counts
// like that error once Hello has had no answer for a second: the daemon was started again just then.
//
// # New keys
//
// After 24 h, 2^30 packets or 4096 SSRCs of one direction the loop shakes hands again while the session goes on, over another socket. The new
// session says Hello with the id of the present one, Join after the last position for each room, Talk for each talk. Until its Welcome the
// present one carries everything; from then on the new one does: calls without reply and messages without receipt go again in it, streams that are heard
// are taken in both. A talk goes on in the old one until its TalkGranted: there its talkspurt ends after the last frame, here another begins with the
// next. The old session is closed with BYE when its talkspurts have their reports, after 10 s at the latest. Entries of a room are taken from the
// new session only behind its Joined, because those before it do not follow on what has come. If the handshake fails, or Hello is refused, it is
// tried again 5 s to 10 min later; nothing is told of all this, but who came and went meanwhile, as *Presence.
// A Welcome with another id tells that the daemon has been started again: the present session is lost.
//
// # Reconnects
//
// A session is lost by BYE, by an ICMP "port unreachable" (nothing listens there any more), by error 401 to a path request, or after 30 s of
// silence. An ICMP "too long for the path" is no end; it is told with the end that follows. With Config.Reconnect the loop dials again for ever,
// 100 ms to 3 s apart, at once after 401 in a session that had lasted 10 s and when the network changes: within 5 s of the network's return there is a session again. It
// begins with one flight: Hello with the old session's id, a Join after the last position for each room, Talk for each talk, the requests that have no reply,
// and the messages that have no
// receipt, with the ids that they had. So a message is stored once, whichever of the two, message or receipt, was lost.
// A replay of the last n messages of which nothing had come yet goes on with these n and all that came meanwhile: a Join after what was the newest tells
// how many these are, and a second one is for the last n and so many; in a room that is never quiet the fourth try is for more than that.
// Events delivers a position once: what is not beyond the last one of the same log is dropped. A log with another id, or one that was put back to
// a state before what was delivered, begins at its oldest message, after *Truncated. Streams that are heard begin anew under numbers of their own, because a daemon that was started again may
// give the same SSRC to another talker; the timeline of the Hearing goes on.
//
// A message that the daemon can not take now (CODE_BUSY, CODE_STOPPING) stays, too. Those that are refused so go again in their order after 100 ms, then
// twice as long each time up to 2 s, and nothing new goes before them; a receipt ends the doubling, a new session the pause. What the daemon took
// behind one that it refused keeps its place.
//
// *Lost is told at once. Only after "port unreachable", which may be of the moment, it waits until the first try to come back has failed, 1 s at
// most; when the daemon then gives the session its old id it had never lost it, and neither *Lost nor *Back is told.
//
// BYE is said, three times within 100 ms, in a session that the peer ends: by Close, for a fault of the daemon, when new keys have taken its
// place, and when the client ends with it. It is not said in one that is lost and made anew, which the daemon may still have and go on with.
//
// A room that the daemon cannot take yet ("stopping", "limit") is asked for again, 100 ms to 3 s apart, and then the talks in it; *Back
// waits for it. One that is refused for good is told as *RoomLost, or ends the client when it was the last one.
//
// What else ends for good, also with Reconnect: a refusal of the session other than "stopping" and "limit", a BYE "kicked" (ErrKicked) or "access
// withdrawn" (a *RefusedError with CODE_ACCESS), and a daemon with another key.
//
// # Panics
//
// A panic in the work of one datagram or of one message of the daemon drops that one (faults), and the first is logged with its stack: a program that
// hears for weeks does not end by a packet. Calls of the user's, and what runs at its time, are not contained.
//
// # Audio
//
// Play goes by the clock of this machine, unless the source is live: one that was waited for a quarter of the last 2 s, although it is read 16 frames
// ahead. Then the timeline moves by up to 2 ms every 2 s so that the latest of its frames is sent when it comes, and the timestamps go on
// without a jump. Simulated with sound cards of ±500 millionths, in pieces of 10 and of 120 ms: after ten minutes nothing waits longer than a piece and 10 ms.
//
// The daemon announces a talk when it begins, and its packets come the room's delay less the lead later. So a stream's first packet
// counts as lost only when another has come, or 100 ms after it was expected; the last one, when all that are outstanding could have come and
// 100 ms have passed. What is missing is
// asked for until the packet behind it is played. Packets that overtake their announcement are kept, 160 of them.
//
// A stream that pauses without its end may be a talker who is slow, or a path that is dead. Eight times, each 250 ms, the hearer asks for what
// should have come and is still of use: what was sent of it comes, and shows all that is missing. At 250 ms, 500 ms, 1 s and 2 s it sends a
// report and doubts its path (doubtPath). After the end of a talk its last packet goes again each 200 ms, at most 8 times as every
// packet, until the report has come: it shows the daemon what is missing also when the message of the end is held up.
//
// Simulated (lossy_test.go) with 30 ± 10 ms each way and a delay of 2 s, of a minute's frames on one hop: none lost at 20 % loss each way,
// 0.02 % at 40 %; a second without network leaves no hole, wherever in a talk it comes.
//
// What is placed by the clock is placed wrong when this machine stood still: Pace waits 30 ms then for what was sent meanwhile, and packets that come
// while it waits are placed by what was read. A sound card that takes much at once is ahead of the clock by the most of the last 250 to 500 ms.
//
// A voice may go on under another SSRC in mid-talk; that is the end of one talk and the start of the next, without a seam in the sound.
//
// Reports (RFC 3550, 6.4) go every 5 s while audio flows, about 1 s after a voice is first heard, every 4 to 5 s in a room, else every 15 s: a receiver report with a block for each stream, of at least 56 bytes, and
// behind it in the packet a sender report for each talk, without blocks.
//
// Nothing is allocated per packet of audio, sending or receiving (there are tests for it).
//
// # Loss
//
// In a room with a delay NACKs repair what is lost. In a live room, and where the lead is under four round trips and 60 ms, an answer is mostly too late: a
// hearer asks only if the round trip is under its depth and 20 ms, and the talker of Opus carries up to two earlier frames again in each packet (RFC 2198). How many
// follows from p, the greater loss of two: of the daemon's hop (its receiver reports), and of both hops as those who hear report it (TalkLoss): none below 1 %, one up to 4 %, else
// two; more at once, fewer after 20 s below half of that. A talk begins with one, or with what another has learned there in the last minute. Of the frames of a minute
// in a live room so 0.1 to 0.3 % do not come at 5 % loss each hop, 0.7 to 1 % at 10 % (redundancy_live_test.go).
//
// The bit rate begins with 32 kbit/s and goes up by 16, to 96, after each 10 s with p below 1 %. It goes down when p is over 15 %, to 32 kbit/s; and to 16 only over
// 50 %: with 19 % loss and two copies speech has 18.2 dB fwSNRseg at 32 kbit/s, and 13.6 at 16 without any loss. Copies and bit rate depend on the loss alone, so that
// sizes tell nothing (RFC 6562).
package peer
