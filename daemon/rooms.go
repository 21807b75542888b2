package daemon

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"yodel/wire"
	"yodel/wire/repair"
)

const (
	// maxRooms bounds the rooms that are there at once.
	maxRooms = 10_000
	// maxListed and maxListedRooms are how many members and rooms one answer names, so that it is under 64 KiB.
	maxListed      = 200
	maxListedRooms = 400
)

// room is a set of members that hear and read each other.
type room struct {
	hub     *hub
	name    string
	delay   time.Duration
	lead    time.Duration
	fixed   bool // by configuration: it stays when it is empty
	members []*member
	voices  []*voice
	bytes   int // in the delay lines
}

// member is one session in one room.
type member struct {
	session *session
	room    *room
	nick    string // as announced
	key     string // its comparison form
	hear    bool
	observe bool // reads without being announced
	quiet   bool // comes back after the daemon's restart: its joining is not told
	paused  bool // gets no entries until its session has joined again
	cursor  uint64
	since   time.Time
	resends map[uint32]*repair.Resender // by SSRC, of the voices that it hears
}

func newRoom(h *hub, name string, delay time.Duration, fixed bool) *room {
	return &room{hub: h, name: name, delay: delay, lead: wire.Lead(delay), fixed: fixed}
}

// room gives the room with that name, made if need be; nil when there are too many.
func (h *hub) room(name string) *room {
	r := h.rooms[name]
	if r == nil && len(h.rooms) < maxRooms {
		r = newRoom(h, name, h.cfg.Delay, false)
		h.rooms[name] = r
	}
	return r
}

// tidy forgets a room that holds nothing.
func (r *room) tidy() {
	if !r.fixed && len(r.members) == 0 && len(r.voices) == 0 && r.hub.messages.Newest(r.name) == 0 {
		delete(r.hub.rooms, r.name)
	}
}

// enter makes m a member; the others hear of it when it is the first session of its nick.
func (r *room) enter(m *member) {
	first := !m.observe && !r.has(m.key)
	r.members = append(r.members, m)
	if !first || m.quiet {
		return
	}
	r.hub.log.Info("joined", "room", r.name, "nick", m.nick, "fingerprint", m.session.who, "address", m.session.addr)
	r.announce(m, &wire.PresenceEvent{Joined: true, Member: r.describe(m)})
}

// leave takes m out; the others hear of it when it was the last session of its nick.
func (r *room) leave(m *member, reason string) {
	i := slices.Index(r.members, m)
	if i < 0 {
		return
	}
	described := r.describe(m)
	r.members = slices.Delete(r.members, i, i+1)
	delete(m.session.rooms, r.name)
	if !m.observe && !r.has(m.key) {
		r.hub.log.Info("left", "room", r.name, "nick", m.nick, "fingerprint", m.session.who, "reason", reason)
		r.announce(m, &wire.PresenceEvent{Member: described, Reason: reason})
	}
	r.tidy()
}

// has tells whether a nick is present.
func (r *room) has(key string) bool {
	return slices.ContainsFunc(r.members, func(m *member) bool { return !m.observe && m.key == key })
}

// announce tells all members but one of an arrival or departure.
func (r *room) announce(but *member, e *wire.PresenceEvent) {
	r.tell(but, wire.Encode(&wire.Message_Presence{Presence: &wire.Presence{
		Room: r.name, Events: []*wire.PresenceEvent{e},
	}}))
}

// tell sends a message to all members that are announced themselves, but one.
func (r *room) tell(but *member, encoded []byte) {
	for _, m := range r.members {
		if m != but && !m.observe {
			m.session.say(encoded)
		}
	}
}

// list gives the members by nick, the first maxListed, and how many there are.
func (r *room) list() (listed []*wire.Member, count uint32) {
	seen := make(map[string]bool)
	var first []*member
	for _, m := range r.members {
		if !m.observe && !seen[m.key] {
			seen[m.key] = true
			first = append(first, m)
		}
	}
	slices.SortFunc(first, func(a, b *member) int { return strings.Compare(a.nick, b.nick) })
	for _, m := range first[:min(len(first), maxListed)] {
		listed = append(listed, r.describe(m))
	}
	return listed, uint32(len(first))
}

// count is how many nicks are present.
func (r *room) count() int {
	seen := make(map[string]bool)
	for _, m := range r.members {
		if !m.observe {
			seen[m.key] = true
		}
	}
	return len(seen)
}

func (r *room) describe(m *member) *wire.Member {
	return &wire.Member{
		Nick: m.nick, Fingerprint: m.session.who[:], Address: r.hub.shown(m.session.addr),
		Talking: r.talking(m.key), SinceUnixNs: m.since.UnixNano(),
	}
}

func (r *room) talking(key string) bool {
	return slices.ContainsFunc(r.voices, func(v *voice) bool { return v.key == key && v.talking() })
}

func (r *room) info() *wire.RoomInfo {
	talkers := make(map[string]bool)
	for _, v := range r.voices {
		if v.talking() {
			talkers[v.key] = true
		}
	}
	return &wire.RoomInfo{
		Room: r.name, DelayMs: uint32(r.delay.Milliseconds()), LeadMs: uint32(r.lead.Milliseconds()),
		Members: uint32(r.count()), Talkers: uint32(len(talkers)), Newest: r.hub.messages.Newest(r.name),
	}
}

// shown gives the address as others may see it; empty when they may not.
func (h *hub) shown(addr netip.AddrPort) string {
	ip := addr.Addr().Unmap()
	switch {
	case h.cfg.ShowAddress == AddressNever,
		h.cfg.ShowAddress == AddressPrivate && !ip.IsPrivate() && !ip.IsLoopback() && !ip.IsLinkLocalUnicast():
		return ""
	}
	return netip.AddrPortFrom(ip, addr.Port()).String()
}
