package daemon

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"yodel/daemon/access"
	"yodel/daemon/roomlog"
	"yodel/wire"
)

// reload changes the configuration that the daemon has, and reloads.
func (w *world) reload(change func(c *Config)) Reloaded {
	w.t.Helper()
	cfg, err := ask(context.Background(), w.operator(), func(h *hub, _ time.Time) Config { return h.cfg })
	if err != nil {
		w.t.Fatal(err)
	}
	change(&cfg)
	r, err := w.operator().Reload(context.Background(), cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	pass(10 * time.Millisecond)
	return r
}

// hastyVoices is how many voices the hub takes for such that are to be heard at once.
func (w *world) hastyVoices() int {
	n, err := ask(context.Background(), w.operator(), func(h *hub, _ time.Time) int { return h.hasty })
	if err != nil {
		w.t.Error(err)
	}
	return n
}

// A change of the delay is told to all in the room; the talkspurt under way keeps its delay, and the next one has the new.
func TestDelayChangesForTalkspurtsThatBegin(t *testing.T) {
	for name, c := range map[string]struct{ was, is time.Duration }{
		"to live":   {time.Second, 0},
		"from live": {0, time.Second},
		"to longer": {time.Second, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, Config{Delay: c.was}, func(t *testing.T, w *world) {
				a, b := w.connect("10.0.0.1:1", newID(t)), w.connect("10.0.0.2:1", newID(t))
				o := w.connect("10.0.0.3:1", newID(t))
				a.enter("alice", "lobby", nil)
				b.enter("bob", "lobby", nil)
				o.enter("", "lobby", &wire.Join{From: &wire.Join_Live{Live: true}, Observe: true})
				var want []heard
				speak := func(ssrc uint32, from, to int, delay time.Duration) {
					for i := from; i < to; i++ {
						want = append(want, heard{ssrc, uint16(i), time.Since(bubbleStart) + delay - wire.Lead(delay)})
						a.speak(ssrc, uint16(i), uint32(time.Since(bubbleStart).Milliseconds())*48)
						pass(20 * time.Millisecond)
					}
				}
				first := a.talk("lobby", 0, 0)
				speak(first, 0, 5, c.was)
				if r := w.reload(func(cfg *Config) { cfg.Delay = c.is }); !slices.Equal(r.Changed, []string{"delay"}) || r.NeedRestart != nil {
					t.Errorf("%+v", r)
				}
				pass(10 * time.Millisecond) // on the grid again
				for nick, to := range map[string]*client{"alice": a, "bob": b, "an observer": o} {
					infos := all(to, (*wire.Message).GetRoomInfo)
					if len(infos) != 1 || infos[0].GetRoom() != "lobby" || infos[0].GetDelayMs() != uint32(c.is.Milliseconds()) ||
						infos[0].GetLeadMs() != uint32(wire.Lead(c.is).Milliseconds()) {
						t.Errorf("%s was told %v", nick, infos)
					}
				}
				speak(first, 5, 10, c.was)
				a.say(wire.Encode(&wire.Message_TalkEnd{TalkEnd: &wire.TalkEnd{Ssrc: first, LastSeq: 9}}))
				pass(5 * time.Second)
				second := a.talk("lobby", 0, 0)
				speak(second, 0, 5, c.is)
				a.say(wire.Encode(&wire.Message_TalkEnd{TalkEnd: &wire.TalkEnd{Ssrc: second, LastSeq: 4}}))
				pass(10 * time.Second)
				near(t, want, b.heard)
				if n := w.hastyVoices(); n != 0 {
					t.Errorf("%d hasty voices are left", n)
				}
				if j := w.connect("10.0.0.4:1", newID(t)); j != nil {
					j.enter("late", "lobby", nil)
					if d := last(j, (*wire.Message).GetJoined).GetDelayMs(); d != uint32(c.is.Milliseconds()) {
						t.Errorf("a newcomer was told a delay of %d ms", d)
					}
				}
			})
		})
	}
}

// near compares what was heard: on the grid it may be up to half a step early or late, and 5 ms stand for timers.
func near(t *testing.T, want, got []heard) {
	t.Helper()
	if len(want) != len(got) {
		t.Fatalf("%d packets were heard, want %d:\n%v\n%v", len(got), len(want), got, want)
	}
	for i := range want {
		if off := (got[i].At - want[i].At).Abs(); got[i].SSRC != want[i].SSRC || got[i].Seq != want[i].Seq || off > DefaultGrid/2+5*time.Millisecond {
			t.Errorf("packet %d: %+v, want %+v", i, got[i], want[i])
		}
	}
}

