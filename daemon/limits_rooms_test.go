package daemon

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

func joinOf(room string, observe bool) []byte {
	return wire.Encode(&wire.Message_Join{Join: &wire.Join{Request: 7, Room: room, Observe: observe}})
}

// wantRefused wants the latest answer to be a refusal because of a limit that names its number, and counted.
func (c *client) wantRefused(why drop, n int) {
	c.w.t.Helper()
	got := c.got[len(c.got)-1].GetRefused()
	if got.GetCode() != wire.Code_CODE_LIMIT || !strings.Contains(got.GetReason(), fmt.Sprint(" ", n, " ")) {
		c.w.t.Errorf("refused with %v, want a limit of %d", got, n)
	}
	if c.w.dropped(why) == 0 {
		c.w.t.Errorf("%q counts nothing", dropNames[why])
	}
}

// Rooms in which somebody is and rooms that have messages count together, each once; a room that nobody has any more is none.
func TestRoomsAreBounded(t *testing.T) {
	limits := DefaultLimits
	limits.Rooms = 4
	cfg := Config{Limits: limits, Rooms: map[string]RoomConfig{"fixed": {}}}
	for name, ask := range map[string]func(c *client, room string){
		"join":    func(c *client, room string) { c.say(joinOf(room, false)) },
		"observe": func(c *client, room string) { c.say(joinOf(room, true)) },
		"publish": func(c *client, room string) { c.publish(room, 1, "x") },
	} {
		inWorld(t, cfg, func(t *testing.T, w *world) {
			a, b := w.connect("10.0.0.1:1", newID(t)), w.connect("10.0.0.2:1", newID(t))
			a.enter("alice", "live", nil)
			a.publish("live", 1, "now it is in the log as well")
			a.publish("kept", 1, "nobody is there")
			a.w.pass(time.Second)
			b.hello("bob", nil)
			b.say(joinOf("other", false))
			ask(b, "fifth")
			b.wantRefused(dropRooms, 4)
			if w.server.hub.rooms["fifth"] != nil {
				t.Errorf("%s: it was made", name)
			}
			b.publish("kept", 1, "what is there may be used")
			b.say(joinOf("live", false))
			if last(b, (*wire.Message).GetJoined).GetRoom() != "live" || last(b, (*wire.Message).GetReceipt) == nil {
				t.Errorf("%s: what is there is refused: %v", name, b.got[len(b.got)-1])
			}
			b.say(wire.Encode(&wire.Message_Leave{Leave: &wire.Leave{Room: "other"}}))
			ask(b, "fifth")
			if got := b.got[len(b.got)-1]; got.GetRefused() != nil {
				t.Errorf("%s: no room when another has gone: %v", name, got)
			}
		})
	}
}

// One key may make half of the rooms, and others find room.
func TestRoomsOfAnIdentityAreBounded(t *testing.T) {
	limits := DefaultLimits
	limits.Rooms = 20
	inWorld(t, Config{Limits: limits}, func(t *testing.T, w *world) {
		id := newID(t)
		a, also, b := w.connect("10.0.0.1:1", id), w.connect("10.0.0.1:2", id), w.connect("10.0.0.2:1", newID(t))
		for nick, c := range map[string]*client{"alice": a, "alice2": also, "bob": b} {
			c.hello(nick, nil)
		}
		for i := range 5 {
			a.publish(fmt.Sprint("stored", i), 1, "x")
			also.say(joinOf(fmt.Sprint("joined", i), i%2 == 0))
		}
		also.publish("eleventh", 1, "x")
		also.wantRefused(dropRooms, 10)
		a.say(joinOf("eleventh", false))
		a.wantRefused(dropRooms, 10)
		b.say(joinOf("eleventh", false))
		if last(b, (*wire.Message).GetJoined) == nil {
			t.Error("another key is refused as well")
		}
		also.sayBye()
		a.w.pass(time.Second)
		for i := range 5 {
			a.say(joinOf(fmt.Sprint("again", i), false))
		}
		if n := len(all(a, (*wire.Message).GetJoined)); n != 5 {
			t.Errorf("%d rooms after those that were joined have gone, want 5", n)
		}
	})
}

// Rooms that the room log has lost since count no more.
func TestRoomsThatAreForgottenCountNoMore(t *testing.T) {
	m := newMakers()
	who := secure.Fingerprint{1}
	for i := range 10 {
		r := &room{name: strconv.Itoa(i), maker: who}
		m.live++
		m.add(who, 1)
		m.store(r)
		m.store(r)
	}
	if m.live != 0 || m.logged != 10 || m.made[who] != 10 {
		t.Fatalf("%+v", m)
	}
	m.recount([]string{"3", "4", "somebody else's"})
	if m.logged != 3 || m.made[who] != 2 || len(m.of) != 2 {
		t.Errorf("%+v", m)
	}
	m.recount(nil)
	if len(m.made) != 0 {
		t.Errorf("%+v", m)
	}
}

// A room that is made again after the room log has forgotten it counts once, for who made it then.
func TestRoomsThatAreMadeAgainCountOnce(t *testing.T) {
	m := newMakers()
	one, other := secure.Fingerprint{1}, secure.Fingerprint{2}
	for _, who := range []secure.Fingerprint{one, one, other, {}, one} {
		m.live++
		m.add(who, 1)
		m.store(&room{name: "again", maker: who})
		want := 1
		if who == (secure.Fingerprint{}) {
			want = 0
		}
		if m.made[who] != want || len(m.made) != want || len(m.of) != want {
			t.Errorf("%+v after one of %v", m, who)
		}
	}
	if m.recount(nil); len(m.made) != 0 {
		t.Errorf("%+v", m)
	}
}

