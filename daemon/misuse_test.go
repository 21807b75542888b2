package daemon

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"yodel/wire"
)

// sendForm has a client send an RTP packet of any form, authentic.
func (c *client) sendForm(p *rtp.Packet, padding ...byte) {
	c.w.t.Helper()
	b, err := p.Marshal()
	if err != nil {
		c.w.t.Fatal(err)
	}
	if len(padding) > 0 {
		b[0] |= 0x20
		b = append(b, padding...)
	}
	c.run(func(time.Time) {
		sealed, err := c.tx.SealRTP(nil, b, uint64(p.SequenceNumber))
		if err != nil {
			c.w.t.Error(err)
			return
		}
		c.send(sealed)
	})
}

func audioOf(ssrc uint32, seq uint16, payload int) *rtp.Packet {
	return &rtp.Packet{
		Header: rtp.Header{
			Version: 2, PayloadType: wire.PayloadOpus, SSRC: ssrc, SequenceNumber: seq, Timestamp: uint32(seq) * 960,
		},
		Payload: make([]byte, payload),
	}
}

// What a peer may not send, though it is authentic, is heard by nobody, counted, and costs it nothing else: a packet after it is heard.
func TestAudioOfAWrongForm(t *testing.T) {
	const seq = 1
	extension := func(p *rtp.Packet) {
		p.Extension, p.ExtensionProfile = true, 0xabcd
		p.CSRC = make([]uint32, 15)
		if err := p.SetExtension(0, make([]byte, 4*200)); err != nil {
			panic(err)
		}
	}
	for name, c := range map[string]struct {
		form    func(p *rtp.Packet)
		padding []byte
		why     drop
	}{
		"the daemon's SSRC":      {form: func(p *rtp.Packet) { p.SSRC = wire.SSRCDaemon }, why: dropForeignSSRC},
		"the messages' SSRC":     {form: func(p *rtp.Packet) { p.SSRC, p.SequenceNumber = wire.SSRCPeer, 500 }, why: dropMalformed},
		"an SSRC of nobody":      {form: func(p *rtp.Packet) { p.SSRC += 1000 }, why: dropForeignSSRC},
		"another payload type":   {form: func(p *rtp.Packet) { p.PayloadType = 96 }, why: dropMalformed},
		"messages' payload type": {form: func(p *rtp.Packet) { p.PayloadType = wire.PayloadMessage }, why: dropMalformed},
		"no payload":             {form: func(p *rtp.Packet) { p.Payload = nil }, why: dropMalformed},
		"all padding":            {form: func(p *rtp.Packet) { p.Payload = nil }, padding: []byte{0, 0, 3}, why: dropMalformed},
		"padding of no length":   {padding: []byte{0, 0}, why: dropMalformed},
		"too long a padding":     {padding: []byte{0, 255}, why: dropMalformed},
		"too long a header":      {form: extension, why: dropMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			inRoom(t, Config{}, func(t *testing.T, a, b *client) {
				ssrc := a.talk("lobby", 0, 0)
				p := audioOf(ssrc, seq, 80)
				if c.form != nil {
					c.form(p)
				}
				before := a.w.dropped(c.why)
				a.sendForm(p, c.padding...)
				if len(b.heard) != 0 || a.w.dropped(c.why) != before+1 {
					t.Errorf("bob heard %v, dropped %v", b.heard, a.w.drops())
				}
				a.speak(ssrc, seq+1, 0)
				if len(b.seqs(ssrc)) != 1 || a.bye != "" {
					t.Errorf("bob heard %v of what was in order, alice was told %q", b.heard, a.bye)
				}
			})
		})
	}
}

// Header forms that are allowed pass as they are.
func TestAudioOfARareForm(t *testing.T) {
	for name, c := range map[string]struct {
		csrc    int
		padding []byte
	}{"15 contributing sources": {csrc: 15}, "padding": {padding: []byte{0, 0, 0, 4}}} {
		inRoom(t, Config{}, func(t *testing.T, a, b *client) {
			p := audioOf(a.talk("lobby", 0, 0), 1, 80)
			p.CSRC = make([]uint32, c.csrc)
			a.sendForm(p, c.padding...)
			if len(b.heard) != 1 {
				t.Errorf("%s: bob heard %v, dropped %v", name, b.heard, a.w.drops())
			}
		})
	}
}

