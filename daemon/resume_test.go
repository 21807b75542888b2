package daemon

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"yodel/wire"
)

// again connects the identity of a client from another address and names its session in Hello.
func (c *client) again(addr, nick string) *client {
	c.w.t.Helper()
	id := c.sessionID()
	n := c.w.connect(addr, c.id)
	n.hello(nick, id[:])
	return n
}

func (c *client) presences() (out []string) {
	for _, p := range all(c, (*wire.Message).GetPresence) {
		for _, e := range p.GetEvents() {
			out = append(out, fmt.Sprint(e.GetMember().GetNick(), " ", e.GetJoined()))
		}
	}
	return out
}

func TestSessionIsTakenOver(t *testing.T) {
	var log bytes.Buffer
	cfg := Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}
	inRoom(t, cfg, func(t *testing.T, a, b *client) {
		b.publish("lobby", 1, "one")
		logID := last(a, (*wire.Message).GetJoined).GetLogId()
		pos := last(a, (*wire.Message).GetEntry).GetPos()
		a.stop() // its network is gone
		b.publish("lobby", 2, "two")
		before := b.presences()
		n := a.again("10.0.0.7:1", "ALICE")
		welcome := last(n, (*wire.Message).GetWelcome)
		if id := a.sessionID(); !bytes.Equal(welcome.GetSessionId(), id[:]) || welcome.GetNick() != "alice" {
			t.Errorf("welcome %v", welcome)
		}
		b.publish("lobby", 3, "three")
		a.w.pass(time.Second)
		if got := n.texts(); len(got) != 0 {
			t.Errorf("entries before it said what it has: %q", got)
		}
		n.say(wire.Encode(&wire.Message_Join{Join: &wire.Join{
			Room: "lobby", Hear: true, From: &wire.Join_After{After: &wire.After{LogId: logID, Pos: pos}},
		}}))
		b.publish("lobby", 4, "four")
		if d := cmp.Diff([]string{"two", "three", "four"}, n.texts()); d != "" {
			t.Errorf("after the join (-want +got)\n%s", d)
		}
		rest(50*time.Second, n, b)
		if d := cmp.Diff(before, b.presences()); d != "" {
			t.Errorf("bob saw (-want +got)\n%s", d)
		}
		if h := a.w.server.hub; len(h.sessions) != 2 || len(h.ids) != 2 {
			t.Errorf("%d sessions, %d ids", len(h.sessions), len(h.ids))
		}
		if m := last(n, (*wire.Message).GetJoined).GetMembers(); len(m) != 2 {
			t.Errorf("members %v", m)
		}
	})
	if !strings.Contains(log.String(), "msg=resumed nick=alice") {
		t.Errorf("the log does not tell:\n%s", log.String())
	}
}

func TestHelloThatTakesOverAsksForANick(t *testing.T) {
	for name, c := range map[string]struct {
		nick, want string
		code       wire.Code
		seen       []string
	}{
		"none":  {"", "alice", 0, nil},
		"same":  {"Alice", "alice", 0, nil},
		"other": {"carol", "carol", 0, []string{"alice false", "carol true"}},
		"taken": {"bob", "alice", wire.Code_CODE_NICK_TAKEN, nil},
	} {
		t.Run(name, func(t *testing.T) {
			inRoom(t, Config{}, func(t *testing.T, a, b *client) {
				before := len(b.presences())
				n := a.again("10.0.0.7:1", c.nick)
				if got := last(n, (*wire.Message).GetWelcome).GetNick(); got != c.want {
					t.Errorf("the nick is %q, want %q", got, c.want)
				}
				if got := last(n, (*wire.Message).GetRefused).GetCode(); got != c.code {
					t.Errorf("refused with %v", got)
				}
				if d := cmp.Diff(c.seen, b.presences()[before:], cmp.Transformer("nil", func(s []string) []string { return append([]string{}, s...) })); d != "" {
					t.Errorf("bob saw (-want +got)\n%s", d)
				}
			})
		})
	}
}

