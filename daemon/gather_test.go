package daemon

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"yodel/wire"
)

// gathering is a room in which some hear and some of them talk.
type gathering struct {
	w       *world
	members []*client
	ssrcs   []uint32

	mu sync.Mutex
	to []netip.AddrPort // where audio has gone, in order
}

// gather fills the lobby: listeners, of whom the first talk.
func gather(w *world, listeners, talkers int) *gathering {
	g := &gathering{w: w}
	for i := range listeners {
		c := w.connect(fmt.Sprintf("10.0.0.%d:%d", i+1, i+1), newID(w.t)) // half of them on each shard
		c.enter(fmt.Sprint("member", i), "lobby", nil)
		g.members = append(g.members, c)
	}
	for _, c := range g.members[:talkers] {
		g.ssrcs = append(g.ssrcs, c.talk("lobby", 0, 0))
		c.speak(g.ssrcs[len(g.ssrcs)-1], 0, 0)
	}
	w.pass(time.Second)
	w.deliver = func(to *client, b []byte) {
		if wire.KindOf(b) == wire.KindRTP {
			g.mu.Lock()
			g.to = append(g.to, to.addr)
			g.mu.Unlock()
		}
		to.arrives(b)
	}
	for _, c := range g.members {
		c.run(func(time.Time) { c.heard = nil })
	}
	w.server.hub.plane.tell.add(func(time.Time) {})
	return g
}

// speak has a talker send its packet 1, of a second later.
func (g *gathering) speak(talker int) { g.members[talker].speak(g.ssrcs[talker], 1, 48_000) }

// heardAfter gives how long after a time each talker's packet was heard by all; it fails the test if they do not all hear it at once.
func (g *gathering) heardAfter(began time.Duration, talkers int) []time.Duration {
	synctest.Wait()
	after := make([]time.Duration, talkers)
	for i := range after {
		for _, c := range g.members {
			at := time.Duration(-1)
			for _, h := range c.heard {
				if h.SSRC == g.ssrcs[i] {
					at = h.At - began
				}
			}
			if c == g.members[0] {
				after[i] = at
			} else if at != after[i] {
				g.w.t.Errorf("%v hears talker %d after %v, another after %v", c.addr, i, at, after[i])
			}
		}
	}
	return after
}

// In a live room with some who hear, the packets of several talkers go together: when all are there, or the time is over. In all others
// each goes at once.
func TestLiveRoomGathers(t *testing.T) {
	const g, ms = 5 * time.Millisecond, time.Millisecond
	for name, tt := range map[string]struct {
		gather    time.Duration
		listeners int
		speak     []time.Duration // when each of the talkers does; negative: not at all
		want      []time.Duration // when they are heard
	}{
		"all talkers' packets are there":  {g, gatherFrom, []time.Duration{0, 2 * ms}, []time.Duration{2 * ms, 2 * ms}},
		"of three":                        {g, gatherFrom, []time.Duration{0, 3 * ms, ms}, []time.Duration{3 * ms, 3 * ms, 3 * ms}},
		"another says nothing":            {g, gatherFrom, []time.Duration{0, -1}, []time.Duration{g, -1}},
		"another comes when time is over": {g, gatherFrom, []time.Duration{0, 7 * ms}, []time.Duration{g, g + 7*ms}},
		"two of three":                    {g, gatherFrom, []time.Duration{0, 2 * ms, -1}, []time.Duration{g, g, -1}},
		"one talker":                      {g, gatherFrom, []time.Duration{0}, []time.Duration{0}},
		"few listeners":                   {g, gatherFrom - 1, []time.Duration{0, 2 * ms}, []time.Duration{0, 2 * ms}},
		"gathering is off":                {0, gatherFrom, []time.Duration{0, 2 * ms}, []time.Duration{0, 2 * ms}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, Config{Gather: tt.gather}, func(t *testing.T, w *world) {
				room := gather(w, tt.listeners, len(tt.speak))
				began := time.Since(bubbleStart)
				for step := range 20 {
					for i, at := range tt.speak {
						if at == time.Duration(step)*ms {
							room.speak(i)
						}
					}
					w.pass(ms)
				}
				if d := cmp.Diff(tt.want, room.heardAfter(began, len(tt.speak))); d != "" {
					t.Errorf("heard after (-want +got)\n%s", d)
				}
			})
		})
	}
}

