package peer

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"yodel/wire"
)

// roster is who is in a room, as far as the daemon tells.
type roster struct {
	count   int
	members map[string]Member // by nick; nil: not known, because the room is or was too large
	told    map[string]Member // what the user knows, while behind
	behind  bool              // changes are not told one by one
}

// rosterOf gives the members that a Joined lists.
func rosterOf(j *Joined) roster {
	o := roster{count: j.Count}
	if o.count > wire.MaxListed {
		return o
	}
	o.members = make(map[string]Member, len(j.Members))
	for _, m := range j.Members {
		o.members[m.Nick] = m
	}
	return o
}

// change takes one change. false: it was known.
func (o *roster) change(ev *Presence) (news bool) {
	if o.members == nil {
		return true
	}
	_, here := o.members[ev.Member.Nick]
	if ev.Joined {
		o.members[ev.Member.Nick] = ev.Member
	} else {
		delete(o.members, ev.Member.Nick)
	}
	if len(o.members) > maxRoster { // whatever the daemon says of their number
		o.members = nil
	}
	return here != ev.Joined
}

// resize takes the number of all members. In a room that is too large it is all that is known.
func (o *roster) resize(count int) {
	o.count = count
	if count > wire.MaxListed {
		o.members = nil
	}
}

// fallBehind keeps what the user knows until catchUp.
func (o *roster) fallBehind() {
	if !o.behind {
		o.behind, o.told = true, maps.Clone(o.members)
	}
}

// differences gives what changed in a room, by nick: nothing when one of the lists is not known.
func differences(room string, before, after map[string]Member) []*Presence {
	if before == nil || after == nil {
		return nil
	}
	var changes []*Presence
	for nick, m := range before {
		if _, here := after[nick]; !here {
			changes = append(changes, &Presence{Room: room, Member: m})
		}
	}
	for nick, m := range after {
		if _, here := before[nick]; !here {
			changes = append(changes, &Presence{Room: room, Joined: true, Member: m})
		}
	}
	slices.SortFunc(changes, func(a, b *Presence) int {
		return cmp.Compare(a.Member.Nick, b.Member.Nick)
	})
	return changes
}

// presence takes who came into a room and who left it.
func (e *engine) presence(p *wire.Presence) {
	r := e.rooms[p.GetRoom()]
	if r == nil {
		return
	}
	if e.crowded() {
		r.roster.fallBehind()
	}
	for _, x := range p.GetEvents() {
		ev := &Presence{Room: p.GetRoom(), Joined: x.GetJoined(), Member: memberOf(x.GetMember()), Reason: short(x.GetReason(), maxReasonText)}
		if r.roster.change(ev) && !r.roster.behind {
			e.emit(ev)
		}
	}
	r.roster.resize(int(p.GetCount()))
	if len(p.GetEvents()) == 0 && !r.roster.behind {
		e.emit(&Crowd{Room: p.GetRoom(), Count: r.roster.count})
	}
}

// catchUp tells what changed in the rooms while too much waited for the user.
func (e *engine) catchUp() {
	if e.crowded() {
		return
	}
	for name, r := range e.rooms {
		if !r.roster.behind {
			continue
		}
		before := r.roster.told
		r.roster.behind, r.roster.told = false, nil
		e.tellRoster(name, before, &r.roster)
	}
}

// tellRoster tells who is in a room after a time in which the changes were not told. before is what the user knows.
func (e *engine) tellRoster(room string, before map[string]Member, after *roster) {
	if after.count > wire.MaxListed {
		e.emit(&Crowd{Room: room, Count: after.count})
		return
	}
	for _, ev := range differences(room, before, after.members) {
		e.emit(ev)
	}
}

// joinedAgain takes the answer to the Join of a new session. When the daemon goes on with the one before, who came and left meanwhile is
// told. After its restart that would be wrong: those who are not back yet come back without a word.
func (e *engine) joinedAgain(now time.Time, r *room, j *wire.Joined) {
	before := r.roster.members
	if r.roster.behind {
		before = r.roster.told
	}
	e.joined(now, r, j)
	if !e.s.resumed {
		return // *Back lists who is there
	}
	if e.crowded() {
		r.roster.behind, r.roster.told = true, before
		return
	}
	e.tellRoster(r.opts.Room, before, &r.roster)
}