// The voice of a session that was taken over goes on under its old keys until its end; then the session ends without a word.
func TestFadingSessionFinishesItsVoice(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		ssrc := a.talk("lobby", 0, 0)
		a.speak(ssrc, 0, 0)
		n := a.again("10.0.0.7:1", "alice")
		n.joinAfterOf(a)
		for i := range 3 {
			a.w.pass(20 * time.Millisecond)
			a.speak(ssrc, uint16(i+1), uint32(i+1)*960)
		}
		a.publish("lobby", 1, "was on its way")
		a.say(wire.Encode(&wire.Message_TalkEnd{TalkEnd: &wire.TalkEnd{Ssrc: ssrc, LastSeq: 3}}))
		if r := last(a, (*wire.Message).GetTalkReport); r.GetReceived() != 4 || r.GetLost() != 0 {
			t.Errorf("report %v", r)
		}
		if len(b.heard) != 4 || !slices.Equal(b.texts(), []string{"was on its way"}) || !slices.Equal(n.texts(), b.texts()) {
			t.Errorf("bob heard %d and read %q, alice read %q", len(b.heard), b.texts(), n.texts())
		}
		if len(all(a, (*wire.Message).GetEntry)) != 0 || len(all(a, (*wire.Message).GetReceipt)) != 1 {
			t.Error("the fading session got entries, or no receipt")
		}
		a.w.pass(time.Second)
		if a.byes != 0 || len(a.w.server.hub.sessions) != 2 {
			t.Errorf("%d BYEs, %d sessions", a.byes, len(a.w.server.hub.sessions))
		}
		before := len(a.stuns)
		a.w.pass(2 * time.Second)
		a.say(wire.Encode(&wire.Message_Ping{Ping: &wire.Ping{Padding: make([]byte, 100)}})) // earns no hint
		if len(a.stuns) != before {
			t.Error("a hint to a link that its peer has left")
		}
		if n := last(b, (*wire.Message).GetTalkEnd); n.GetLastSeq() != 3 {
			t.Errorf("talk end %v", n)
		}
	})
}

// joinAfterOf joins the lobby at the position that the client before had.
func (c *client) joinAfterOf(before *client) {
	j := last(before, (*wire.Message).GetJoined)
	c.say(wire.Encode(&wire.Message_Join{Join: &wire.Join{
		Room: j.GetRoom(), Hear: true, From: &wire.Join_After{After: &wire.After{LogId: j.GetLogId(), Pos: j.GetNewest()}},
	}}))
}

func TestFadingSessionEndsAfterTenSeconds(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		ssrc := a.talk("lobby", 0, 0)
		a.speak(ssrc, 0, 0)
		a.stop()
		n := a.again("10.0.0.7:1", "alice")
		n.joinAfterOf(a)
		rest(wire.FadeFor-time.Millisecond, n, b)
		if len(all(b, (*wire.Message).GetTalkEnd)) != 0 || len(a.w.server.hub.sessions) != 3 {
			t.Errorf("ended too early: %d sessions", len(a.w.server.hub.sessions))
		}
		b.ping()
		a.w.pass(time.Millisecond)
		if len(all(b, (*wire.Message).GetTalkEnd)) != 1 || len(a.w.server.hub.sessions) != 2 || a.byes != 0 {
			t.Errorf("not ended: %d sessions, %d BYEs", len(a.w.server.hub.sessions), a.byes)
		}
	})
}

func TestFadingSessionEndsAtItsPeersBye(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		ssrc := a.talk("lobby", 0, 0)
		a.speak(ssrc, 0, 0)
		before := len(b.presences())
		n := a.again("10.0.0.7:1", "alice")
		a.run(func(time.Time) {
			plain, err := wire.AppendBye(nil, wire.SSRCPeer, wire.ByeLeft)
			if err != nil {
				t.Error(err)
			}
			a.sendRTCP(plain)
		})
		if len(a.w.server.hub.sessions) != 2 || len(b.presences()) != before || len(all(b, (*wire.Message).GetTalkEnd)) != 1 {
			t.Errorf("%d sessions; bob saw %v", len(a.w.server.hub.sessions), b.presences())
		}
		n.joinAfterOf(a)
		n.publish("lobby", 1, "still here")
		if len(all(n, (*wire.Message).GetReceipt)) != 1 {
			t.Error("the next session is gone too")
		}
	})
}

// A Leave that was on its way when the session was taken over holds, unless the room was joined again.
func TestLeaveOnItsWayHolds(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		a.say(wire.Encode(&wire.Message_Join{Join: &wire.Join{Room: "side"}}))
		ssrc := a.talk("lobby", 0, 0) // so that the old session stays for a while
		a.speak(ssrc, 0, 0)
		n := a.again("10.0.0.7:1", "alice")
		n.joinAfterOf(b)
		for _, room := range []string{"lobby", "side"} {
			a.say(wire.Encode(&wire.Message_Leave{Leave: &wire.Leave{Room: room}}))
		}
		rooms := a.w.session(n).rooms
		if rooms["lobby"] == nil || rooms["side"] != nil {
			t.Errorf("in %v", rooms)
		}
	})
}

