package daemon

import (
	"slices"
	"strings"
	"time"

	"yodel/wire"
)

const (
	// presentAtOnce is up to how many nicks each arrival and departure is told at once; in a larger room they are gathered.
	presentAtOnce = 32
	// presentNamed is up to how many nicks those who come and go are named; in a larger room only the count is told.
	presentNamed = wire.MaxListed
	// gatherFor is how long what is told together is gathered, and gatherEach how long for each member where that is longer: a room with many
	// thousands costs no more than a thousand messages a second.
	gatherFor  = time.Second
	gatherEach = time.Millisecond
)

// roster is who is present in a room, sorted by the comparison form of the nick. Observers are not in it.
type roster []*present

// present is one nick with its sessions, in the order in which they came.
type present struct {
	key     string
	members []*member
}

// find gives the place of a nick, or where it belongs.
func (r roster) find(key string) (i int, found bool) {
	return slices.BinarySearchFunc(r, key, func(p *present, key string) int { return strings.Compare(p.key, key) })
}

// add puts a member in. It is true for the first session of its nick.
func (r *roster) add(m *member) (first bool) {
	i, found := r.find(m.key)
	if !found {
		*r = slices.Insert(*r, i, &present{key: m.key})
	}
	p := (*r)[i]
	p.members = append(p.members, m)
	return !found
}

// remove takes a member out. It is true for the last session of its nick.
func (r *roster) remove(m *member) (last bool) {
	i, found := r.find(m.key)
	if !found {
		return false
	}
	p := (*r)[i]
	p.members = slices.DeleteFunc(p.members, func(o *member) bool { return o == m })
	if len(p.members) > 0 {
		return false
	}
	*r = slices.Delete(*r, i, i+1)
	return true
}

// news is what has changed in a room and was not told yet.
type news struct {
	changes []change
	first   uint64 // number of the first of them; all changes of a room are counted
	timer   timer  // set while something waits
}

// change is one nick that came or went.
type change struct {
	who   *member
	key   string
	event *wire.PresenceEvent
}

// end is the number of the next change.
func (n *news) end() uint64 { return n.first + uint64(len(n.changes)) }

// forget drops the changes that wait; their numbers stay used.
func (n *news) forget() {
	n.first = n.end()
	clear(n.changes)
	n.changes = n.changes[:0]
}

// changed tells the others of an arrival or departure, or has it told with what else happens in the next second.
func (r *room) changed(now time.Time, m *member, e *wire.PresenceEvent) {
	n := &r.news
	n.changes = append(n.changes, change{m, m.key, e})
	if len(r.roster) <= presentAtOnce {
		r.tellNews(now)
		return
	}
	if len(r.roster) > presentNamed || len(n.changes) > presentNamed {
		n.forget()
	}
	if n.timer.index == 0 {
		r.hub.timers.set(&n.timer, now.Add(max(gatherFor, time.Duration(len(r.members))*gatherEach)))
	}
}

// tellNews tells each member what has changed since it was told last. Most get the same message.
func (r *room) tellNews(time.Time) {
	n := &r.news
	r.hub.timers.set(&n.timer, time.Time{})
	own := make(map[*member]bool) // what they did themselves is not told to them
	for _, c := range n.changes {
		own[c.who] = true
	}
	count := uint32(len(r.roster))
	events := gathered(n.changes, nil)
	shared := r.presence(events)
	for _, m := range r.members {
		if m.observe || m.count == 0 {
			continue
		}
		encoded, some := shared, len(events) > 0
		if m.told > n.first || own[m] {
			mine := gathered(n.changes[m.told-min(m.told, n.first):], m)
			encoded, some = r.presence(mine), len(mine) > 0
		}
		if some || m.count != count {
			m.count = count
			m.session.say(encoded)
		}
	}
	n.forget()
}

// gathered gives what changes come to: of each nick the newest event, and none of a nick that is there or not as it was before.
// Those of one member are left out.
func gathered(changes []change, but *member) []*wire.PresenceEvent {
	type nick struct {
		first  bool // what its first change was
		newest int
	}
	nicks := make(map[string]nick)
	for i, c := range changes {
		if c.who == but {
			continue
		}
		k, seen := nicks[c.key]
		if !seen {
			k.first = c.event.GetJoined()
		}
		k.newest = i
		nicks[c.key] = k
	}
	var events []*wire.PresenceEvent
	for i, c := range changes {
		if k, ok := nicks[c.key]; ok && k.newest == i && c.who != but && c.event.GetJoined() == k.first {
			events = append(events, c.event)
		}
	}
	return events
}

// presence encodes a Presence with the events, or without them when they do not fit into one message.
func (r *room) presence(events []*wire.PresenceEvent) []byte {
	p := &wire.Presence{Room: r.name, Events: events, Count: uint32(len(r.roster))}
	encoded := wire.Encode(&wire.Message_Presence{Presence: p})
	if len(encoded) > wire.MaxMessage {
		p.Events = nil
		encoded = wire.Encode(&wire.Message_Presence{Presence: p})
	}
	return encoded
}