// A talk that is granted before the change and begins after it has the new delay, as its room was told.
func TestGrantedTalkHasTheDelayThatItsRoomWasTold(t *testing.T) {
	for name, c := range map[string]struct {
		was, is     time.Duration
		hasty, then int
	}{
		"to live":   {2 * time.Second, 0, 0, 1},
		"from live": {0, 2 * time.Second, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, Config{Delay: c.was}, func(t *testing.T, w *world) {
				a := w.connect("10.0.0.1:1", newID(t))
				a.enter("alice", "lobby", nil)
				a.say(wire.Encode(&wire.Message_Talk{Talk: &wire.Talk{Room: "lobby", PayloadType: wire.PayloadOpus}}))
				ssrc := last(a, (*wire.Message).GetTalkGranted).GetSsrc()
				if n := w.hastyVoices(); n != c.hasty {
					t.Errorf("%d hasty voices before", n)
				}
				w.reload(func(cfg *Config) { cfg.Delay = c.is })
				if n := w.hastyVoices(); n != c.then {
					t.Errorf("%d hasty voices after", n)
				}
				a.say(wire.Encode(&wire.Message_TalkStart{TalkStart: &wire.TalkStart{Room: "lobby", Ssrc: ssrc, PayloadType: wire.PayloadOpus}}))
				began := time.Since(bubbleStart)
				a.speak(ssrc, 0, 0)
				pass(5 * time.Second)
				near(t, []heard{{ssrc, 0, began + c.is - wire.Lead(c.is)}}, a.heard)
				a.stop()
				pass(time.Minute)
				if n := w.hastyVoices(); n != 0 {
					t.Errorf("%d hasty voices are left", n)
				}
			})
		})
	}
}

// What has changed and what needs a restart is named; what needs one stays.
func TestReloadNamesWhatChanged(t *testing.T) {
	crew, err := access.ParseWho("crew")
	if err != nil {
		t.Fatal(err)
	}
	keep := roomlog.Keep{Entries: 3}
	for _, c := range []struct {
		change           func(c *Config)
		changed, restart string
	}{
		{func(*Config) {}, "", ""},
		{func(c *Config) { c.Access = access.Known }, "access", ""},
		{func(c *Config) { c.Access = "" }, "", ""}, // on loopback that is open, as it was
		{func(c *Config) { c.AuthorizedKeys = "/nowhere" }, "authorized_keys", ""},
		{func(c *Config) { c.PublicAddress = "yodel.example.org" }, "public_address", ""},
		{func(c *Config) { c.ShowAddress = AddressNever }, "presence_address", ""},
		{func(c *Config) { c.ShowAddress = "" }, "", ""},
		{func(c *Config) { c.Delay = time.Second }, "delay", ""},
		{func(c *Config) { c.Keep = roomlog.Keep{Entries: 1, Bytes: 1, Age: 1}; c.KeepTotal = 1 }, "keep.age keep.bytes keep.messages keep.total", ""},
		{
			func(c *Config) { c.Limits = Limits{1, 4, 3, 1 << 20, 5} },
			"limits.echo_bytes limits.members limits.publish_rate limits.rooms limits.sessions", "",
		},
		{func(c *Config) { c.Limits = Limits{} }, "", ""},
		{func(c *Config) { c.LogMessages = true }, "log.messages", ""},
		{func(c *Config) {
			c.Rooms = map[string]RoomConfig{"a": {Delay: time.Second, Keep: &keep}, "c": {Join: []access.Who{crew}}, "d": {}}
		}, "rooms.b rooms.c rooms.d", ""},
		{func(c *Config) {
			c.Rooms = map[string]RoomConfig{"a": {Delay: time.Second}, "b": {}, "c": {Talk: []access.Who{}}}
		}, "rooms.a rooms.c", ""},
		{func(c *Config) {
			c.State, c.Gather, c.Grid, c.Listen = "/elsewhere", 1, 2, netip.MustParseAddrPort("127.0.0.1:1")
		}, "", "gather grid listen state"},
	} {
		keep := keep
		cfg := Config{Rooms: map[string]RoomConfig{"a": {Delay: time.Second, Keep: &keep}, "b": {}, "c": {}}}
		inWorld(t, cfg, func(t *testing.T, w *world) {
			before := w.server.hub.cfg
			for range 2 { // what needs a restart is told again
				r := w.reload(c.change)
				if got := strings.Join(r.Changed, " "); got != c.changed {
					t.Errorf("changed: %q, want %q", got, c.changed)
				}
				if got := strings.Join(r.NeedRestart, " "); got != c.restart {
					t.Errorf("needs a restart: %q, want %q", got, c.restart)
				}
				c.changed = ""
			}
			after := w.server.hub.cfg
			if after.State != before.State || after.Gather != before.Gather || after.Grid != before.Grid || after.Listen != before.Listen {
				t.Error("what cannot change has changed")
			}
		})
	}
}

// A configuration that cannot be used changes nothing.
func TestBadReloadChangesNothing(t *testing.T) {
	inWorld(t, Config{Delay: time.Second, Rooms: map[string]RoomConfig{"a": {}}}, func(t *testing.T, w *world) {
		before, bad := w.server.hub.cfg, authorizedKeys(t, "rubbish")
		for name, change := range map[string]func(c *Config){
			"delay":   func(c *Config) { c.Delay = -1 },
			"room":    func(c *Config) { c.Rooms = map[string]RoomConfig{"a b": {}} },
			"limits":  func(c *Config) { c.Limits.Sessions = -1 },
			"address": func(c *Config) { c.ShowAddress = "maybe" },
			"grid":    func(c *Config) { c.Grid = time.Hour },
			"keys":    func(c *Config) { c.AuthorizedKeys = bad },
		} {
			cfg := before
			cfg.LogMessages = true
			change(&cfg)
			if _, err := w.operator().Reload(t.Context(), cfg); !errors.Is(err, ErrConfig) {
				t.Errorf("%s: %v", name, err)
			}
			if d := cmp.Diff(before.Rooms, w.server.hub.cfg.Rooms); d != "" || w.server.hub.cfg.LogMessages || w.server.hub.cfg.Delay != before.Delay {
				t.Errorf("%s: something has changed", name)
			}
		}
	})
}

