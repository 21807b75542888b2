package daemon

import (
	"slices"
	"time"

	"yodel/wire"
)

// listing is the names of all rooms, sorted.
type listing struct {
	names []string
	at    time.Time // when it was made
}

// roomNames gives the names of the rooms of which the room log knows, or in which somebody is shown or heard. A long list may be a second old, for
// who asks again and again would else have the hub do nothing but sort.
func (h *hub) roomNames(now time.Time) []string {
	l := &h.listing
	if len(l.names) > listLong && now.Sub(l.at) < listFresh {
		return l.names
	}
	names := h.messages.Rooms(nil)
	for name, r := range h.rooms {
		if r.fixed || len(r.roster) > 0 || len(r.voices) > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	l.names, l.at = slices.Compact(names), now
	return l.names
}

// listRooms names the rooms, but for those that the session may not be in.
func (s *session) listRooms(m *wire.Rooms) {
	names := s.hub.roomNames(s.hub.now)
	s.chargeRooms(len(names))
	if hidden := s.hidden(); hidden != nil {
		names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return hidden[name] })
	}
	answer := &wire.RoomList{Request: m.GetRequest(), Count: uint32(len(names))}
	for _, name := range names[:min(len(names), maxListedRooms)] {
		answer.Rooms = append(answer.Rooms, s.hub.info(name))
	}
	s.say(wire.Encode(&wire.Message_RoomList{RoomList: answer}))
}

// info describes a room, also one in which nobody is, and of which only the room log knows.
func (h *hub) info(name string) *wire.RoomInfo {
	i := &wire.RoomInfo{
		Room: name, DelayMs: uint32(h.cfg.Delay.Milliseconds()), LeadMs: uint32(wire.Lead(h.cfg.Delay).Milliseconds()),
		Newest: h.messages.Newest(name),
	}
	if r := h.rooms[name]; r != nil {
		i.DelayMs, i.LeadMs = uint32(r.relay.delay.Milliseconds()), uint32(r.relay.lead.Milliseconds())
		i.Members, i.Talkers = uint32(len(r.roster)), uint32(len(r.talkers()))
	}
	return i
}
