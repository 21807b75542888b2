package daemon

import (
	"hash/fnv"
	"maps"
	"net/netip"
	"slices"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

// room is a set of members that hear and read each other.
type room struct {
	hub     *hub
	name    string
	relay   *relay
	fixed   bool               // by configuration: it stays when it is empty
	maker   secure.Fingerprint // who came first; zero: the configuration
	logged  bool               // the room log knows it
	members []*member
	roster  roster
	news    news
	voices  []*voice
	tail    tail

	appends, outcomes uint64  // messages that were given to the room log, and those of which the outcome is known
	later             []later // transient messages behind them
}

// member is one session in one room.
type member struct {
	session *session
	room    *room
	nick    string // as announced
	key     string // its comparison form
	hear    bool
	ear     *listener // nil: it never heard yet
	observe bool      // reads without being announced
	quiet   bool      // comes back after the daemon's restart: its joining is not told
	paused  bool      // gets no entries until its session has joined again
	cursor  uint64
	pages   [][]encodedEntry // of the log, from the cursor on, two at most; see reads
	barren  barren           // what a page was asked for in vain
	reading bool             // a page is on its way, or waits for a place
	since   time.Time
	renewed map[*voice]uint32 // SSRCs of voices that it hears under another than the others do

	told  uint64 // number of the first change of the room that it was not told of
	count uint32 // of members, as it was told last; 0: its Join is not answered yet
}

func newRoom(h *hub, name string, delay time.Duration, fixed bool) *room {
	r := &room{hub: h, name: name, relay: newRelay(h.plane, h.home(name), delay), fixed: fixed}
	r.news.timer.run = r.tellNews
	r.logged = h.messages != nil && h.messages.Newest(name) > 0
	return r
}

// tidy forgets a room in which nobody is and nothing happens. What was written in it is in the room log.
func (r *room) tidy() {
	if len(r.members) == 0 {
		r.tail = tail{}
	}
	if !r.fixed && len(r.members) == 0 && len(r.voices) == 0 && r.appends == r.outcomes {
		r.hub.timers.set(&r.news.timer, time.Time{})
		r.hub.dropRoom(r)
	}
}

// home is the shard whose pump gives a room its turns.
func (h *hub) home(name string) *shard {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(name)) // never fails
	return h.plane.shards[sum.Sum32()%uint32(len(h.plane.shards))]
}

// heard tells whether anybody hears the room.
func (r *room) heard() bool {
	return slices.ContainsFunc(r.members, func(m *member) bool { return m.hear })
}

// hears has a member hear the room, or not.
func (m *member) hears(yes bool) {
	switch {
	case yes == m.hear:
	case yes:
		if m.ear == nil || m.ear.link != m.session.link {
			m.ear, m.renewed = newListener(m.session.link), nil
		}
		m.room.relay.listen(m.ear)
	default:
		m.room.relay.ignore(m.ear)
	}
	m.hear = yes
}

// ssrcOf is the SSRC under which the member hears a voice.
func (m *member) ssrcOf(v *voice) uint32 {
	if ssrc, other := m.renewed[v]; other {
		return ssrc
	}
	return v.ssrc
}

// enter makes m a member; the others hear of it when it is the first session of its nick.
func (r *room) enter(now time.Time, m *member) {
	r.members = append(r.members, m)
	if m.observe || !r.roster.add(m) || m.quiet {
		return
	}
	r.hub.log.Info("joined", "room", r.name, "nick", m.nick, "fingerprint", m.session.who, "address", m.session.addr)
	r.changed(now, m, &wire.PresenceEvent{Joined: true, Member: r.describe(m, r.talking(m.key))})
}

// leave takes m out; the others hear of it when it was the last session of its nick.
func (r *room) leave(now time.Time, m *member, reason string) {
	i := slices.Index(r.members, m)
	if i < 0 {
		return
	}
	m.hears(false)
	m.dropPages()
	r.members = slices.Delete(r.members, i, i+1)
	delete(m.session.rooms, r.name)
	if !m.observe && r.roster.remove(m) {
		r.hub.log.Info("left", "room", r.name, "nick", m.nick, "fingerprint", m.session.who, "address", m.session.addr, "reason", reason)
		r.changed(now, m, &wire.PresenceEvent{Member: r.describe(m, false), Reason: reason})
	}
	r.tidy()
}

// tell sends a message to all members that are announced themselves.
func (r *room) tell(encoded []byte) {
	for _, m := range r.members {
		if !m.observe {
			m.session.say(encoded)
		}
	}
}

// list gives the members by nick, the first wire.MaxListed.
func (r *room) list() []*wire.Member {
	talkers := r.talkers()
	some := r.roster[:min(len(r.roster), wire.MaxListed)]
	listed := make([]*wire.Member, 0, len(some))
	for _, p := range some {
		listed = append(listed, r.describe(p.members[0], talkers[p.key]))
	}
	return listed
}

// listTalkers gives those who talk by nick, the first wire.MaxListed.
func (r *room) listTalkers() []*wire.Member {
	var listed []*wire.Member
	for _, key := range slices.Sorted(maps.Keys(r.talkers())) {
		if i, present := r.roster.find(key); present && len(listed) < wire.MaxListed {
			listed = append(listed, r.describe(r.roster[i].members[0], true))
		}
	}
	return listed
}

func (r *room) describe(m *member, talking bool) *wire.Member {
	return &wire.Member{
		Nick: m.nick, Fingerprint: m.session.who[:], Address: r.hub.shown(m.session.addr),
		Talking: talking, SinceUnixNs: m.since.UnixNano(),
	}
}

func (r *room) talking(key string) bool {
	return slices.ContainsFunc(r.voices, func(v *voice) bool { return v.key == key && v.talking() })
}

// talkers are the nicks that talk.
func (r *room) talkers() map[string]bool {
	talkers := make(map[string]bool)
	for _, v := range r.voices {
		if v.talking() {
			talkers[v.key] = true
		}
	}
	return talkers
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
