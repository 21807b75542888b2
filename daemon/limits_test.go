package daemon

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"yodel/wire"
)

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
			h.rooms["lobby"].enter(time.Now(), &member{session: s, nick: nick, key: nick})
		}
		c.say(wire.Encode(&wire.Message_Rooms{Rooms: &wire.Rooms{}}))
		if l := last(c, (*wire.Message).GetRoomList); l.GetCount() != 701 || len(l.GetRooms()) != maxListedRooms {
			t.Errorf("%d of %d rooms", len(l.GetRooms()), l.GetCount())
		}
		c.say(wire.Encode(&wire.Message_Who{Who: &wire.Who{Room: "lobby"}}))
		if l := last(c, (*wire.Message).GetMembers); l.GetCount() != 701 || len(l.GetMembers()) != wire.MaxListed {
			t.Errorf("%d of %d members", len(l.GetMembers()), l.GetCount())
		}
	})
}

func TestVoicesThatAreLeftBehindAreBounded(t *testing.T) {
	inWorld(t, Config{Delay: time.Minute}, func(t *testing.T, w *world) {
		c := w.connect("10.0.0.1:1", newID(t))
		c.enter("a", "lobby", nil)
		for range maxDraining { // as fast as they may begin
			ssrc := c.talk("lobby", 0, 0)
			c.speak(ssrc, 0, 0)
			c.speak(ssrc, 2047, 0)
			c.say(wire.Encode(&wire.Message_Leave{Leave: &wire.Leave{Room: "lobby"}}))
			c.say(wire.Encode(&wire.Message_Join{Join: &wire.Join{Room: "lobby"}}))
			w.pass(450 * time.Millisecond)
		}
		r := w.server.hub.rooms["lobby"]
		if r.relay.bytes > maxRoomBytes || r.relay.bytes < len(r.voices)*100 {
			t.Errorf("%d bytes are counted for %d voices", r.relay.bytes, len(r.voices))
		}
		c.say(wire.Encode(&wire.Message_Talk{Talk: &wire.Talk{Room: "lobby", PayloadType: wire.PayloadOpus}}))
		if refused := last(c, (*wire.Message).GetRefused); refused.GetCode() != wire.Code_CODE_LIMIT {
			t.Errorf("one more voice: %v", refused)
		}
		for range 12 {
			pass(10 * time.Second)
			c.say(wire.Encode(&wire.Message_Ping{Ping: &wire.Ping{}}))
		}
		if len(r.voices) != 0 || r.relay.bytes != 0 {
			t.Errorf("%d voices and %d bytes are there after all was played", len(r.voices), r.relay.bytes)
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
		if n := w.server.hub.gate.book.Holders(); n != 32 {
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
