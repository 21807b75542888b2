package daemon

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"yodel/wire"
)

// via has what a client sends come to a shard from now on, whatever its address says.
func (c *client) via(shard int) {
	c.run(func(time.Time) {
		c.send = func(b []byte) {
			sh := c.w.server.hub.plane.shards[shard]
			c.w.shards[shard].Lock()
			defer c.w.shards[shard].Unlock()
			c.w.receive(sh, c.addr, b)
		}
	})
}

// Audio that the hub opens, because its shard does not know the address, is heard after the delay as all other is.
func TestAudioByWayOfTheHubIsDelayed(t *testing.T) {
	inRoom(t, Config{Delay: 2 * time.Second}, func(t *testing.T, a, b *client) {
		ssrc := a.talk("lobby", 0, 0)
		lead := time.Duration(last(b, (*wire.Message).GetJoined).GetLeadMs()) * time.Millisecond
		for i, shard := range []int{1, 0, 1} {
			said := time.Since(bubbleStart)
			a.via(shard)
			a.speak(ssrc, uint16(i), uint32(i)*3*48_000)
			a.w.pass(3 * time.Second)
			if len(b.heard) != i+1 || b.heard[i].At-said != 2*time.Second-lead {
				t.Fatalf("packet %d, said at %v with a lead of %v: %v", i, said, lead, b.heard)
			}
		}
	})
}

// Datagrams that come to another shard than before go on being taken there, messages and voice, and the old shard forgets the address.
func TestPeerThatComesToAnotherShard(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		w := a.w
		ssrc := a.talk("lobby", 0, 0)
		a.speak(ssrc, 0, 0)
		for i, shard := range []int{0, 1, 0} {
			a.via(shard)
			a.speak(ssrc, uint16(2*i+1), uint32(2*i+1)*960)
			a.speak(ssrc, uint16(2*i+2), uint32(2*i+2)*960)
			a.publish("lobby", uint64(i), "here")
			for j, sh := range w.server.hub.plane.shards {
				sh.table.Lock()
				r, known := sh.routes[a.addr]
				sh.table.Unlock()
				if known != (j == shard) || known && (!r.settled || len(r.links) != 1) {
					t.Errorf("the peer comes to shard %d, shard %d knows it: %v, %v", shard, j, known, r)
				}
			}
		}
		if d := cmp.Diff([]uint16{0, 1, 2, 3, 4, 5, 6}, b.seqs(ssrc)); d != "" {
			t.Errorf("heard (-want +got)\n%s", d)
		}
		if n := len(b.texts()); n != 3 {
			t.Errorf("%d of 3 messages came", n)
		}
	})
}

// What waits for the hub is bounded in bytes, what nobody has opened by a part of that, and the hub gets all that was put in order.
func TestMailboxIsBounded(t *testing.T) {
	from, l := netip.MustParseAddrPort("10.0.0.1:1"), new(link)
	for _, size := range []int{20, 300, wire.MaxDatagram} {
		var box mailbox
		b := make([]byte, size)
		fill := func(l *link, most int) (put int) {
			for ; box.put(entry{from: from, link: l}, b); put++ {
				if put*size > most {
					t.Fatalf("no bound for datagrams of %d bytes", size)
				}
				b[len(b)-1] = byte((put + 1) % 251)
			}
			return put
		}
		strange := fill(nil, maxCallers)
		b[len(b)-1] = 0
		known := fill(l, maxControl)
		if known*(size+100) < maxControl-maxCallers {
			t.Errorf("%d of a link, beside %d that nobody has opened", known, strange)
		}
		got := box.take(batch{})
		if len(got.entries) != strange+known || len(got.data) != (strange+known)*size {
			t.Errorf("%d entries of %d bytes, after %d were put", len(got.entries), len(got.data), strange+known)
		}
		for i := range got.entries {
			want := i
			if i >= strange {
				want = i - strange
			}
			if got.entries[i].n != size || got.data[(i+1)*size-1] != byte(want%251) {
				t.Fatalf("entry %d of %d bytes is not the one that was put", i, got.entries[i].n)
			}
		}
		if again := box.take(batch{}); len(again.entries) != 0 {
			t.Errorf("%d entries are there twice", len(again.entries))
		}
		if !box.put(entry{from: from}, b) {
			t.Error("no room in an empty mailbox")
		}
	}
}