// One who takes his session over again and again has two of them at most.
func TestTakeoversDoNotPileUp(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, _ *client) {
		for i := range 20 {
			ssrc := a.talk("lobby", 0, 0)
			a.speak(ssrc, 0, 0)
			n := a.again(fmt.Sprintf("10.0.1.%d:1", i), "alice")
			n.joinAfterOf(a)
			a = n
		}
		h := a.w.server.hub
		if len(h.sessions) != 3 || len(h.ids) != 2 || a.w.dropped(dropTakeover) != 19 {
			t.Errorf("%d sessions, %d ids, %d counted", len(h.sessions), len(h.ids), a.w.dropped(dropTakeover))
		}
		a.say(wire.Encode(&wire.Message_Leave{Leave: &wire.Leave{Room: "lobby"}}))
		if n := len(h.rooms["lobby"].members); n != 1 {
			t.Errorf("%d members after leaving", n)
		}
		a.w.pass(10 * time.Second)
		if n := len(h.rooms["lobby"].voices); n != 0 {
			t.Errorf("%d voices after leaving", n)
		}
	})
}

func TestSessionOfAnotherIsNotTaken(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		rest(quietFor, a, b)
		before := len(b.presences())
		id := a.sessionID()
		thief := a.w.connect("10.6.6.6:6", newID(t))
		w := thief.hello("mallory", id[:])
		if bytes.Equal(w.GetSessionId(), id[:]) || len(w.GetSessionId()) != 16 || w.GetNick() != "mallory" {
			t.Errorf("welcome %v", w)
		}
		b.publish("lobby", 1, "for alice")
		if len(thief.texts()) != 0 || len(a.texts()) != 1 {
			t.Errorf("the thief read %q, alice %q", thief.texts(), a.texts())
		}
		thief.say(wire.Encode(&wire.Message_Join{Join: &wire.Join{Room: "lobby"}}))
		if d := cmp.Diff([]string{"mallory true"}, b.presences()[before:]); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
	})
}

// After a restart those who come back are not announced to those who have come back before. Who is new is.
func TestJoinsAfterARestartAreQuiet(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		watcher := w.connect("10.0.0.9:1", newID(t))
		watcher.enter("watcher", "lobby", nil)
		was := bytes.Repeat([]byte{7}, 16)
		join := func(c *client, room string) {
			c.say(wire.Encode(&wire.Message_Join{Join: &wire.Join{Room: room}}))
		}
		back := w.connect("10.0.0.1:1", newID(t))
		back.hello("back", was)
		join(back, "lobby")
		fresh := w.connect("10.0.0.2:1", newID(t))
		fresh.enter("new", "lobby", nil)
		rest(quietFor, watcher, back, fresh)
		late := w.connect("10.0.0.3:1", newID(t))
		late.hello("late", was)
		join(late, "lobby")
		back.say(wire.Encode(&wire.Message_SetNick{SetNick: &wire.SetNick{Nick: "renamed"}}))
		want := []string{"new true", "late true", "back false", "renamed true"}
		if d := cmp.Diff(want, watcher.presences()); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		if m := last(late, (*wire.Message).GetJoined).GetMembers(); len(m) != 4 {
			t.Errorf("members %v", m)
		}
	})
}

// A peer that shakes hands anew at the address that it has, and names its session, keeps its rooms too.
func TestTakeoverAtTheSameAddress(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		before := b.presences()
		n := a.again(a.addr.String(), "alice")
		n.joinAfterOf(a)
		b.publish("lobby", 1, "hello")
		a.w.pass(time.Second)
		if d := cmp.Diff(before, b.presences()); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		if !slices.Equal(n.texts(), []string{"hello"}) || a.w.session(n) == nil || len(a.w.server.hub.sessions) != 2 {
			t.Errorf("read %q; %d sessions", n.texts(), len(a.w.server.hub.sessions))
		}
	})
}

// A session whose keys are used up ends a quarter after its peer should have made a new one.
func TestUsedUpKeysEndASession(t *testing.T) {
	if k := newHub(Config{}, []*socket{memorySocket(nil)}).keys; k != wire.RekeyLimits.Beyond() {
		t.Errorf("limits %v", k)
	}
	for name, lower := range map[string]func(*wire.KeyLimits){
		"age":     func(k *wire.KeyLimits) { k.Age = time.Second },
		"packets": func(k *wire.KeyLimits) { k.Packets = 30 },
		"SSRCs":   func(k *wire.KeyLimits) { k.SSRCs = 3 },
	} {
		inRoom(t, Config{}, func(t *testing.T, a, _ *client) {
			synctest.Wait()
			lower(&a.w.server.hub.keys)
			for range 30 {
				if a.bye == "" {
					a.talk("lobby", 0, 0)
				}
				a.w.pass(50 * time.Millisecond)
			}
			a.w.pass(2 * wire.KeepaliveEvery) // a report looks at the keys
			if a.bye != wire.ByeKeys {
				t.Errorf("%s: BYE %q", name, a.bye)
			}
		})
	}
}
