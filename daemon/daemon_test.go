package daemon

import (
	"fmt"
	"math/rand/v2"
	"slices"
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
			t.Errorf("no receipt after a restart on the same port: got %v, drops %v", again.got, w.server.hub.drops.now)
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

func TestEchoComesAfterTheDelay(t *testing.T) {
	for name, c := range map[string]struct{ delay, sent time.Duration }{
		"live": {0, 0},
		"1 s":  {time.Second, 250 * time.Millisecond},
		"10 s": {10 * time.Second, 8500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, Config{Delay: c.delay}, func(t *testing.T, w *world) {
				a, b := w.connect("10.0.0.1:1", newID(t)), w.connect("10.0.0.2:1", newID(t))
				a.enter("alice", "lobby", nil)
				b.enter("bob", "lobby", nil)
				ssrc := a.talk("lobby", 30, 0)
				began := time.Since(bubbleStart)
				var want []heard
				for i := range 50 {
					a.speak(ssrc, uint16(30+i), uint32(i)*960)
					want = append(want, heard{ssrc, uint16(30 + i), began + c.sent + time.Duration(i)*20*time.Millisecond})
					pass(20 * time.Millisecond)
				}
				a.say(wire.Encode(&wire.Message_TalkEnd{TalkEnd: &wire.TalkEnd{Ssrc: ssrc, LastSeq: 79}}))
				pass(c.delay)
				for nick, c := range map[string]*client{"alice": a, "bob": b} {
					if d := cmp.Diff(want, c.heard); d != "" {
						t.Errorf("%s heard (-want +got)\n%s", nick, d)
					}
					if e := last(c, (*wire.Message).GetTalkEnd); e.GetDurationMs() != 1000 {
						t.Errorf("%s: talk end %v", nick, e)
					}
				}
				if r := last(a, (*wire.Message).GetTalkReport); r.GetReceived() != 50 || r.GetLost() != 0 {
					t.Errorf("report %v", r)
				}
			})
		})
	}
}

func TestLateJoinerHearsFromThenOn(t *testing.T) {
	inWorld(t, Config{Delay: time.Second}, func(t *testing.T, w *world) {
		a := w.connect("10.0.0.1:1", newID(t))
		a.enter("alice", "lobby", nil)
		ssrc := a.talk("lobby", 0, 0)
		for i := range 25 {
			a.speak(ssrc, uint16(i), uint32(i)*960)
			pass(20 * time.Millisecond)
		}
		a.say(wire.Encode(&wire.Message_TalkEnd{TalkEnd: &wire.TalkEnd{Ssrc: ssrc, LastSeq: 24}}))
		b := w.connect("10.0.0.2:1", newID(t)) // packets up to 12 have gone out by now
		b.enter("bob", "lobby", nil)
		start := last(b, (*wire.Message).GetJoined).GetTalking()
		if len(start) != 1 || start[0].GetFirstTimestamp() != start[0].GetFirstSeq()*960 {
			t.Fatalf("talking: %v", start)
		}
		pass(5 * time.Second)
		if len(b.heard) == 0 || len(b.heard) == 25 || b.heard[0].Seq != uint16(start[0].GetFirstSeq()) {
			t.Errorf("heard %v; the first was announced as %d", b.heard, start[0].GetFirstSeq())
		}
		if last(b, (*wire.Message).GetTalkEnd).GetLastSeq() != 24 {
			t.Error("the end of the talkspurt was not told")
		}
	})
}

func TestLostAudioIsRepairedOnBothHops(t *testing.T) {
	inWorld(t, Config{Delay: 2 * time.Second}, func(t *testing.T, w *world) {
		a, b := w.connect("10.0.0.1:1", newID(t)), w.connect("10.0.0.2:1", newID(t))
		a.enter("alice", "lobby", nil)
		b.enter("bob", "lobby", nil)
		ssrc := a.talk("lobby", 0, 0)
		for i := range 10 {
			if i != 4 {
				a.speak(ssrc, uint16(i), uint32(i)*960)
			}
			pass(20 * time.Millisecond)
		}
		pass(50 * time.Millisecond)
		if !slices.Contains(a.nacks, 4) {
			t.Fatalf("the talker was asked for %v", a.nacks)
		}
		a.speak(ssrc, 4, 4*960)
		pass(time.Second)
		nack := func(seqs ...uint16) {
			b.run(func(time.Time) {
				plain, err := wire.AppendNack(nil, wire.SSRCPeer, ssrc, seqs)
				if err != nil {
					t.Error(err)
				}
				b.sendRTCP(plain)
			})
		}
		before := len(b.heard)
		if before != 10 {
			t.Fatalf("%d packets before the request", before)
		}
		// The client's own replay window would hide a resend: what is counted is what arrives.
		arrived := 0
		w.deliver = func(to *client, d []byte) {
			if to == b && wire.KindOf(d) == wire.KindRTP {
				arrived++
			}
			to.arrives(d)
		}
		nack(2, 3)
		if arrived != 2 {
			t.Errorf("%d packets were resent, want 2", arrived)
		}
		for range 20 {
			nack(5)
		}
		if arrived != 2+8 {
			t.Errorf("%d resends of one packet, want 8", arrived-2)
		}
	})
}

