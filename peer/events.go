package peer

import (
	"net/netip"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

// Event is what Client.Events delivers: one of *Message, *Presence, *Crowd, *Talking, *Truncated, *RoomChanged, *RoomLost,
// *Lost, *Back.
// Text in events (nicks, reasons, bodies) is as it came: pass it through wire.Printable before it reaches a terminal.
type Event interface{ event() }

// Message is one message of a room. Stored ones come in the order of the room log, each exactly once.
type Message struct {
	Room        string
	LogID       []byte // of the room log that Pos is a place in; shared by all messages of it: not to be changed
	Pos         uint64 // position in the room log; 0 when Transient
	Prev        uint64 // position of the message before; 0: it is the first
	From        string // nick
	Fingerprint secure.Fingerprint
	Media       string // media type; never empty
	Body        []byte
	At          time.Time // when the daemon took it
	ID          uint64    // the sender's publish id
	Transient   bool
}

// Presence tells that a nick came into a room or left it: in rooms of up to 200 members. The daemon gathers for a second what happens
// in rooms of over 32. What happened during a resumption is told after it, without reasons.
type Presence struct {
	Room   string
	Joined bool // else left
	Member Member
	Reason string // of leaving
}

// Crowd tells how many are in a room of over 200 members, instead of who comes and goes; at most once a second.
type Crowd struct {
	Room  string
	Count int
}

// Talking tells that somebody starts or ends talking. In a room with a Hearing it tells what is heard: Start
// comes when the first sample is played, the end after the last one. Without a Hearing it tells what the daemon announces, and
// Lost, Late, Packets, Recovered and Latency are 0.
type Talking struct {
	Room        string
	Nick        string
	Fingerprint secure.Fingerprint
	SSRC        uint32
	Start       bool
	Duration    time.Duration // of the talk, at its end
	Lost        int           // packets that were not there when they were to be played
	Late        int           // of these, those that came afterwards
	Packets     int           // packets that came
	Recovered   int           // packets that only a copy in a later one, or its error correction, brought
	Latency     time.Duration // depth of its jitter buffer: how long after it could be heard at the earliest it is heard
	Self        bool          // it is one's own identity
}

// Truncated tells that messages of a room are gone that were asked for: its log was made anew or is too short.
type Truncated struct{ Room string }

// RoomChanged tells that a room's echo delay changed; it holds for what comes after.
type RoomChanged struct {
	Room        string
	Delay, Lead time.Duration
}

// RoomLost tells that a room is refused for good after a reconnect, while others are left. If none is left the client is over, with Err.
type RoomLost struct {
	Room string
	Err  error // a *RefusedError
}

// Lost tells that the session was lost and is being made anew (Config.Reconnect only).
type Lost struct{ Err error }

// Back tells that there is a session again, and in which rooms it is. A room that the daemon cannot take yet is tried again first.
type Back struct{ Rooms []*Joined }

func (*Message) event()     {}
func (*Presence) event()    {}
func (*Crowd) event()       {}
func (*Talking) event()     {}
func (*Truncated) event()   {}
func (*RoomChanged) event() {}
func (*RoomLost) event()    {}
func (*Lost) event()        {}
func (*Back) event()        {}

// Member is one nick in a room.
type Member struct {
	Nick        string
	Fingerprint secure.Fingerprint
	Address     string // empty when the daemon does not show it
	Talking     bool
	Since       time.Time
}

// RoomInfo describes a room.
type RoomInfo struct {
	Room        string
	Delay, Lead time.Duration
	Members     int
	Talkers     int
	Newest      uint64 // position of the newest message; 0: none
}

// Joined is a room at the moment of joining it.
type Joined struct {
	Room        string
	LogID       []byte        // positions are valid with this id only
	Newest      uint64        // position of the newest message; 0: none
	Replay      uint64        // how many messages are going to be replayed, up to Newest
	Truncated   bool          // what was asked for is not all there any more
	Delay, Lead time.Duration // of the echo, and how early audio is sent
	Tick        time.Duration // how much earlier or later than that it may be sent, in a live room only later
	Members     []Member      // by nick; in a room of over 200 only those who talk
	Count       int           // of all members
	At          time.Time     // local clock at the moment the answer came
}

// defaultMedia is the media type of a message that names none.
const defaultMedia = "text/plain"

func messageOf(e *wire.Entry, logID []byte) *Message {
	m := &Message{
		Room: e.GetRoom(), LogID: logID, Pos: e.GetPos(), Prev: e.GetPrev(), From: short(e.GetNick(), maxNickText), Fingerprint: fingerprintOf(e.GetFingerprint()),
		Media: short(e.GetType(), maxMediaText), Body: e.GetBody(), At: timeOf(e.GetAtUnixNs()), ID: e.GetId(), Transient: e.GetPos() == 0,
	}
	if m.Media == "" {
		m.Media = defaultMedia
	}
	return m
}

func memberOf(m *wire.Member) Member {
	return Member{
		Nick: short(m.GetNick(), maxNickText), Fingerprint: fingerprintOf(m.GetFingerprint()), Address: short(m.GetAddress(), maxAddressText),
		Talking: m.GetTalking(), Since: timeOf(m.GetSinceUnixNs()),
	}
}

func membersOf(list []*wire.Member) []Member {
	members := make([]Member, len(list))
	for i, m := range list {
		members[i] = memberOf(m)
	}
	return members
}

func roomInfoOf(r *wire.RoomInfo) RoomInfo {
	delay := millis(r.GetDelayMs())
	return RoomInfo{
		Room: short(r.GetRoom(), wire.MaxRoomName), Delay: delay, Lead: leadOf(delay, r.GetLeadMs()),
		Members: int(r.GetMembers()), Talkers: int(r.GetTalkers()), Newest: r.GetNewest(),
	}
}

func joinedOf(j *wire.Joined, at time.Time) *Joined {
	delay := millis(j.GetDelayMs())
	return &Joined{
		Room: j.GetRoom(), LogID: j.GetLogId(), Newest: j.GetNewest(), Replay: j.GetReplay(), Truncated: j.GetTruncated(),
		Delay: delay, Lead: leadOf(delay, j.GetLeadMs()), Tick: millis(j.GetTickMs()), Members: membersOf(j.GetMembers()), Count: max(int(j.GetCount()), len(j.GetMembers())), At: at,
	}
}

// fingerprintOf gives the zero fingerprint for bytes that are none.
func fingerprintOf(b []byte) (fp secure.Fingerprint) {
	if len(b) == len(fp) {
		copy(fp[:], b)
	}
	return fp
}

func timeOf(unixNs int64) time.Time {
	if unixNs == 0 {
		return time.Time{}
	}
	return time.Unix(0, unixNs)
}

// millis reads a duration of the wire; what is over wire.MaxDelay is cut to it.
func millis(ms uint32) time.Duration {
	return min(time.Duration(ms)*time.Millisecond, wire.MaxDelay)
}

// leadOf reads the lead of a room with that delay; what is over the delay, or over the longest lead that there is, is cut to it.
func leadOf(delay time.Duration, ms uint32) time.Duration {
	return min(millis(ms), delay, wire.Lead(wire.MaxDelay))
}

// unmapped shows an IPv4 address as such on a dual-stack socket.
func unmapped(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }
