package daemon

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"yodel/wire"
)

// inWorld runs a test with a daemon in a bubble.
func inWorld(t *testing.T, cfg Config, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, cfg)
		defer w.stop()
		f(t, w)
	})
}

// pass lets time go by.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestMessageReachesAllAndItsSenderHasAReceipt(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		a, b := w.connect("10.0.0.1:1", newID(t)), w.connect("10.0.0.2:1", newID(t))
		a.enter("alice", "lobby", nil)
		b.enter("bob", "lobby", nil)
		a.publish("lobby", 1, "one")
		b.publish("lobby", 1, "two")
		a.publish("lobby", 1, "one") // again
		for name, c := range map[string]*client{"alice": a, "bob": b} {
			if d := cmp.Diff([]string{"one", "two"}, c.texts()); d != "" {
				t.Errorf("%s (-want +got)\n%s", name, d)
			}
		}
		receipts := all(a, (*wire.Message).GetReceipt)
		if len(receipts) != 2 || receipts[0].GetPos() != receipts[1].GetPos() {
			t.Errorf("receipts of a message that was sent twice: %v", receipts)
		}
		a.publish("lobby", 1, "other")
		if r := last(a, (*wire.Message).GetRefused); r.GetCode() != wire.Code_CODE_ID_REUSED {
			t.Errorf("the same id with other bytes: %v", r)
		}
	})
}

func TestPublishNeedsNoJoinAndIsNotAnnounced(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		a, b := w.connect("10.0.0.1:1", newID(t)), w.connect("10.0.0.2:1", newID(t))
		a.enter("alice", "lobby", nil)
		b.say(wire.Encode(&wire.Message_Hello{Hello: &wire.Hello{Versions: []uint32{1}, Nick: "bob"}}))
		b.publish("lobby", 7, "hi")
		if d := cmp.Diff([]string{"hi"}, a.texts()); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		if p := all(a, (*wire.Message).GetPresence); len(p) != 0 {
			t.Errorf("announced: %v", p)
		}
	})
}

func TestRefusals(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		a, b := w.connect("10.0.0.1:1", newID(t)), w.connect("10.0.0.2:1", newID(t))
		a.enter("Älice", "lobby", nil)
		hello := func(c *client, nick string) {
			c.say(wire.Encode(&wire.Message_Hello{Hello: &wire.Hello{Versions: []uint32{1}, Nick: nick}}))
		}
		hello(b, "ÄLICE")
		for name, c := range map[string]struct {
			what []byte
			want wire.Code
		}{
			"taken nick":      {nil, wire.Code_CODE_NICK_TAKEN},
			"publish no nick": {wire.Encode(&wire.Message_Publish{Publish: &wire.Publish{Room: "lobby", Body: []byte("x")}}), wire.Code_CODE_NICK_ILLEGAL},
			"illegal nick":    {wire.Encode(&wire.Message_SetNick{SetNick: &wire.SetNick{Nick: "a\u202eb"}}), wire.Code_CODE_NICK_ILLEGAL},
			"talk not in":     {wire.Encode(&wire.Message_Talk{Talk: &wire.Talk{Room: "lobby", PayloadType: 111}}), wire.Code_CODE_NOT_MEMBER},
			"who bad room":    {wire.Encode(&wire.Message_Who{Who: &wire.Who{Room: "a b"}}), wire.Code_CODE_ROOM_ILLEGAL},
			"second hello":    {wire.Encode(&wire.Message_Hello{Hello: &wire.Hello{Versions: []uint32{1}}}), wire.Code_CODE_PROTOCOL},
		} {
			if c.what != nil {
				b.say(c.what)
			}
			if r := last(b, (*wire.Message).GetRefused); r.GetCode() != c.want && c.what != nil {
				t.Errorf("%s: %v, want %v", name, r, c.want)
			}
		}
		if first := all(b, (*wire.Message).GetRefused)[0]; first.GetCode() != wire.Code_CODE_NICK_TAKEN {
			t.Errorf("taken nick: %v", first)
		}
		b.say(wire.Encode(&wire.Message_SetNick{SetNick: &wire.SetNick{Nick: "bob"}}))
		b.publish("lobby", 1, "still usable")
		b.publish("lobby", 2, "")
		b.publish("lobby", 3, string(make([]byte, wire.MaxBody+1)))
		var codes []wire.Code
		for _, r := range all(b, (*wire.Message).GetRefused) {
			if r.GetId() > 1 {
				codes = append(codes, r.GetCode())
			}
		}
		if d := cmp.Diff([]wire.Code{wire.Code_CODE_EMPTY, wire.Code_CODE_TOO_LONG}, codes); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		if d := cmp.Diff([]string{"still usable"}, a.texts()); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
	})
}