func TestForeignSSRCIsNotHeard(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		a, b := w.connect("10.0.0.1:1", newID(t)), w.connect("10.0.0.2:1", newID(t))
		a.enter("alice", "lobby", nil)
		b.enter("bob", "lobby", nil)
		ssrc := a.talk("lobby", 0, 0)
		b.speak(ssrc, 0, 0)
		pass(time.Second)
		if len(a.heard) != 0 {
			t.Errorf("heard %v", a.heard)
		}
	})
}

func TestTalkerThatDiesIsPlayedToTheEnd(t *testing.T) {
	inWorld(t, Config{Delay: 40 * time.Second}, func(t *testing.T, w *world) {
		a, b := w.connect("10.0.0.1:1", newID(t)), w.connect("10.0.0.2:1", newID(t))
		a.enter("alice", "lobby", nil)
		b.enter("bob", "lobby", nil)
		ssrc := a.talk("lobby", 0, 0)
		for i := range 10 {
			a.speak(ssrc, uint16(i), uint32(i)*960)
			pass(20 * time.Millisecond)
		}
		a.stop()
		for range 8 {
			pass(8 * time.Second)
			b.say(wire.Encode(&wire.Message_Ping{Ping: &wire.Ping{}}))
		}
		if len(b.heard) != 10 {
			t.Errorf("%d of 10 packets were heard", len(b.heard))
		}
		if e := last(b, (*wire.Message).GetTalkEnd); e.GetLastSeq() != 9 {
			t.Errorf("talk end %v", e)
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

// Bytes from nowhere and mutated ones disturb nothing.
func TestRandomDatagramsDisturbNothing(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		r := rand.New(rand.NewPCG(seed, 3))
		a := w.connect("10.0.0.1:1", newID(t))
		var genuine [][]byte
		send := a.send
		a.send = func(b []byte) { genuine = append(genuine, b); send(b) }
		a.enter("alice", "lobby", nil)
		other := w.connect("10.0.0.9:9", newID(t)).addr
		for i := range 20_000 {
			b := slices.Clone(genuine[r.IntN(len(genuine))])
			switch r.IntN(3) {
			case 0:
				b = b[:r.IntN(len(b)+1)]
			case 1:
				for range 1 + r.IntN(4) {
					b[r.IntN(len(b))] = byte(r.Uint32())
				}
			case 2:
				b = make([]byte, r.IntN(wire.MaxDatagram+1))
				for j := range b {
					b[j] = byte(r.Uint32())
				}
				if len(b) > 0 && r.IntN(2) == 0 {
					b[0] = []byte{0, 1, 22, 21, 128, 144}[r.IntN(6)]
				}
			}
			from := a.addr
			if i%2 == 0 {
				from = other
			}
			w.send(from, b)
		}
		synctest.Wait()
		a.publish("lobby", 1, "alive")
		if len(all(a, (*wire.Message).GetReceipt)) != 1 {
			t.Error("no receipt after the flood")
		}
	})
}

// session gives the daemon's end of a client.
func (w *world) session(c *client) *session { return w.server.hub.table[c.addr].session }

func TestPeerThatAcknowledgesNothingIsNotAnsweredForEver(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		c := w.connect("10.0.0.1:1", newID(t))
		c.enter("a", "lobby", nil)
		for i := range 300 {
			c.say(wire.Encode(&wire.Message_Join{Join: &wire.Join{Observe: true, Room: fmt.Sprintf("%060d", i)}}))
		}
		send := c.send
		c.run(func(time.Time) {
			c.send = func(b []byte) { // no acknowledgements
				if wire.KindOf(b) != wire.KindRTCP {
					send(b)
				}
			}
		})
		for range 100 {
			c.run(func(time.Time) {
				for range 10 {
					if err := c.stream.Send(wire.Encode(&wire.Message_Rooms{Rooms: &wire.Rooms{}})); err != nil {
						t.Error(err)
					}
				}
			})
		}
		if n := w.session(c).stream.Queued(); n > highWater+64<<10 {
			t.Errorf("%d bytes of answers are queued", n)
		}
	})
}