// Feedback about what is another's does nothing to that one.
func TestFeedbackAboutOthers(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		h := a.w.server.hub
		ssrc := a.talk("lobby", 0, 0)
		a.speak(ssrc, 0, 0)
		rtcpOf := func(p rtcp.Packet) []byte {
			plain, err := p.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			return plain
		}
		say := func(plain []byte) { b.run(func(time.Time) { b.sendRTCP(plain) }) }

		say(rtcpOf(&rtcp.SenderReport{SSRC: ssrc, NTPTime: 1 << 40}))
		say(slices.Concat(rtcpOf(&rtcp.ReceiverReport{SSRC: wire.SSRCPeer}), rtcpOf(&rtcp.SenderReport{SSRC: ssrc, NTPTime: 1 << 40})))
		say(slices.Concat(rtcpOf(&rtcp.ReceiverReport{SSRC: wire.SSRCPeer}), rtcpOf(&rtcp.Goodbye{Sources: []uint32{ssrc, wire.SSRCDaemon, 99}})))
		a.stats = nil
		rest(6*time.Second, a, b)
		if len(a.stats) == 0 || a.stats[0].LastSenderReport != 0 {
			t.Errorf("what alice is told of her stream: %v", a.stats)
		}
		if len(h.sessions) != 2 || a.bye != "" || b.bye != "" {
			t.Errorf("%d sessions, %q, %q", len(h.sessions), a.bye, b.bye)
		}
		if a.w.dropped(dropForeignSSRC) != 1 || a.w.dropped(dropMalformed) != 1 {
			t.Errorf("dropped: %v", a.w.drops())
		}
		a.speak(ssrc, 1, 960)
		if len(b.seqs(ssrc)) != 2 {
			t.Errorf("bob heard %v", b.heard)
		}
	})
}

// A BYE ends a session only when its peer sends it, from where the session is: not one in the plain, and not a copy from another address, whoever is there.
func TestForgedByeEndsNothing(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		h := a.w.server.hub
		plain, err := (&rtcp.Goodbye{Sources: []uint32{wire.SSRCPeer}, Reason: "left"}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		var sealed []byte
		a.run(func(time.Time) { sealed, err = a.tx.SealRTCP(nil, plain) })
		if err != nil {
			t.Fatal(err)
		}
		unencrypted := slices.Concat(plain, []byte{0, 0, 0, 9}, make([]byte, 16))
		inClear := slices.Clone(sealed)
		inClear[len(inClear)-4] &^= 0x80 // the index comes last in AEAD_AES_128_GCM
		for _, from := range []string{"10.6.6.6:6", "10.0.0.2:1", "10.0.0.1:1"} {
			for _, d := range [][]byte{plain, unencrypted, inClear, sealed} {
				if from == "10.0.0.1:1" && slices.Equal(d, sealed) {
					continue
				}
				if from == "10.6.6.6:6" {
					a.w.outpost(from).send(d)
				} else {
					c := map[string]*client{"10.0.0.2:1": b, "10.0.0.1:1": a}[from]
					c.run(func(time.Time) { c.send(d) })
				}
			}
		}
		a.publish("lobby", 1, "still here")
		if len(h.sessions) != 2 || len(b.texts()) != 1 {
			t.Errorf("%d sessions, bob read %v", len(h.sessions), b.texts())
		}
		a.run(func(time.Time) { a.send(sealed) })
		if len(h.sessions) != 1 {
			t.Error("the genuine one ended nothing")
		}
	})
}

// A whole session that is sent again, from its address while it lasts and after it, and from another one, does nothing and makes no session.
func TestReplayedSessionDoesNothing(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		b := w.connect("10.0.0.2:1", newID(t))
		b.enter("bob", "lobby", nil)
		var copied [][]byte
		a := w.connect("10.0.0.1:1", newID(t))
		send := a.send
		a.send = func(d []byte) {
			copied = append(copied, slices.Clone(d))
			send(d)
		}
		a.enter("alice", "lobby", nil)
		ssrc := a.talk("lobby", 0, 0)
		a.speak(ssrc, 0, 0)
		a.publish("lobby", 1, "once")
		a.ping()
		pongs := len(all(a, (*wire.Message).GetPong))
		replay := func(from string) {
			for range 3 {
				for _, d := range copied {
					if from == "" {
						a.run(func(time.Time) { send(d) })
					} else {
						w.outpost(from).send(d)
					}
				}
			}
			w.pass(time.Second)
		}
		replay("")
		replay("10.6.6.6:6")
		if len(w.server.hub.sessions) != 2 || len(b.texts()) != 1 || len(b.heard) != 1 || len(all(a, (*wire.Message).GetPong)) != pongs {
			t.Errorf("%d sessions, bob read %v and heard %v", len(w.server.hub.sessions), b.texts(), b.heard)
		}
		if n := w.dropped(dropDuplicate); n < uint64(3*(len(copied)-1)) {
			t.Errorf("%d of %d copies were found to be ones: %v", n, 3*len(copied), w.drops())
		}
		a.run(func(time.Time) { a.sendRTCP(mustBye(t)) })
		a.stop()
		synctest.Wait()
		w.posts[a.addr], w.clients[a.addr] = &outpost{w: w, addr: a.addr}, nil
		replay("10.0.0.1:1")
		if len(w.server.hub.sessions) != 1 || len(b.texts()) != 1 || len(b.heard) != 1 {
			t.Errorf("after the end: %d sessions, bob read %v and heard %v", len(w.server.hub.sessions), b.texts(), b.heard)
		}
		delete(w.clients, a.addr)
	})
}

func mustBye(t *testing.T) []byte {
	t.Helper()
	b, err := wire.AppendBye(nil, wire.SSRCPeer, wire.ByeLeft)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