func TestVersionThatIsNotCommonIsRefused(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		a := w.connect("10.0.0.1:1", newID(t))
		a.say(wire.Encode(&wire.Message_Hello{Hello: &wire.Hello{Versions: []uint32{99}}}))
		r := last(a, (*wire.Message).GetRefused)
		if r.GetCode() != wire.Code_CODE_VERSION || r.GetMinVersion() != wire.MinVersion || r.GetMaxVersion() != wire.MaxVersion {
			t.Errorf("%v", r)
		}
	})
}

func TestPresenceIsPerNick(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		watcher := w.connect("10.0.0.1:1", newID(t))
		watcher.enter("watcher", "lobby", nil)
		id := newID(t)
		one, two := w.connect("10.0.0.2:1", id), w.connect("10.0.0.2:2", id)
		one.enter("alice", "lobby", nil)
		two.enter("alice", "lobby", nil)
		seen := w.connect("10.0.0.3:1", newID(t))
		seen.enter("reader", "lobby", &wire.Join{Observe: true})
		leave := wire.Encode(&wire.Message_Leave{Leave: &wire.Leave{Room: "lobby"}})
		one.say(leave)
		two.say(leave)
		var got []string
		for _, p := range all(watcher, (*wire.Message).GetPresence) {
			for _, e := range p.GetEvents() {
				got = append(got, fmt.Sprint(e.GetMember().GetNick(), " ", e.GetJoined(), " ", e.GetReason()))
			}
		}
		if d := cmp.Diff([]string{"alice true ", "alice false left"}, got); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
	})
}

func TestSilentPeerLeavesAfterThirtySeconds(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		a, b := w.connect("10.0.0.1:1", newID(t)), w.connect("10.0.0.2:1", newID(t))
		a.enter("alice", "lobby", nil)
		b.enter("bob", "lobby", nil)
		b.stop()
		for range 4 {
			pass(8 * time.Second)
			a.say(wire.Encode(&wire.Message_Ping{Ping: &wire.Ping{}}))
		}
		e := last(a, (*wire.Message).GetPresence).GetEvents()[0]
		if e.GetJoined() || e.GetMember().GetNick() != "bob" || e.GetReason() != wire.ByeTimeout {
			t.Errorf("after 32 s of silence: %v", e)
		}
		a.say(wire.Encode(&wire.Message_Who{Who: &wire.Who{Room: "lobby"}}))
		if n := len(last(a, (*wire.Message).GetMembers).GetMembers()); n != 1 {
			t.Errorf("%d members", n)
		}
	})
}

func TestRestartOnTheSamePortGetsInAtOnce(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		id := newID(t)
		w.connect("10.0.0.1:1", id).enter("alice", "lobby", nil)
		again := w.connect("10.0.0.1:1", id) // the first one says nothing more
		again.enter("alice", "lobby", nil)
		again.publish("lobby", 1, "back")
		if len(all(again, (*wire.Message).GetReceipt)) != 1 {
			t.Errorf("no receipt after a restart on the same port: got %v, drops %v", again.got, w.drops())
		}
		again.say(wire.Encode(&wire.Message_Who{Who: &wire.Who{Room: "lobby"}}))
		if n := len(last(again, (*wire.Message).GetMembers).GetMembers()); n != 1 {
			t.Errorf("%d members after the restart", n)
		}
	})
}