// Whatever a shard does not pass on is counted under its reason.
func TestWhatAShardDropsIsCounted(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		w := a.w
		ssrc := a.talk("lobby", 0, 0)
		first, again := a.sealed(ssrc, 0, 0), a.sealed(ssrc, 1, 960)
		foreign := a.sealed(ssrc+99, 0, 0)
		forged := append([]byte(nil), again...)
		forged[len(forged)-1] ^= 1
		for _, tt := range []struct {
			name string
			b    []byte
			want drop
		}{
			{"of no kind", []byte{0x40}, dropUnknownKind},
			{"forged", forged, dropUnauthentic},
			{"of a foreign SSRC", foreign, dropForeignSSRC},
			{"of another payload type", a.typed(ssrc, 2, wire.PayloadL16), dropMalformed},
			{"good", first, dropKinds},
			{"repeated", first, dropDuplicate},
		} {
			before := w.drops()
			w.send(a.addr, tt.b)
			synctest.Wait()
			want := before
			if tt.want < dropKinds {
				want[dropNames[tt.want]]++
			}
			if d := cmp.Diff(want, w.drops()); d != "" {
				t.Errorf("%s (-want +got)\n%s", tt.name, d)
			}
		}
		if d := cmp.Diff([]uint16{0}, b.seqs(ssrc)); d != "" {
			t.Errorf("heard (-want +got)\n%s", d)
		}
		w.server.hub.plane.tell.add(func(time.Time) { w.session(b).link.silence() })
		before := w.dropped(dropDisplaced)
		w.send(a.addr, again)
		if n := w.dropped(dropDisplaced) - before; n != 1 {
			t.Errorf("%d packets for one who is nowhere were counted", n)
		}
	})
}

// typed seals an audio packet of a payload type.
func (c *client) typed(ssrc uint32, seq uint16, payload uint8) (b []byte) {
	plain := make([]byte, 92)
	plain[0], plain[1], plain[3] = 0x80, payload, byte(seq)
	plain[8], plain[9], plain[10], plain[11] = byte(ssrc>>24), byte(ssrc>>16), byte(ssrc>>8), byte(ssrc)
	c.run(func(time.Time) {
		var err error
		if b, err = c.tx.SealRTP(nil, plain, uint64(seq)); err != nil {
			c.w.t.Error(err)
		}
	})
	return b
}

// A daemon with sessions that say nothing sets no timer in its shards; nor does one when all that was said has been played.
func TestIdleShardsSetNoTimer(t *testing.T) {
	idle := func(t *testing.T, w *world) {
		t.Helper()
		synctest.Wait()
		for i, sh := range w.server.hub.plane.shards {
			sh.ticks.Lock()
			if len(sh.timers) != 0 || !sh.armed.IsZero() {
				t.Errorf("shard %d: %d turns are to come, the clock is set for %v", i, len(sh.timers), sh.armed)
			}
			sh.ticks.Unlock()
		}
	}
	for name, cfg := range map[string]Config{
		"live": {Gather: 5 * time.Millisecond},
		"echo": {Delay: time.Second, Grid: 20 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, cfg, func(t *testing.T, w *world) {
				g := gather(w, gatherFrom, 0)
				idle(t, w)
				r := rand.New(rand.NewPCG(1, 2))
				for range 3 {
					ssrcs := map[*client]uint32{}
					for _, c := range g.members[:3] {
						ssrcs[c] = c.talk("lobby", 0, 0)
					}
					for seq := range uint16(20) {
						for c, ssrc := range ssrcs {
							if r.IntN(5) > 0 {
								c.speak(ssrc, seq, uint32(seq)*960)
							}
						}
						w.pass(20 * time.Millisecond)
					}
					for c, ssrc := range ssrcs {
						c.endTalk(ssrc, 19)
					}
				}
				rest(15*time.Second, g.members...)
				idle(t, w)
				w.empty("lobby")
			})
		})
	}
}