func TestListsOfManyAreCut(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		c := w.connect("10.0.0.1:1", newID(t))
		c.enter("a", "lobby", nil)
		h := w.server.hub
		for i := range 700 {
			r := h.room(fmt.Sprintf("%064d", i))
			r.fixed = true
			s := &session{hub: h, addr: c.addr, gone: true}
			nick := fmt.Sprintf("%032d", i)
			h.rooms["lobby"].members = append(h.rooms["lobby"].members, &member{session: s, nick: nick, key: nick})
		}
		c.say(wire.Encode(&wire.Message_Rooms{Rooms: &wire.Rooms{}}))
		if l := last(c, (*wire.Message).GetRoomList); l.GetCount() != 701 || len(l.GetRooms()) != maxListedRooms {
			t.Errorf("%d of %d rooms", len(l.GetRooms()), l.GetCount())
		}
		c.say(wire.Encode(&wire.Message_Who{Who: &wire.Who{Room: "lobby"}}))
		if l := last(c, (*wire.Message).GetMembers); l.GetCount() != 701 || len(l.GetMembers()) != maxListed {
			t.Errorf("%d of %d members", len(l.GetMembers()), l.GetCount())
		}
		h.rooms["lobby"].members = h.rooms["lobby"].members[:1]
	})
}

func TestVoicesThatAreLeftBehindAreBounded(t *testing.T) {
	inWorld(t, Config{Delay: time.Minute}, func(t *testing.T, w *world) {
		c := w.connect("10.0.0.1:1", newID(t))
		c.enter("a", "lobby", nil)
		for range maxDraining {
			ssrc := c.talk("lobby", 0, 0)
			c.speak(ssrc, 0, 0)
			c.speak(ssrc, 8191, 0)
			c.say(wire.Encode(&wire.Message_Leave{Leave: &wire.Leave{Room: "lobby"}}))
			c.say(wire.Encode(&wire.Message_Join{Join: &wire.Join{Room: "lobby"}}))
		}
		r := w.server.hub.rooms["lobby"]
		if r.bytes > maxRoomBytes || r.bytes < len(r.voices)*100 {
			t.Errorf("%d bytes are counted for %d voices", r.bytes, len(r.voices))
		}
		c.say(wire.Encode(&wire.Message_Talk{Talk: &wire.Talk{Room: "lobby", PayloadType: wire.PayloadOpus}}))
		if refused := last(c, (*wire.Message).GetRefused); refused.GetCode() != wire.Code_CODE_LIMIT {
			t.Errorf("one more voice: %v", refused)
		}
		for range 12 {
			pass(10 * time.Second)
			c.say(wire.Encode(&wire.Message_Ping{Ping: &wire.Ping{}}))
		}
		if len(r.voices) != 0 || r.bytes != 0 {
			t.Errorf("%d voices and %d bytes are there after all was played", len(r.voices), r.bytes)
		}
	})
}

func TestNicksAreBoundedPerIdentity(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		c := w.connect("10.0.0.1:1", newID(t))
		c.enter("a", "lobby", nil)
		for i := range 100 {
			c.say(wire.Encode(&wire.Message_SetNick{SetNick: &wire.SetNick{Nick: fmt.Sprint("n", i)}}))
		}
		if n := len(w.server.hub.nicks.holders); n != maxNicks {
			t.Errorf("%d nicks are held", n)
		}
		if r := last(c, (*wire.Message).GetRefused); r.GetCode() != wire.Code_CODE_LIMIT {
			t.Errorf("%v", r)
		}
		if n := last(c, (*wire.Message).GetNickSet).GetNick(); n != "n30" {
			t.Errorf("the last nick given is %q", n)
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

func TestObserverHearsNothing(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		a, b := w.connect("10.0.0.1:1", newID(t)), w.connect("10.0.0.2:1", newID(t))
		a.enter("alice", "lobby", nil)
		b.enter("bob", "lobby", &wire.Join{Observe: true, Hear: true})
		b.rx.Allow(a.talk("lobby", 0, 0))
		a.speak(last(a, (*wire.Message).GetTalkStart).GetSsrc(), 0, 0)
		pass(time.Second)
		if len(b.heard) != 0 || len(a.heard) != 1 {
			t.Errorf("the observer heard %d packets, the member %d", len(b.heard), len(a.heard))
		}
	})
}
