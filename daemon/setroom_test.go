package daemon

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"yodel/daemon/access"
	"yodel/daemon/roomlog"
	"yodel/wire"
)

// SetRoom changes a room that is there, and makes one that is not; a reload makes that undone.
func TestSetRoom(t *testing.T) {
	crew, err := access.ParseWho("crew")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Delay: time.Second, Rooms: map[string]RoomConfig{"a": {Join: []access.Who{access.Everyone}, Talk: []access.Who{crew}}}}
	inWorld(t, cfg, func(t *testing.T, w *world) {
		set := func(name string, change RoomChange) {
			t.Helper()
			if err := w.operator().SetRoom(t.Context(), name, change); err != nil {
				t.Fatal(err)
			}
			pass(10 * time.Millisecond)
		}
		c := w.connect("10.0.0.1:1", newID(t))
		c.enter("alice", "lobby", nil)
		half, two := 500*time.Millisecond, roomlog.Keep{Entries: 2}
		set("a", RoomChange{Delay: &half})
		set("lobby", RoomChange{Delay: &half})
		set("new", RoomChange{Keep: &two})
		if d := last(c, (*wire.Message).GetRoomInfo); d.GetRoom() != "lobby" || d.GetDelayMs() != 500 {
			t.Errorf("told of lobby: %v", d)
		}
		c.say(wire.Encode(&wire.Message_Rooms{Rooms: &wire.Rooms{}}))
		delays := make(map[string]uint32)
		for _, r := range last(c, (*wire.Message).GetRoomList).GetRooms() {
			delays[r.GetRoom()] = r.GetDelayMs()
		}
		if len(delays) != 3 || delays["a"] != 500 || delays["lobby"] != 500 || delays["new"] != 1000 {
			t.Errorf("rooms: %v", delays)
		}
		if a := w.server.hub.cfg.Rooms["a"]; len(a.Join) != 1 || len(a.Talk) != 1 || a.Keep != nil {
			t.Errorf("what was not changed of a: %+v", a)
		}
		r := w.reload(func(cfg *Config) { cfg.Rooms = map[string]RoomConfig{"a": {}} })
		if len(r.Changed) != 3 {
			t.Errorf("the reload has changed %v", r.Changed)
		}
		if d := last(c, (*wire.Message).GetRoomInfo); d.GetDelayMs() != 1000 {
			t.Errorf("told of lobby after the reload: %v", d)
		}
	})
}

// What is over a new rule goes, and no message need come for it.
func TestSetRoomTrims(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		c := w.connect("10.0.0.1:1", newID(t))
		c.enter("alice", "lobby", nil)
		for i := range uint64(10) {
			c.publish("lobby", i+1, strconv.FormatUint(i, 10))
		}
		pass(time.Second)
		if err := w.operator().SetRoom(t.Context(), "lobby", RoomChange{Keep: &roomlog.Keep{Entries: 4}}); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		b := w.connect("10.0.0.2:1", newID(t))
		b.enter("bob", "lobby", &wire.Join{From: &wire.Join_Last{Last: 100}})
		pass(time.Second)
		if n := len(b.texts()); n != 4 {
			t.Errorf("%d messages are kept, want 4", n)
		}
	})
}

func TestSetRoomRefuses(t *testing.T) {
	inWorld(t, Config{Limits: Limits{Sessions: 9, Rooms: 2, Members: 9, EchoBytes: 1 << 20}, Rooms: map[string]RoomConfig{"a": {}, "b": {}}}, func(t *testing.T, w *world) {
		long, less := time.Hour, -time.Second
		for name, c := range map[string]struct {
			room   string
			change RoomChange
		}{
			"a room too many":     {"c", RoomChange{}},
			"an illegal name":     {"a b", RoomChange{}},
			"no name":             {"", RoomChange{}},
			"a long delay":        {"a", RoomChange{Delay: &long}},
			"a negative delay":    {"a", RoomChange{Delay: &less}},
			"to keep less than 0": {"a", RoomChange{Keep: &roomlog.Keep{Entries: -1}}},
		} {
			if err := w.operator().SetRoom(t.Context(), c.room, c.change); !errors.Is(err, ErrConfig) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// A daemon that has ended says so.
func TestSettingsOfADaemonThatHasEnded(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		d := w.operator()
		cfg := w.server.hub.cfg
		w.stop()
		if _, err := d.Reload(t.Context(), cfg); !errors.Is(err, ErrStopped) {
			t.Errorf("reload: %v", err)
		}
		if err := d.SetRoom(t.Context(), "a", RoomChange{}); !errors.Is(err, ErrStopped) {
			t.Errorf("set room: %v", err)
		}
	})
}
