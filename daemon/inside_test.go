package daemon

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"

	"yodel/wire"
)

// deaf has a client send no acknowledgements any more.
func (c *client) deaf() {
	send := c.send
	c.run(func(time.Time) {
		c.send = func(b []byte) {
			if wire.KindOf(b) != wire.KindRTCP {
				send(b)
			}
		}
	})
}

// acknowledge has a client send a report about message packets of the daemon, whatever came.
func (c *client) acknowledge(begin uint16, n int) {
	metrics := make([]rtcp.CCFeedbackMetricBlock, n)
	for i := range metrics {
		metrics[i].Received = true
	}
	r := wire.Report{Sender: wire.SSRCPeer, Media: wire.SSRCDaemon, Begin: begin, Metrics: metrics}
	plain, err := r.Append(nil)
	if err != nil {
		c.w.t.Fatal(err)
	}
	c.run(func(time.Time) { c.sendRTCP(plain) })
}

// Who acknowledges what was never sent is told so and ended; nothing is forgotten for it before.
func TestPeerThatAcknowledgesTheUnsentIsEnded(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		var newest uint16
		a.w.deliver = func(to *client, d []byte) {
			if to == b && wire.KindOf(d) == wire.KindRTP && wire.SSRCOf(d) == wire.SSRCDaemon {
				newest = uint16(d[2])<<8 | uint16(d[3])
			}
			to.arrives(d)
		}
		a.publish("lobby", 1, "x")
		b.acknowledge(newest, 1)
		if b.bye != "" {
			t.Fatalf("BYE %q for what was sent", b.bye)
		}
		b.acknowledge(newest+3, 2)
		a.w.pass(200 * time.Millisecond)
		if b.bye != wire.ByeUnsent || b.byes != wire.ByeTimes || a.w.dropped(dropUnsent) != 1 {
			t.Errorf("BYE %q, %d times, dropped %v", b.bye, b.byes, a.w.drops())
		}
		if e := last(a, (*wire.Message).GetPresence).GetEvents()[0]; e.GetReason() != wire.ByeUnsent {
			t.Errorf("alice saw %v", e)
		}
	})
}

// Who shows life and acknowledges nothing is ended in a minute; who is only slow to take is not.
func TestPeerThatAcknowledgesNothingIsEnded(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		b.deaf()
		a.publish("lobby", 1, "x")
		for range 30 { // b's own Pings show life
			rest(2*time.Second-10*time.Millisecond, a)
			b.ping()
		}
		if b.bye != "" {
			t.Fatalf("ended too early: %q", b.bye)
		}
		rest(3*time.Second, a)
		if b.bye != wire.ByeSlow || a.bye != "" {
			t.Errorf("bob was told %q, alice %q", b.bye, a.bye)
		}
	})
}

// A peer that begins messages and leaves them unfinished is ended, although it goes on to be served in between.
func TestPeerThatLeavesMessagesUnfinishedIsEnded(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		b.run(func(now time.Time) {
			if err := b.stream.Send(wire.Encode(&wire.Message_Ping{Ping: &wire.Ping{}})); err != nil {
				t.Error(err)
			}
			plain, _, number := b.stream.AppendPacket(now, nil)
			b.sendRTP(wire.AppendChunk(plain, wire.Chunk{Message: 1000, Total: 50_000, Data: make([]byte, 100)}), number)
		})
		rest(maxIncomplete-time.Second, a, b)
		if pongs := len(all(b, (*wire.Message).GetPong)); b.bye != "" || pongs < 20 {
			t.Fatalf("told %q, %d pings were answered", b.bye, pongs)
		}
		rest(10*time.Second, a, b)
		if b.bye != wire.ByeSlow || a.bye != "" || a.w.dropped(dropBehind) != 1 {
			t.Errorf("bob was told %q, alice %q", b.bye, a.bye)
		}
	})
}