// Who is put into the operator's file before a reload that keeps out others stays, and who is taken out is out with it.
func TestAReloadReadsTheOperatorsFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		al, bo := newID(t), newID(t)
		path := authorizedKeys(t, "# nobody")
		w := newWorld(t, Config{Access: access.Open, AuthorizedKeys: path})
		defer w.stop()
		a, b := w.connect("10.0.0.1:1", al), w.connect("10.0.0.2:1", bo)
		a.comes("al", nil)
		b.comes("bo", nil)
		rewrite(t, path, al.Fingerprint().String())
		w.reload(func(c *Config) { c.Access = access.Known })
		if a.bye != "" || b.bye == "" {
			t.Errorf("al was told %q, bo %q", a.bye, b.bye)
		}
		rewrite(t, path, bo.Fingerprint().String())
		w.reload(func(*Config) {})
		if a.bye == "" {
			t.Error("al was taken out, and is there")
		}
	})
}

// Rooms come and go with the configuration; one in which somebody is stays until it is empty.
func TestConfiguredRoomsComeAndGo(t *testing.T) {
	inWorld(t, Config{Rooms: map[string]RoomConfig{"a": {}, "b": {}}}, func(t *testing.T, w *world) {
		c := w.connect("10.0.0.1:1", newID(t))
		c.enter("alice", "a", nil)
		rooms := func() string {
			c.say(wire.Encode(&wire.Message_Rooms{Rooms: &wire.Rooms{}}))
			var names []string
			for _, r := range last(c, (*wire.Message).GetRoomList).GetRooms() {
				names = append(names, r.GetRoom())
			}
			return strings.Join(names, " ")
		}
		w.reload(func(c *Config) { c.Rooms = map[string]RoomConfig{"d": {Delay: time.Second}} })
		if got := rooms(); got != "a d" {
			t.Errorf("with somebody in a: %q", got)
		}
		if d := last(c, (*wire.Message).GetRoomInfo); d.GetDelayMs() != uint32(w.server.hub.cfg.Delay.Milliseconds()) {
			t.Errorf("room a, which is not configured any more: %v", d)
		}
		c.say(wire.Encode(&wire.Message_Leave{Leave: &wire.Leave{Room: "a"}}))
		if got := rooms(); got != "d" {
			t.Errorf("with nobody in a: %q", got)
		}
		w.reload(func(c *Config) { c.Rooms = map[string]RoomConfig{"a": {}} })
		if got := rooms(); got != "a" {
			t.Errorf("with a again: %q", got)
		}
		h := w.server.hub
		if h.makers.live != 1 {
			t.Errorf("%d rooms are counted", h.makers.live)
		}
	})
}

// New limits hold for what comes; nobody who is there is put out.
func TestLimitsChange(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		a := w.connect("10.0.0.1:1", newID(t))
		a.enter("alice", "lobby", nil)
		b := w.connect("10.0.0.2:1", newID(t))
		b.enter("bob", "lobby", nil)
		w.reload(func(c *Config) {
			c.Limits = Limits{Sessions: 1, Rooms: 1, Members: 1, PublishRate: minPublishRate, EchoBytes: 1}
		})
		c := w.connect("10.0.0.3:1", newID(t))
		c.enter("carol", "lobby", nil)
		if r := last(c, (*wire.Message).GetRefused); r.GetCode() != wire.Code_CODE_LIMIT {
			t.Errorf("a session more: %v", r)
		}
		a.say(wire.Encode(&wire.Message_Join{Join: &wire.Join{Room: "other", From: &wire.Join_Live{Live: true}}}))
		if r := last(a, (*wire.Message).GetRefused); r.GetCode() != wire.Code_CODE_LIMIT {
			t.Errorf("a room more: %v", r)
		}
		a.publish("lobby", 1, "still here")
		if d := cmp.Diff([]string{"still here"}, b.texts()); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		ssrc := a.talk("lobby", 0, 0)
		a.speak(ssrc, 0, 0)
		pass(20 * time.Second)
		if len(b.heard) > 0 || w.dropped(dropEchoFull) == 0 {
			t.Errorf("without room for echo %d packets were heard", len(b.heard))
		}
		w.reload(func(c *Config) { c.Limits = Limits{} })
		c = w.connect("10.0.0.3:2", newID(t))
		c.enter("carol", "other", nil)
		if last(c, (*wire.Message).GetJoined) == nil {
			t.Error("with the limits that are usual carol may not come in")
		}
	})
}
