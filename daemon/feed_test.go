package daemon

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtp"

	"yodel/wire"
)

// nack asks for packets of a stream.
func (c *client) nack(ssrc uint32, seqs ...uint16) {
	c.run(func(time.Time) {
		plain, err := wire.AppendNack(nil, wire.SSRCPeer, ssrc, seqs)
		if err != nil {
			c.w.t.Error(err)
		}
		c.sendRTCP(plain)
	})
}

// lose has packets protected, and lost on the way.
func (c *client) lose(ssrc uint32, seqs ...uint16) {
	send := c.send
	c.run(func(time.Time) { c.send = func([]byte) {} })
	for _, seq := range seqs {
		c.speak(ssrc, seq, uint32(seq)*960)
	}
	c.run(func(time.Time) { c.send = send })
}

func (c *client) endTalk(ssrc uint32, last uint16) {
	c.say(wire.Encode(&wire.Message_TalkEnd{TalkEnd: &wire.TalkEnd{Ssrc: ssrc, LastSeq: uint32(last)}}))
}

func (c *client) hears(room string, hear bool) {
	c.say(wire.Encode(&wire.Message_Join{Join: &wire.Join{Room: room, Hear: hear, From: &wire.Join_Live{Live: true}}}))
}

// seqs gives what was heard under an SSRC.
func (c *client) seqs(ssrc uint32) []uint16 {
	var out []uint16
	for _, h := range c.heard {
		if h.SSRC == ssrc {
			out = append(out, h.Seq)
		}
	}
	return out
}

// One who was away for more than 2^14 packets of a voice, by a pause or by leaving, could not decrypt what follows under
// the same SSRC: it gets the rest under another, alone.
func TestVoiceThatWasMissedForLongGetsANewSSRC(t *testing.T) {
	leave := func(c *client) {
		c.say(wire.Encode(&wire.Message_Leave{Leave: &wire.Leave{Room: "lobby"}}))
	}
	for name, away := range map[string]func(*client){"pause": func(c *client) { c.hears("lobby", false) }, "leave": leave} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, Config{}, func(t *testing.T, w *world) {
				a, b := w.connect("10.0.0.1:1", newID(t)), w.connect("10.0.0.2:1", newID(t))
				a.enter("alice", "lobby", nil)
				b.enter("bob", "lobby", nil)
				ssrc := a.talk("lobby", 100, 100*960)
				a.speak(ssrc, 100, 100*960)
				away(b)
				a.speak(ssrc, 16_000, 16_000*960)
				a.speak(ssrc, 32_000, 32_000*960)
				b.hears("lobby", true)
				for seq := uint16(32_001); seq < 32_004; seq++ {
					a.speak(ssrc, seq, uint32(seq)*960)
				}
				start := last(b, (*wire.Message).GetTalkStart)
				if start.GetSsrc() == ssrc || start.GetFirstSeq() != 32_001 || start.GetFirstTimestamp() != 32_001*960 || start.GetNick() != "alice" {
					t.Fatalf("the new stream: %v", start)
				}
				old := last(b, (*wire.Message).GetTalkEnd)
				if want := map[string]uint32{"pause": 100, "leave": 32_000}[name]; old.GetSsrc() != ssrc || old.GetLastSeq() != want {
					t.Errorf("the end of the old stream: %v", old)
				}
				heard := b.seqs(start.GetSsrc())
				if len(heard) > 0 && heard[0] == 32_001 { // else it has overtaken its announcement
					heard = heard[1:]
				}
				if d := cmp.Diff([]uint16{32_002, 32_003}, heard); d != "" {
					t.Errorf("heard under the new SSRC (-want +got)\n%s", d)
				}
				if d := cmp.Diff([]uint16{100, 16_000, 32_000, 32_001, 32_002, 32_003}, a.seqs(ssrc)); d != "" {
					t.Errorf("the other heard (-want +got)\n%s", d)
				}
				b.nack(start.GetSsrc(), 32_001)
				if got := b.seqs(start.GetSsrc()); len(got) != 3 {
					t.Errorf("after asking again: %v", got)
				}
				before := w.server.hub.drops.now[dropResend].Load()
				a.nack(start.GetSsrc(), 32_001)
				b.nack(ssrc, 32_001)
				if n := w.server.hub.drops.now[dropResend].Load() - before; n != 2 {
					t.Errorf("%d of 2 requests for foreign streams were refused", n)
				}
				a.endTalk(ssrc, 32_003)
				for c, want := range map[*client]uint32{a: ssrc, b: start.GetSsrc()} {
					if e := last(c, (*wire.Message).GetTalkEnd); e.GetSsrc() != want || e.GetLastSeq() != 32_003 {
						t.Errorf("the end of %d: %v", want, e)
					}
					c.run(func(time.Time) {}) // what was read here is the client's again
				}
				pass(time.Minute / 2)
				if n := len(w.server.hub.voices); n != 0 {
					t.Errorf("%d SSRCs are kept after the talk", n)
				}
			})
		})
	}
}