// Requests for packets again, of what was sent and what was not, bring no more than the stream itself has, and are not looked at beyond a rate.
func TestNackStormIsBounded(t *testing.T) {
	inRoom(t, Config{Delay: time.Second}, func(t *testing.T, a, b *client) {
		ssrc := a.talk("lobby", 0, 0)
		const packets = 100
		for i := range packets {
			a.speak(ssrc, uint16(i), uint32(i)*960)
			a.w.pass(20 * time.Millisecond)
		}
		a.w.pass(250 * time.Millisecond)
		heard, resent := len(b.seqs(ssrc)), 0
		a.w.deliver = func(to *client, d []byte) {
			if to == b && wire.KindOf(d) == wire.KindRTP && wire.SSRCOf(d) == ssrc {
				resent++
			}
			to.arrives(d)
		}
		pairs := make([]rtcp.NackPair, 250)
		for i := range pairs {
			pairs[i] = rtcp.NackPair{PacketID: uint16(17 * i), LostPackets: 0xffff} // of all that was sent, and 4150 that were not
		}
		plain, err := (&rtcp.TransportLayerNack{SenderSSRC: wire.SSRCPeer, MediaSSRC: ssrc, Nacks: pairs}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		for range 1000 {
			b.run(func(time.Time) { b.sendRTCP(plain) })
			a.w.pass(time.Millisecond)
		}
		if heard != packets || resent == 0 || resent > packets+8 {
			t.Errorf("%d packets were sent again of a stream of %d, %d heard", resent, packets, heard)
		}
		looked := a.w.dropped(dropResend) + uint64(resent)
		if most := uint64(nackBurst + nackRate); looked > most || a.w.dropped(dropNack) < 900 {
			t.Errorf("%d packets were looked for, at most %d: %v", looked, most, a.w.drops())
		}
		b.ping()
		if last(b, (*wire.Message).GetPong) == nil || b.bye != "" {
			t.Error("bob is not served any more")
		}
	})
}

// Malformed feedback, and feedback about a stream that is nobody's, is dropped.
func TestMalformedNacks(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		ssrc := a.talk("lobby", 0, 0)
		for _, plain := range [][]byte{
			{0x81, 0xcd, 0, 1, 0, 0, 0, 1},             // no stream
			{0x81, 0xcd, 0xff, 0xff, 0, 0, 0, 1, 1, 1}, // longer than it is
			{0x81, 0xcd, 0, 3, 0, 0, 0, 1, 9, 9, 9, 9, 0, 1, 0, 0},
			{0x8b, 0xcd, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0xff, 0xff, 0, 0, 0, 0}, // 65535 metrics in none
		} {
			b.run(func(time.Time) { b.sendRTCP(plain) })
		}
		a.speak(ssrc, 0, 0)
		if len(b.heard) != 1 || b.bye != "" || a.w.dropped(dropMalformed) < 3 {
			t.Errorf("bob heard %v, was told %q, dropped %v", b.heard, b.bye, a.w.drops())
		}
	})
}

