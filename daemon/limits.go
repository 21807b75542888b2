package daemon

import (
	"fmt"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

// Limits are those that a user may set. Zero Limits are DefaultLimits.
type Limits struct {
	// Sessions bounds the sessions that have said Hello.
	Sessions int
	// Rooms bounds the rooms in which somebody is and those in the room log, together; one identity may make half of them.
	Rooms int
	// Members bounds the sessions in one room, those that only read among them.
	Members int
	// PublishRate is how many bytes of Publish messages a second a session is given credit for; 0 is any number. At least minPublishRate.
	PublishRate int64
	// EchoBytes bounds what waits in all delay lines.
	EchoBytes int64
}

// DefaultLimits fit a machine of 2 GiB.
var DefaultLimits = Limits{
	Sessions:    16384,     // at under 10 KiB each when idle
	Rooms:       20_000,    // at 1 KiB each, and a list of them that costs some ms
	Members:     16384,     // all sessions may be in one room
	PublishRate: 16 << 20,  // four times the fastest pipe of lines, and less than a disk writes
	EchoBytes:   512 << 20, // an hour and a half of lossless voices, days of Opus
}

// Bounds of the settings.
const (
	// minPublishRate keeps a second between two grants of credit at most.
	minPublishRate = wire.CreditStep
	// maxCount bounds sessions, rooms and members: no machine holds as many, and what is reckoned with them stays in range.
	maxCount = 1 << 24
	// maxStep bounds Gather and Grid: more is a delay that one hears.
	maxStep = 100 * time.Millisecond
)

// check tells what is wrong with the limits.
func (l *Limits) check() error {
	if *l == (Limits{}) {
		*l = DefaultLimits
	}
	switch {
	case l.Sessions < 1 || l.Rooms < 1 || l.Members < 1:
		return fmt.Errorf("%w: at most %d sessions, %d rooms, %d members of a room: each must be 1 or more", ErrConfig, l.Sessions, l.Rooms, l.Members)
	case max(l.Sessions, l.Rooms, l.Members) > maxCount:
		return fmt.Errorf("%w: at most %d sessions, %d rooms, %d members of a room: each must be %d or less", ErrConfig, l.Sessions, l.Rooms, l.Members, maxCount)
	case l.PublishRate < 0 || l.PublishRate > 0 && l.PublishRate < minPublishRate:
		return fmt.Errorf("%w: a publish rate of %d bytes a second: it must be 0 for any rate, or at least %d", ErrConfig, l.PublishRate, minPublishRate)
	case l.EchoBytes < 1:
		return fmt.Errorf("%w: %d bytes of echo: it must be 1 or more", ErrConfig, l.EchoBytes)
	}
	return nil
}

// roomsOfOne is how many rooms one identity may have made, so that it leaves some to others.
func (l *Limits) roomsOfOne() int { return max(1, l.Rooms/2) }

// Before there is a session. What is beyond is dropped, for nothing else may be said to who has no keys; DTLS sends it again. Counted as "too many
// handshakes". A prefix is an IPv4 address or an IPv6 /64, which one subscriber has; loopback addresses are of none. The machine's other
// addresses are like everyone's.
const (
	// maxPending bounds the handshakes that run at once: 2 KiB each, and up to 16 KiB of what their peers sent, for up to 15 s.
	maxPending = 512
	// maxPendingOf bounds those of a prefix: a club behind one NAT whose peers all come back at once.
	maxPendingOf = 32
	// maxGreetless bounds the sessions that have not said Hello yet, under 20 KiB each for up to 10 s. An honest peer says it at once. Beyond that the
	// oldest ends for a handshake that begins, as handshakes do for each other (pendingLeast).
	maxGreetless = 1024
	// handshakeEvery is how often one address may begin a handshake: each costs the loop a signature.
	handshakeEvery = 100 * time.Millisecond
	// handshakeRate is how many may begin in a second, of all but loopback addresses: at 0.2 ms each a tenth of the loop's time.
	handshakeRate, handshakeBurst = 500, 1000
	// handshakeRateOf is that of a prefix, so that fewer than a score of them do not have it all.
	handshakeRateOf, handshakeBurstOf = 20, 100
	// ofSite is how many times that of a prefix all prefixes of an IPv6 /48 have, as they have of maxPendingOf and maxSessionsOf: many a provider gives
	// one to a customer, who has 65,536 prefixes so. It leaves two thirds of handshakeRate to others.
	ofSite = 8
	// handshakeRateHere is that of loopback addresses, whose users are this machine's: under half of the loop's time.
	handshakeRateHere, handshakeBurstHere = 2000, 4000
	// maxPrefixes bounds the prefixes of which something is known, a hundred bytes each. Those without handshake and session are forgotten when they
	// are and their rate is at rest, which is after 5 s.
	maxPrefixes = 65536
)

// Sessions. Who says Hello beyond these is refused (LIMIT) and ended, and counted as "too many sessions". A session that takes another one's place, by
// resumption or at the same address, is none more.
const (
	// maxSessionsOf bounds those of a prefix: a site with its bots behind one NAT, and a 64th of the default for all.
	maxSessionsOf = 256
	// maxSessionsBy bounds those of an identity: each of a script's runs is one until it says BYE, or for 30 s when it is killed.
	maxSessionsBy = 128
	// helloFor is how long a session may go without Hello.
	helloFor = 10 * time.Second
	// maxGuests bounds the sessions that are only recognised at one address: each is tried with each packet from there. The oldest one goes.
	maxGuests = 4
	// moveEvery is the least time between two moves of a session: each lets it ask its old address three times.
	moveEvery = time.Second
	// turnedAwayRate and turnedAwayBurst bound the lines of the log about those who may not come in. All are counted.
	turnedAwayRate, turnedAwayBurst = 5, 50
	// maxHintsTo is how many of the wire.MaxHints hints of a second may go to one address, so that who copies from one leaves some to those
	// who moved. Counted as "too many hints".
	maxHintsTo = 10
)

// Packets of a session. They are counted after they were authentic, so that nobody can use up what is another's, and before the hub learns of
// them. What is beyond is dropped, which a sender takes for a full path, and slows down.
const (
	// controlRate is how many packets of the message stream and of feedback a second a session may send, beside one for each KiB a second of its
	// publish rate. A pipe of 28,000 lines a second sends 3900 (measured), and a reader of 50,000 entries a second 300. At 2 µs each what the
	// default comes to, 24,576, costs the loop a twentieth of its time. Counted as "more than a session may send".
	controlRate = 8192
	// controlRateFree is what it may send when the publish rate is any.
	controlRateFree = 100_000
	// controlBurst is how many may come at once: four windows of the message stream.
	controlBurst = 4 * wire.MaxInFlight
	// audioPackets is how many packets a second a talk has at most: of 5 ms, shorter than any that peers send.
	audioPackets = 200
	// Bytes a second of the payloads at most.
	opusBytes, linearBytes, companderBytes = 510_000 / 8, 96_000, 8_000
	// audioHeader is what a packet has beside its payload: RTP with a few extensions.
	audioHeader = 40
	// audioShare is what a talk may send, in halves of its codec's highest rate: 1.5 times that, and all of it once more as resends.
	audioShare = 5
	// audioBurst is how much may come at once, as time: twice the packets whose loss the daemon remembers and asks for. Counted as "more than a
	// voice has".
	audioBurst = 2 * time.Second
)

// What waits for a session, and what it asks for.
const (
	// highWater is how many bytes of a session's stream may wait for acknowledgement before replay and requests pause.
	highWater = 128 << 10
	// maxHeld bounds what all sessions together have sent that is incomplete or waits to be taken, beyond 80 KiB for each (stream.HeldAlone); a session
	// may have as much of it as is left. What finds no room is not acknowledged, and comes again.
	maxHeld = 1 << 20
	// maxQueued is how many may wait in all. A session that is so far behind with what it must be told is ended (BYE wire.ByeSlow), and counted as
	// "session too far behind", as with the three that follow.
	maxQueued = 4 << 20
	// maxMessages is how many messages may wait for their acknowledgement: a short one costs more in accounts, some 100 bytes, than in bytes. The receipts
	// of all the publishes that the first credit allows are 20,000.
	maxMessages = 32 << 10
	// maxUnacknowledged is how long a message may wait for its acknowledgement while its peer lives: who acknowledges nothing and sends
	// keepalives would else keep up to maxQueued bytes for ever. Twice wire.DeadAfter, which no path that carries anything needs.
	maxUnacknowledged = time.Minute
	// maxIncomplete is how long messages may be held that are not whole, or wait for one before them, while their peer lives; one may be held twice as
	// long (stream.Incomplete). Who leaves messages unfinished would else keep its part of maxHeld for ever. The longest message takes so long at 4.4 kbit/s.
	maxIncomplete = 2 * time.Minute
	// nackRate and nackBurst bound the packets that a session may ask for again, in a second and at once: twice what twenty voices of 100 packets a
	// second and 40 % loss make. One costs 0.1 µs when it is not resent. More are not looked at, and counted as "too many NACKs"; what is resent is
	// bounded by repair.Resender.
	nackRate, nackBurst = 8192, 8192
	// What a session has the hub do is counted in units of some 10 µs: a request, a member that is told of something. A session may use workBurst at once
	// and workRate a second, and beyond that what is left of workBurstAll and workRateAll, which all sessions share: a third of a core. Then its requests
	// wait in its stream, counted as "session made to wait", and it is refused nothing. Publishes have credit, and count here only by the members of
	// a large room: a unit for 20 who are passed a transient message, for 100 who are passed a stored one.
	workRate, workBurst       = 200, 2000
	workRateAll, workBurstAll = 30_000, 30_000
	// listFresh is how old a list of rooms may be that is too long to be made each time: sorting listLong names takes under 1 ms.
	listFresh, listLong = time.Second, 1000
)

// What is published. A session whose publish rate is reached gets its credit later, counted as "credit made to wait"; who sends without is ended,
// counted as "no credit".
const (
	// leastPublished is what a message counts at least: a short one costs as much work as these bytes. It leaves 65,536 messages a second of the
	// default rate.
	leastPublished = 256
	// publishBurst is how much credit may be granted at once beyond the rate, as time, so that timers that are late do not lower it.
	publishBurst = 50 * time.Millisecond
	// maxUnstored is how many bytes of messages may wait for the disk, each with unstoredEach for the accounts, before a session that has unstoredAlone
	// of them is not asked what else it wants. It is more than the room log puts into one transaction.
	// Counted as "publish made to wait".
	maxUnstored, unstoredAlone, unstoredEach = 1 << 20, 16 << 10, 512
	// maxReason is the longest text of a refusal, in bytes: a few hundred go into each datagram.
	maxReason = 300
)

// Rooms. Beyond these a request is refused (LIMIT).
const (
	// maxRoomsIn bounds the rooms that a session is in. Counted as "too many rooms", as are those of Limits.Rooms.
	maxRoomsIn = 1024
	// maxListedRooms is how many rooms one answer names, so that it is under 64 KiB.
	maxListedRooms = 400
	// maxTalking is how many streams a Joined names, so that it is under 64 KiB; the others follow it.
	maxTalking = 32
	// maxTail and maxTailBytes bound the newest entries of a room that are kept in memory for its members.
	maxTail, maxTailBytes = 256, 128 << 10
	// maxPages is how many pages of the room log (128 KiB) may be on their way, or wait with a member that cannot be sent more.
	maxPages = 64
)

// Voices. Beyond maxTalks, maxDraining and maxVoices a Talk is refused (LIMIT), counted as "too many voices".
const (
	// maxTalks bounds the streams of one session that are not reported yet, and so its SSRCs.
	maxTalks = 8
	// maxVoices bounds the streams of one room that are open or not yet played out.
	maxVoices = 1024
	// maxDraining bounds those of one identity in a room: a minute of short talkspurts.
	maxDraining = 128
	// startRate and startBurst bound the talkspurts of an identity that begin in a room, in a second and at once, jumps of a sequence number among them:
	// each is told to all members, makes work for all who listen, and is one of the 4096 SSRCs for which a listener's keys are good. Counted as "too many
	// voices"; a jump beyond them is dropped.
	startRate, startBurst = 2, 32
	// startRateAll and startBurstAll are the same for all identities in a room, as they cost nothing. After a restart all come back at once.
	startRateAll, startBurstAll = 32, maxVoices
	// startRest is after how long without a start an identity is not refused for what all have begun, so that some who begin talks without end
	// do not silence a room. It is counted from when its own are paid for.
	startRest = 2 * time.Second
	// maxRoomBytes bounds what waits in the delay lines of one room: a minute of twenty lossless voices. What is beyond this, maxEchoBy or
	// Limits.EchoBytes is dropped as it comes, and counted as "echo full"; what was there before is played.
	maxRoomBytes = 128 << 20
	// maxEchoBy bounds what one identity has in all delay lines: a minute of five lossless voices.
	maxEchoBy = 32 << 20
	// lineSlots bounds the packets of one stream, kept from arrival to keepFor after they were due: the longest delay in 10 ms
	// packets, and some. The oldest go.
	lineSlots = 8192
	// maxJump is the most that a talker's sequence number may move at once: no receiver could follow more under one SSRC. It goes on under another.
	maxJump = secure.MaxJump
	// leastApart is the least time between the turns of two packets of a voice in a room with a delay: the shortest frame of Opus (RFC 6716, 2.1.4).
	// So timestamps that stand still or jump do not have what was gathered go out at once. What would wait for more than the delay and 5 s so is dropped,
	// and counted as "late".
	leastApart = 2500 * time.Microsecond
	// maxHeader bounds an RTP header with its extensions; more is malformed.
	maxHeader = 256
	// maxPlain bounds a packet so that it fits into a datagram under any protection; more is malformed.
	maxPlain = wire.MaxDatagram - secure.OverheadRTP
)

// Queues between goroutines.
const (
	// maxControl is how many bytes of each shard may wait for the hub: some thousand datagrams. Counted as "too much for the hub".
	maxControl = 512 << 10
	// maxParts is how many parts of flights may wait for a shard's pump. Counted as "too much for a shard".
	maxParts = 256
)

// Strangers: who has not shown to be at an address. Their datagrams end in the shards' readers, and cost no memory. All of these are of one shard, but
// for those of the address table.
const (
	// answersOf is how many STUN requests of one address and port are answered in a second: a peer repeats its request after 250 ms. Counted
	// as "too many questions", as what follows is.
	answersOf = 4
	// firstRate is how many addresses a second get their first answer, and againRate how many answers others get. One costs some 3 µs, with
	// the system call: so all take 7 % of a core at most, and a peer that asks three times a second among 150,000 spoofed ones has its answer within
	// 8 s in 19 of 20 cases.
	firstRate, againRate = 20_000, 2_000
	// answerBurst is how much of these may be taken at once, as time.
	answerBurst = 100 * time.Millisecond
	// unknownOf and unknownRate are how many protected datagrams from an address that the shard does not know the hub looks at in a second: so
	// many get a hint, and so soon it notices that a peer comes in at another socket than before. Counted as "too many hints".
	unknownOf, unknownRate = 2 * maxHintsTo, 500
	// repliesOf and repliesRate are how many STUN messages that can only be answers of a session's old path go to the hub in a second: a move
	// takes three at most. Counted as "too many callers".
	repliesOf, repliesRate = 16, 2_000
	// rationBurst is how much of these may be taken at once, as time.
	rationBurst = time.Second
)

// Callers: who has shown to be at an address, and has no session yet or wants to move one. What they send goes to the hub, and what is beyond these
// is counted as "too many callers".
const (
	// callsFirst of a second's datagrams of an address come before others: a handshake takes four, a move two.
	callsFirst = 6
	// callsOf is how many an address may have.
	callsOf = 128
	// callsOfSubnet is how many a subnet (an IPv4 address, an IPv6 /64) may have: 100 peers behind one NAT that come back at once.
	callsOfSubnet = 2048
	// callRate is how many go to the hub as first ones, callAgainRate as others: at 1 to 5 µs each, beside the handshakes' own limits, some 3 %
	// of a core.
	callRate, callAgainRate = 8_000, 2_000
	// callBurst is how much of these may be taken at once, as time.
	callBurst = 200 * time.Millisecond
	// maxCallers is how many bytes of theirs may wait for the hub, of maxControl: so they cannot take the room of sessions.
	maxCallers = 128 << 10
)

// The address table.
const (
	// maxValidated bounds the addresses that may begin a handshake and have neither one nor a session, 300 bytes each; maxValidatedOf those of a
	// subnet. Beyond that the oldest one, of the subnet if that is full, must be validated again; counted as "address made to wait".
	maxValidated, maxValidatedOf = 32768, 256
	// pendingLeast is how long a handshake is left in peace. When maxPending run, the oldest of those that have had so long ends for a new one, so that
	// handshakes that are begun and left keep nobody out; counted as "handshake cut short", as is a session that has not said Hello in that time and ends
	// for a new one (maxGreetless).
	pendingLeast = time.Second
	// pressed is from how many handshakes on an address without a session may begin one in againAfter only, so that those that begin many leave
	// room for new ones. Counted as "too many handshakes".
	pressed    = maxPending / 2
	againAfter = 10 * time.Second
	// validatedAgain is how long after it was validated a request of the same address needs no hub: the door answers it like a stranger's.
	validatedAgain = 10 * time.Second
)

// Sizes of the sketches, in cells a row: some 20,000 addresses a second fill a third of the first.
const (
	addressCells = 1 << 16
	subnetCells  = 1 << 14
	unknownCells = 1 << 12
)