// A talker whose sequence numbers jump further than those who hear could follow is heard as another voice; it notices nothing.
func TestJumpOfATalkerMakesANewVoice(t *testing.T) {
	inWorld(t, Config{Delay: time.Second}, func(t *testing.T, w *world) {
		a, b := w.connect("10.0.0.1:1", newID(t)), w.connect("10.0.0.2:1", newID(t))
		a.enter("alice", "lobby", nil)
		b.enter("bob", "lobby", nil)
		ssrc := a.talk("lobby", 0, 0)
		a.speak(ssrc, 0, 0)
		pass(20 * time.Millisecond)
		a.speak(ssrc, 1, 960)
		a.lose(ssrc, 10_000)
		pass(20 * time.Millisecond)
		for _, seq := range []uint16{20_000, 20_001, 20_003} {
			a.speak(ssrc, seq, uint32(seq)*960)
			pass(20 * time.Millisecond)
		}
		pass(50 * time.Millisecond)
		if d := cmp.Diff([]uint16{20_002}, a.nacks[:min(1, len(a.nacks))]); d != "" {
			t.Errorf("asked for (-want +got)\n%s", d)
		}
		a.speak(ssrc, 20_002, 20_002*960)
		a.endTalk(ssrc, 20_003)
		pass(3 * time.Second)
		starts, ends := all(b, (*wire.Message).GetTalkStart), all(b, (*wire.Message).GetTalkEnd)
		if len(starts) != 2 || len(ends) != 2 || starts[0].GetSsrc() != ssrc || starts[1].GetSsrc() == ssrc || starts[1].GetFirstSeq() != 20_000 {
			t.Fatalf("told %v and %v", starts, ends)
		}
		if ends[0].GetSsrc() != ssrc || ends[0].GetLastSeq() != 1 || ends[1].GetSsrc() != starts[1].GetSsrc() || ends[1].GetLastSeq() != 20_003 {
			t.Errorf("told %v", ends)
		}
		for _, c := range []*client{a, b} {
			if d := cmp.Diff([][]uint16{{0, 1}, {20_000, 20_001, 20_002, 20_003}}, [][]uint16{c.seqs(ssrc), c.seqs(starts[1].GetSsrc())}); d != "" {
				t.Errorf("heard (-want +got)\n%s", d)
			}
		}
		reports := all(a, (*wire.Message).GetTalkReport)
		if len(reports) != 1 || reports[0].GetSsrc() != ssrc || reports[0].GetReceived() != 6 || reports[0].GetLost() != 0 {
			t.Errorf("the talker's report: %v", reports)
		}
	})
}

func TestJumpsOfATalkerAreBounded(t *testing.T) {
	inWorld(t, Config{Delay: time.Minute}, func(t *testing.T, w *world) {
		a := w.connect("10.0.0.1:1", newID(t))
		a.enter("alice", "lobby", nil)
		ssrc := a.talk("lobby", 0, 0)
		a.speak(ssrc, 0, 0)
		speak := func(index uint64) {
			p := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: wire.PayloadOpus, SSRC: ssrc, SequenceNumber: uint16(index)}, Payload: make([]byte, 80)}
			b, err := p.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			a.run(func(time.Time) { a.sendRTP(b, index) })
		}
		index := uint64(0)
		for range 2 * startBurst {
			send := a.send
			a.run(func(time.Time) { a.send = func([]byte) {} })
			speak(index + 10_000)
			a.run(func(time.Time) { a.send = send })
			index += 20_000
			speak(index)
		}
		h := w.server.hub
		if n := len(h.rooms["lobby"].voices); n != startBurst || w.dropped(dropTalks) == 0 || w.dropped(dropJump) != 0 {
			t.Errorf("%d voices of one talker, dropped %v", n, w.drops())
		}
	})
}