func TestReplayAndLiveJoinWithoutGapOrDouble(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		a := w.connect("10.0.0.1:1", newID(t))
		a.enter("alice", "lobby", nil)
		const n = 3000
		for i := range n {
			a.publish("lobby", uint64(i), fmt.Sprint(i, string(make([]byte, 200))))
			if i%100 == 0 {
				pass(10 * time.Millisecond)
			}
		}
		b := w.connect("10.0.0.2:1", newID(t))
		b.enter("bob", "lobby", &wire.Join{From: &wire.Join_Last{Last: 2000}})
		for i := n; i < n+50; i++ {
			a.publish("lobby", uint64(i), strconv.Itoa(i))
		}
		pass(time.Second)
		entries := all(b, (*wire.Message).GetEntry)
		if len(entries) != 2050 {
			t.Fatalf("%d entries, want 2050", len(entries))
		}
		for i := 1; i < len(entries); i++ {
			if entries[i].GetPrev() != entries[i-1].GetPos() {
				t.Fatalf("a gap before entry %d", i)
			}
		}
		if j := last(b, (*wire.Message).GetJoined); j.GetReplay() != 2000 {
			t.Errorf("replay of %d promised", j.GetReplay())
		}
	})
}

func TestStoppingIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{})
		a := w.connect("10.0.0.1:1", newID(t))
		a.enter("alice", "lobby", nil)
		began := time.Now()
		byes := 0
		var mu sync.Mutex
		w.deliver = func(to *client, b []byte) {
			mu.Lock()
			byes++
			mu.Unlock()
			to.arrives(b)
		}
		go w.stop()
		<-w.server.done
		if d := time.Since(began); d > 200*time.Millisecond {
			t.Errorf("stopping took %v", d)
		}
		if byes < wire.ByeTimes {
			t.Errorf("%d datagrams at the end, want %d BYEs", byes, wire.ByeTimes)
		}
	})
}

// Over a path that loses 20 % each way all messages arrive once and in order, at all members.
func TestMessagesOverALossyPath(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		a, b := w.connect("10.0.0.1:1", newID(t)), w.connect("10.0.0.2:1", newID(t))
		a.enter("alice", "lobby", nil)
		b.enter("bob", "lobby", nil)
		var mu sync.Mutex
		r := rand.New(rand.NewPCG(seed, 2))
		drop := func() bool { mu.Lock(); defer mu.Unlock(); return r.Float64() < 0.2 }
		w.deliver = func(to *client, d []byte) {
			if !drop() {
				to.arrives(d)
			}
		}
		send := a.send
		a.run(func(time.Time) {
			a.send = func(d []byte) {
				if !drop() {
					send(d)
				}
			}
		})
		var want []string
		for i := range 500 {
			a.publish("lobby", uint64(i), strconv.Itoa(i))
			want = append(want, strconv.Itoa(i))
			pass(time.Millisecond)
		}
		pass(10 * time.Second)
		if d := cmp.Diff(want, b.texts()); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		if n := len(all(a, (*wire.Message).GetReceipt)); n != 500 {
			t.Errorf("%d receipts", n)
		}
	})
}

func TestOneNickInTwoSpellingsIsOneMember(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		id := newID(t)
		a, b := w.connect("10.0.0.1:1", id), w.connect("10.0.0.1:2", id)
		a.enter("alice", "lobby", nil)
		b.enter("ALICE", "lobby", nil)
		if n := last(b, (*wire.Message).GetJoined).GetMembers(); len(n) != 1 {
			t.Errorf("%v", n)
		}
	})
}

func TestStoredMessageGoesBeforeALaterTransientOne(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		c := w.connect("10.0.0.1:1", newID(t))
		c.enter("a", "lobby", nil)
		c.run(func(time.Time) {
			for i, text := range []string{"stored", "transient"} {
				m := &wire.Publish{Room: "lobby", Id: uint64(i), Body: []byte(text), Transient: i == 1}
				if err := c.stream.Send(wire.Encode(&wire.Message_Publish{Publish: m})); err != nil {
					t.Error(err)
				}
			}
		})
		if d := cmp.Diff([]string{"stored", "transient"}, c.texts()); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		c.say(wire.Encode(&wire.Message_Publish{Publish: &wire.Publish{Room: "nobody", Id: 9, Body: []byte("x"), Transient: true}}))
		if w.server.hub.rooms["nobody"] != nil {
			t.Error("a transient message left a room behind")
		}
	})
}