// A configured room that the room log has counts once after a restart, too.
func TestConfiguredRoomsCountOnceAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := DefaultLimits
		limits.Rooms = 3
		cfg := Config{Limits: limits, State: t.TempDir(), Rooms: map[string]RoomConfig{"kept": {}, "empty": {}}}
		w, alice := newWorld(t, cfg), newID(t)
		a := w.connect("10.0.0.1:1", alice)
		a.enter("alice", "kept", nil)
		a.publish("kept", 1, "x")
		w.pass(time.Second)
		w.stop()

		w = newWorld(t, cfg)
		defer w.stop()
		a = w.connect("10.0.0.1:1", alice)
		a.enter("alice", "third", nil)
		synctest.Wait()
		if joined := last(a, (*wire.Message).GetJoined); joined.GetRoom() != "third" {
			t.Errorf("joined %q; %+v", joined.GetRoom(), w.server.hub.makers)
		}
		a.publish("kept", 1, "y")
		a.say(joinOf("fourth", false))
		a.wantRefused(dropRooms, 3)
	})
}

func TestMembersOfARoomAreBounded(t *testing.T) {
	limits := DefaultLimits
	limits.Members = 2
	inRoom(t, Config{Limits: limits}, func(t *testing.T, a, b *client) {
		c := a.w.connect("10.0.0.3:1", newID(t))
		c.hello("carol", nil)
		for _, observe := range []bool{false, true} {
			c.say(joinOf("lobby", observe))
			c.wantRefused(dropMembers, 2)
		}
		a.say(joinOf("lobby", false)) // who is there moves the point to read from
		if len(all(a, (*wire.Message).GetJoined)) != 2 {
			t.Error("a member is refused")
		}
		b.say(wire.Encode(&wire.Message_Leave{Leave: &wire.Leave{Room: "lobby"}}))
		c.say(joinOf("lobby", false))
		if last(c, (*wire.Message).GetJoined) == nil {
			t.Error("there is no place when one has left")
		}
	})
}

func TestRoomsOfASessionAreBounded(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		a := w.connect("10.0.0.1:1", newID(t))
		a.hello("alice", nil)
		for i := range maxRoomsIn + 1 {
			a.say(joinOf(fmt.Sprint("room", i), true))
			pass(5 * time.Millisecond)
		}
		a.wantRefused(dropRooms, maxRoomsIn)
		if n := len(w.server.hub.rooms); n != maxRoomsIn {
			t.Errorf("%d rooms", n)
		}
		a.say(joinOf("room0", true))
		if n := len(all(a, (*wire.Message).GetJoined)); n != maxRoomsIn+1 {
			t.Error("a room in which it is is refused")
		}
	})
}

// Who only looks makes nothing that others see.
func TestRoomsThatAreLookedAtAreNotMade(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		a, b := w.connect("10.0.0.1:1", newID(t)), w.connect("10.0.0.2:1", newID(t))
		a.hello("alice", nil)
		b.hello("bob", nil)
		a.say(wire.Encode(&wire.Message_Who{Who: &wire.Who{Room: "asked-for"}}))
		a.say(joinOf("watched", true))
		list := func() int {
			b.say(wire.Encode(&wire.Message_Rooms{Rooms: &wire.Rooms{}}))
			return len(last(b, (*wire.Message).GetRoomList).GetRooms())
		}
		if n := list(); n != 0 || w.server.hub.rooms["asked-for"] != nil {
			t.Errorf("%d rooms are listed", n)
		}
		b.publish("watched", 1, "hello")
		if n := list(); n != 1 || len(a.texts()) != 1 {
			t.Errorf("%d rooms are listed, alice read %q", n, a.texts())
		}
		a.sayBye()
		synctest.Wait()
		if n := len(w.server.hub.rooms); n != 0 {
			t.Errorf("%d rooms are there when nobody is", n)
		}
	})
}

// A long list of rooms is made once a second at most; a short one is never old.
func TestALongListOfRoomsIsNotMadeEachTime(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		c := w.connect("10.0.0.1:1", newID(t))
		c.hello("a", nil)
		h := w.server.hub
		count := func() int {
			c.say(wire.Encode(&wire.Message_Rooms{Rooms: &wire.Rooms{}}))
			return int(last(c, (*wire.Message).GetRoomList).GetCount())
		}
		add := func(from, to int) {
			for i := from; i < to; i++ {
				h.room(strconv.Itoa(i)).fixed = true
			}
		}
		add(0, 10)
		if n := count(); n != 10 {
			t.Errorf("%d rooms of 10", n)
		}
		add(10, 2*listLong)
		if n := count(); n != 2*listLong {
			t.Errorf("%d rooms of %d", n, 2*listLong)
		}
		add(2*listLong, 3*listLong)
		if n := count(); n != 2*listLong {
			t.Errorf("%d rooms: the list was made again", n)
		}
		c.w.pass(listFresh)
		if n := count(); n != 3*listLong {
			t.Errorf("%d rooms of %d after %v", n, 3*listLong, listFresh)
		}
	})
}

// BenchmarkRoomList is what a list of as many rooms as there may be costs: made anew, and again.
func BenchmarkRoomList(b *testing.B) {
	c := newCrowd(b, 0)
	for i := range c.hub.cfg.Limits.Rooms {
		c.hub.room(fmt.Sprintf("%064d", i*7919%c.hub.cfg.Limits.Rooms)).fixed = true
	}
	for name, step := range map[string]time.Duration{"anew": listFresh, "again": 0} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				c.now = c.now.Add(step)
				if n := len(c.hub.roomNames(c.now)); n != c.hub.cfg.Limits.Rooms {
					b.Fatal(n)
				}
			}
		})
	}
}
