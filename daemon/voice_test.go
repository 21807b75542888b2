package daemon

import (
	"net/netip"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yodel/wire"
)

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

// The way of an audio packet from the socket to all who hear it allocates nothing once it is running.
func TestForwardingAllocatesNothing(t *testing.T) {
	for name, delay := range map[string]time.Duration{"live": 0, "echo": 40 * time.Millisecond} {
		inWorld(t, Config{Delay: delay}, func(t *testing.T, w *world) {
			a := w.connect("10.0.0.1:1", newID(t))
			a.enter("alice", "lobby", nil)
			for i := range 5 {
				b := w.connect("10.0.0.2:"+strconv.Itoa(i+1), newID(t))
				b.enter("bob"+strconv.Itoa(i), "lobby", nil)
			}
			ssrc := a.talk("lobby", 0, 0)
			const warm, runs = 500, 1000
			var sealed [][]byte
			a.run(func(time.Time) {
				a.send = func(b []byte) { sealed = append(sealed, b) }
			})
			for i := range warm + runs + 1 {
				a.speak(ssrc, uint16(i), uint32(i)*960)
			}
			a.run(func(time.Time) { a.send = func([]byte) {} })
			// The daemon is idle: its shards are the test's for as long as the bubble's clock stands still.
			p, began, i, sent := w.server.hub.plane, time.Now(), 0, 0
			for _, sh := range p.shards {
				sh.socket.write = func([]byte, netip.AddrPort) error { sent++; return nil }
			}
			here := p.shards[a.addr.Port()%2]
			out, in := newWriter(here.socket), make([]inbound, 1)
			step := func() {
				now := began.Add(time.Duration(i) * 20 * time.Millisecond)
				in[0] = inbound{from: a.addr, data: sealed[i], at: time.Now()}
				here.receive(now, in, out)
				out.flush()
				for _, sh := range p.shards {
					sh.advance(now)
				}
				i++
			}
			w.shards[here.index].Lock()
			defer w.shards[here.index].Unlock()
			for range warm {
				step()
			}
			if n := testing.AllocsPerRun(runs, step); n != 0 && !raceDetector {
				t.Errorf("%s: %v allocations a packet", name, n)
			}
			for _, sh := range p.shards {
				sh.schedule(&timer{run: func(time.Time) {}}, began) // from here on it is the pump's again
			}
			if sent < 6*(warm+runs-5) {
				t.Errorf("%s: %d datagrams were sent for %d packets and 6 who hear", name, sent, i)
			}
		})
	}
}
