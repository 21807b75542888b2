package wire

import "time"

// Versions of the protocol that this package speaks.
const (
	MinVersion = 1
	MaxVersion = 1
)

// DefaultPort is the daemon's UDP port: "YODL" on a phone's keypad.
const DefaultPort = 9635

// MaxDatagram is the most bytes of UDP payload that are sent or accepted: with 48 bytes of IPv6 and
// UDP header it passes every link of 1280 bytes (RFC 8200, 5) with room for a tunnel.
const MaxDatagram = 1200

// MaxBody is the most bytes of a Publish body; with the other fields the message stays under the
// stream's 64 KiB.
const MaxBody = 60 << 10

// SSRCs of the two message streams. Audio gets its SSRCs from the daemon, all at or above MinAudioSSRC.
const (
	SSRCPeer     = 1
	SSRCDaemon   = 2
	MinAudioSSRC = 1 << 16
)

// Payload types (RFC 3550, 5.1).
const (
	PayloadPCMU    = 0   // RFC 3551, 6
	PayloadPCMA    = 8   // RFC 3551, 6
	PayloadRED     = 63  // RFC 2198: Opus with copies of earlier packets, in a talk of PayloadOpus
	PayloadL16     = 96  // L16/48000/1 in packets of 10 ms (RFC 3551, 4.5.11)
	PayloadMessage = 100 // "yodel message", clock 1000 Hz
	PayloadOpus    = 111 // RFC 7587; 20 ms, constant bit rates
)

// Liveness.
const (
	DeadAfter      = 30 * time.Second // of silence
	PingEvery      = 15 * time.Second // of an idle session, as a reliable message
	ReportEvery    = 5 * time.Second  // RTCP reports while audio flows
	ReportFirst    = time.Second      // from the beginning of a voice to the first one about it
	KeepaliveEvery = 15 * time.Second // RTCP reports otherwise; NATs forget after 30 s
	ByeTimes       = 3                // a BYE is sent so often …
	ByeSpacing     = 50 * time.Millisecond
	DoubtAfter     = 5 * time.Second // without an answer a peer asks for its path
)

// When a peer makes a new handshake beside its session. The daemon ends a session that goes a quarter beyond.
const (
	RekeyAfter   = 24 * time.Hour
	RekeyPackets = 1 << 30 // of one direction (RFC 3711, 9.2, leaves room for twice that in SRTCP)
	RekeySSRCs   = 4096    // of one direction
)

// FirstCredit is how many bytes of Publish and Entry messages each side may send before it gets Credit.
const FirstCredit = 256 << 10

// CreditStep is how many bytes are consumed before the sender gets new Credit.
const CreditStep = 64 << 10

// FadeFor is how long a session that another has replaced is kept at most, for the talks that end in it.
const FadeFor = 10 * time.Second

// MaxListed is how many members of a room are named at most: in one answer, so that it is under 64 KiB, and of a room in which who comes and
// goes is told by name.
const MaxListed = 200

// MaxHints is how many hints a second the daemon sends to addresses that it does not know, in all.
const MaxHints = 100

// MaxFirstSeq bounds the sequence number with which a stream begins: a wrap cannot come before its receiver has
// heard something of it (RFC 3711, 3.3.1).
const MaxFirstSeq = 1 << 15

// MaxDelay is the longest echo delay of a room.
const MaxDelay = 60 * time.Second

// maxLead is the most that audio is sent before it is due.
const maxLead = 1500 * time.Millisecond

// Lead is how long before its due time the daemon sends a packet in a room with that delay: three
// quarters of the delay, at most 1.5 s, in whole milliseconds. A receiver's playout buffer is that deep, so that both
// the way in and the way out have time for repair.
func Lead(delay time.Duration) time.Duration {
	return min(delay*3/4, maxLead).Truncate(time.Millisecond)
}

// ClockRate gives the RTP clock of an audio payload type in Hz; ok is false for one that no talk may announce. PayloadRED is such a one: its
// packets go within a talk of PayloadOpus.
func ClockRate(payloadType uint8) (hz int, ok bool) {
	switch payloadType {
	case PayloadOpus, PayloadL16:
		return 48000, true
	case PayloadPCMU, PayloadPCMA:
		return 8000, true
	}
	return 0, false
}