// A talker who has stopped is not waited for.
func TestGatheringDoesNotWaitForWhoHasStopped(t *testing.T) {
	inWorld(t, Config{Gather: 5 * time.Millisecond}, func(t *testing.T, w *world) {
		room := gather(w, gatherFrom, 2)
		room.members[1].endTalk(room.ssrcs[1], 0)
		began := time.Since(bubbleStart)
		room.speak(0)
		w.pass(20 * time.Millisecond)
		if d := cmp.Diff([]time.Duration{0}, room.heardAfter(began, 1)); d != "" {
			t.Errorf("heard after (-want +got)\n%s", d)
		}
	})
}

// What is gathered, and what is due together, comes to each receiver in a row, so that it can be one message in segments.
func TestPacketsOfAFrameGoTogether(t *testing.T) {
	for name, cfg := range map[string]Config{
		"live": {Gather: 5 * time.Millisecond},
		"echo": {Delay: time.Second, Grid: 20 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, cfg, func(t *testing.T, w *world) {
				const talkers = 4
				room := gather(w, gatherFrom, talkers)
				w.server.hub.plane.tell.add(func(time.Time) { room.to = nil })
				synctest.Wait()
				// The packets come on half a step of the grid, between two of its bounds.
				origin := w.server.hub.plane.grid.origin
				next := time.Since(origin).Truncate(20*time.Millisecond) + 21*time.Millisecond
				w.pass(next - time.Since(origin))
				for i := range talkers {
					room.speak(i)
					w.pass(time.Millisecond)
				}
				w.pass(time.Second)
				if n := len(room.to); n != talkers*gatherFrom {
					t.Fatalf("%d datagrams went out, want %d", n, talkers*gatherFrom)
				}
				for i := 0; i < len(room.to); i += talkers {
					for _, to := range room.to[i : i+talkers] {
						if to != room.to[i] {
							t.Fatalf("the datagrams went to %v", room.to)
						}
					}
				}
			})
		})
	}
}

// Rooms with a delay play out on a common grid, each packet at most half a step before or after its time.
func TestRoomsWithADelayPlayOutOnAGrid(t *testing.T) {
	const delay, step = time.Second, 20 * time.Millisecond
	inWorld(t, Config{Delay: delay, Grid: step}, func(t *testing.T, w *world) {
		origin := w.server.hub.plane.grid.origin.Sub(bubbleStart)
		sent := make(map[uint32]time.Duration)
		var all []*client
		for i, at := range []time.Duration{3, 5, 3, 7} { // milliseconds between them
			c := w.connect(fmt.Sprintf("10.0.0.%d:%d", i+1, i+1), newID(t))
			room := fmt.Sprint("room", i/2)
			c.enter(fmt.Sprint("member", i), room, nil)
			w.pass(at * time.Millisecond)
			ssrc := c.talk(room, 0, 0)
			sent[ssrc] = time.Since(bubbleStart)
			for seq := range 10 {
				c.speak(ssrc, uint16(seq), uint32(seq)*960)
				w.pass(20 * time.Millisecond)
			}
			all = append(all, c)
		}
		w.pass(delay)
		for _, c := range all {
			if len(c.heard) != 20 {
				t.Errorf("%v heard %d packets, want 20", c.addr, len(c.heard))
			}
			for _, h := range c.heard {
				due := sent[h.SSRC] + time.Duration(h.Seq)*20*time.Millisecond + delay - wire.Lead(delay)
				if off := h.At - due; off > step/2 || off < -step/2 || (h.At-origin)%step != 0 {
					t.Errorf("%d of %d was heard %v from its time, %v from the grid", h.Seq, h.SSRC, off, (h.At-origin)%step)
				}
			}
		}
	})
}
