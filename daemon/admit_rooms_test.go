package daemon

import (
	"testing"

	"yodel/daemon/access"
	"yodel/wire"
)

// Who is not of a room's lists cannot join it, write to it, see who is there or that it is there; or cannot talk in it.
func TestRoomsHaveLists(t *testing.T) {
	crew, err := access.ParseWho("crew")
	must(t, err)
	member, guest := newID(t), newID(t)
	one, err := access.ParseWho(guest.Fingerprint().String())
	must(t, err)
	cfg := Config{
		AuthorizedKeys: authorizedKeys(t, member.Fingerprint().String()+" captain crew"),
		Rooms: map[string]RoomConfig{
			"bridge": {Join: []access.Who{crew}}, "stage": {Join: []access.Who{access.Everyone}, Talk: []access.Who{crew}},
			"booth": {Join: []access.Who{crew, one}}, "vault": {Join: []access.Who{}},
		},
	}
	inWorld(t, cfg, func(t *testing.T, w *world) {
		a, b := w.connect("10.0.0.1:1", member), w.connect("10.0.0.2:1", guest)
		a.comes("captain", nil)
		b.comes("guest", nil)
		for room, may := range map[string][2]bool{"bridge": {true, false}, "stage": {true, true}, "booth": {true, true}, "vault": {false, false}, "any": {true, true}} {
			for i, c := range []*client{a, b} {
				c.wantRoom(room, may[i])
			}
		}
		for i, want := range []int{4, 3} { // stage, booth, any, and for the crew the bridge
			c := []*client{a, b}[i]
			c.say(wire.Encode(&wire.Message_Rooms{Rooms: &wire.Rooms{}}))
			if list := last(c, (*wire.Message).GetRoomList); len(list.GetRooms()) != want || list.GetCount() != uint32(want) {
				t.Errorf("%v, want %d rooms", list, want)
			}
		}
		a.talk("stage", 0, 0)
		b.say(wire.Encode(&wire.Message_Talk{Talk: &wire.Talk{Request: 9, Room: "stage", PayloadType: wire.PayloadOpus}}))
		if r := last(b, (*wire.Message).GetRefused); r.GetCode() != wire.Code_CODE_ACCESS || r.GetRequest() != 9 || r.GetRoom() != "stage" {
			t.Errorf("a guest's talk on the stage: %v", r)
		}
		if n := w.dropped(dropAccess); n == 0 {
			t.Error("no refusal is counted")
		}
	})
}

// wantRoom tries all that can be done with a room, and wants it done or refused.
func (c *client) wantRoom(room string, may bool) {
	c.w.t.Helper()
	tries := [][]byte{
		joinOf(room, true), joinOf(room, false),
		wire.Encode(&wire.Message_Join{Join: &wire.Join{Request: 7, Room: room, From: &wire.Join_Last{Last: 5}}}),
		wire.Encode(&wire.Message_Who{Who: &wire.Who{Request: 7, Room: room}}),
		wire.Encode(&wire.Message_Publish{Publish: &wire.Publish{Room: room, Id: 7, Body: []byte("x")}}),
	}
	for i, m := range tries {
		before := len(all(c, (*wire.Message).GetRefused))
		c.say(m)
		refused := all(c, (*wire.Message).GetRefused)
		if may != (len(refused) == before) {
			c.w.t.Errorf("%s, try %d: refused: %v", room, i, !may)
			continue
		}
		if may {
			continue
		}
		if r := refused[before]; r.GetCode() != wire.Code_CODE_ACCESS || r.GetRoom() != room || r.GetRequest()+r.GetId() != 7 {
			c.w.t.Errorf("%s, try %d: %v", room, i, r)
		}
	}
}