// Talks that begin and end without end are told at a rate, and jumps of a sequence number too. Others talk meanwhile.
func TestTalkStormIsBounded(t *testing.T) {
	const seconds = 20
	for name, storm := range map[string]func(a *client){
		"talks": func(a *client) {
			a.say(wire.Encode(&wire.Message_Talk{Talk: &wire.Talk{Room: "lobby", PayloadType: wire.PayloadOpus}}))
			ssrc := last(a, (*wire.Message).GetTalkGranted).GetSsrc()
			a.say(wire.Encode(&wire.Message_TalkStart{TalkStart: &wire.TalkStart{Room: "lobby", Ssrc: ssrc, PayloadType: wire.PayloadOpus}}))
			a.speak(ssrc, 0, 0)
			a.endTalk(ssrc, 0)
		},
		"leaves": func(a *client) {
			a.say(wire.Encode(&wire.Message_Talk{Talk: &wire.Talk{Room: "lobby", PayloadType: wire.PayloadOpus}}))
			ssrc := last(a, (*wire.Message).GetTalkGranted).GetSsrc()
			a.say(wire.Encode(&wire.Message_TalkStart{TalkStart: &wire.TalkStart{Room: "lobby", Ssrc: ssrc, PayloadType: wire.PayloadOpus}}))
			a.say(wire.Encode(&wire.Message_Leave{Leave: &wire.Leave{Room: "lobby"}}))
			a.say(wire.Encode(&wire.Message_Join{Join: &wire.Join{Room: "lobby"}}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			inRoom(t, Config{}, func(t *testing.T, a, b *client) {
				before := len(all(b, (*wire.Message).GetTalkStart))
				for range seconds * 50 {
					storm(a)
					a.w.pass(20 * time.Millisecond)
				}
				if n := len(all(b, (*wire.Message).GetTalkStart)) - before; n > startBurst+seconds*startRate+1 || n < startBurst {
					t.Errorf("bob was told of %d talks in %d s", n, seconds)
				}
				if a.w.dropped(dropTalks) < 500 {
					t.Errorf("dropped %v", a.w.drops())
				}
				ssrc := b.talk("lobby", 0, 0)
				b.speak(ssrc, 0, 0)
				if len(b.seqs(ssrc)) != 1 {
					t.Error("bob cannot talk")
				}
			})
		})
	}
}

func TestSequenceJumpStormIsBounded(t *testing.T) {
	const seconds = 20
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		ssrc := a.talk("lobby", 0, 0)
		for i := range uint64(seconds * 50) {
			for j, seq := range []uint64{20_000 * i, 20_000*i + 10_000} { // the second is lost: it is there so that the next can be sealed at all
				p := audioOf(ssrc, uint16(seq), 80)
				p.Timestamp = uint32(i) * 960
				plain, err := p.Marshal()
				if err != nil {
					t.Fatal(err)
				}
				a.run(func(time.Time) {
					sealed, err := a.tx.SealRTP(nil, plain, seq)
					if err != nil {
						t.Error(err)
					} else if j == 0 {
						a.send(sealed)
					}
				})
			}
			a.w.pass(20 * time.Millisecond)
		}
		if n := len(all(b, (*wire.Message).GetTalkStart)); n > startBurst+seconds*startRate+1 || n < 10 {
			t.Errorf("bob was told of %d talks in %d s", n, seconds)
		}
		if a.w.dropped(dropTalks) < 100 {
			t.Errorf("dropped %v", a.w.drops())
		}
	})
}

// spent has all that sessions share be used up.
func (w *world) spent() {
	w.server.hub.plane.tell.add(func(now time.Time) { w.server.hub.work.charge(now, 24*time.Hour) })
	synctest.Wait()
}

// Requests beyond a session's rate wait, when others have used what all share; all are answered in the end, in order, and others do not wait.
func TestRequestStormWaits(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		const storm = 4000
		a.w.spent()
		a.run(func(time.Time) {
			for i := range storm {
				if err := a.stream.Send(wire.Encode(&wire.Message_Ping{Ping: &wire.Ping{Request: uint64(i + 1)}})); err != nil {
					t.Error(err)
				}
			}
		})
		pongs := func() []*wire.Pong { return all(a, (*wire.Message).GetPong) }
		for i := range 10 {
			b.ping()
			if n := len(all(b, (*wire.Message).GetPong)); n != i+1 {
				t.Errorf("bob has %d of %d answers", n, i+1)
			}
			if n, most := len(pongs()), workBurst+i*workRate+1; n > most || n < most-workRate {
				t.Errorf("after %d s %d answers, at most %d", i, n, most)
			}
			a.w.pass(time.Second)
		}
		if a.w.dropped(dropPaced) == 0 {
			t.Error("not counted")
		}
		a.w.pass(15 * time.Second)
		for i, p := range pongs() {
			if p.GetRequest() != uint64(i+1) {
				t.Fatalf("answer %d is to request %d", i+1, p.GetRequest())
			}
		}
		if n := len(pongs()); n != storm || a.bye != "" {
			t.Errorf("%d of %d answers in the end, BYE %q", n, storm, a.bye)
		}
	})
}

// What nobody else uses a session may have.
func TestRequestsOfOneSessionDoNotWaitWhileNobodyElseAsks(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, _ *client) {
		const storm = 20_000
		for range storm / 1000 {
			a.run(func(time.Time) {
				for range 1000 {
					if err := a.stream.Send(wire.Encode(&wire.Message_Ping{Ping: &wire.Ping{}})); err != nil {
						t.Error(err)
					}
				}
			})
			a.w.pass(50 * time.Millisecond)
		}
		if n := len(all(a, (*wire.Message).GetPong)); n != storm || a.w.dropped(dropPaced) != 0 {
			t.Errorf("%d of %d answers, dropped %v", n, storm, a.w.drops())
		}
	})
}

// What a request makes the hub do counts: the members that are told, those that are listed, the rooms that are sorted.
func TestWorkIsCharged(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		h := a.w.server.hub
		a.w.spent()
		for i := range 700 {
			h.room(fmt.Sprintf("%064d", i)).fixed = true
			nick := fmt.Sprintf("%032d", i)
			r := h.room("large")
			r.enter(time.Now(), &member{session: &session{hub: h, addr: a.addr, gone: true}, room: r, nick: nick, key: nick})
			if i < 20 {
				r := h.room("small")
				r.enter(time.Now(), &member{session: &session{hub: h, addr: a.addr, gone: true}, room: r, nick: nick, key: nick})
			}
		}
		h.plane.tell.add(func(time.Time) {}) // what was made here is the daemon's
		for _, c := range []struct {
			name string
			say  []byte
			cost int64
		}{
			{"Ping", wire.Encode(&wire.Message_Ping{Ping: &wire.Ping{}}), 1},
			{"no message", []byte{0xff, 0xff}, 1},
			{"Who of 700", wire.Encode(&wire.Message_Who{Who: &wire.Who{Room: "large"}}), 1 + wire.MaxListed/20},
			{"Rooms, 703 of them", wire.Encode(&wire.Message_Rooms{Rooms: &wire.Rooms{}}), 1 + 703/50},
			{"Join of 20", wire.Encode(&wire.Message_Join{Join: &wire.Join{Room: "small"}}), 1 + 10 + 21 + 1},
			{"SetNick, in rooms of 21 and 2", wire.Encode(&wire.Message_SetNick{SetNick: &wire.SetNick{Nick: "al"}}), 1 + 4*10 + 2*21 + 2*2},
			{"Leave", wire.Encode(&wire.Message_Leave{Leave: &wire.Leave{Room: "small"}}), 1 + 10 + 21},
			{"Join of 700, who are told the count", wire.Encode(&wire.Message_Join{Join: &wire.Join{Room: "large"}}), 1 + 10},
			{"a Publish", wire.Encode(&wire.Message_Publish{Publish: &wire.Publish{Room: "lobby", Id: 1, Body: []byte("x")}}), 0},
			{"an empty Publish", wire.Encode(&wire.Message_Publish{Publish: &wire.Publish{Room: "lobby", Id: 2}}), 1},
		} {
			rest(10*time.Second, b)
			a.w.spent()
			a.say(c.say)
			if got := max(time.Until(a.w.session(a).work.own.paid), 0); got != atRate(c.cost, workRate) {
				t.Errorf("%s costs %v, want %v", c.name, got, atRate(c.cost, workRate))
			}
		}
	})
}

// A nick that looks like another's is refused, and a media type with escapes.
func TestNamesThatDeceive(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		for _, nick := range []string{"аlice", "ALIСE", "alice\u2800", "al\u200dice", "\u202ealice", "\x1b]52;c;eA==\a"} {
			before := len(all(b, (*wire.Message).GetRefused))
			b.say(wire.Encode(&wire.Message_SetNick{SetNick: &wire.SetNick{Request: 1, Nick: nick}}))
			refused := all(b, (*wire.Message).GetRefused)
			if len(refused) != before+1 {
				t.Errorf("%+q was not refused", nick)
			} else if r := refused[before].GetReason(); wire.Printable(r) != r {
				t.Errorf("%+q: the reason has it: %+q", nick, r)
			}
		}
		if a.w.dropped(dropNick) != 6 {
			t.Errorf("dropped %v", a.w.drops())
		}
		b.say(wire.Encode(&wire.Message_Publish{Publish: &wire.Publish{Room: "lobby", Id: 1, Body: []byte("x"), Type: "text/\x1b[2J\n"}}))
		if r := last(b, (*wire.Message).GetRefused); r.GetCode() != wire.Code_CODE_PROTOCOL || r.GetId() != 1 || len(a.texts()) != 0 {
			t.Errorf("refused %v, alice read %v", r, a.texts())
		}
	})
}
