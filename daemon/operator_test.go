package daemon

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"

	"yodel/wire"
	"yodel/wire/secure"
)

// peer gives what the operator sees of the one peer under a nick.
func (w *world) peer(nick string) PeerStatus {
	w.t.Helper()
	all, err := w.operator().Peers(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, p := range all {
		if p.Nick == nick {
			return p
		}
	}
	w.t.Fatalf("no %s among %+v", nick, all)
	return PeerStatus{}
}

func TestStatusAndRooms(t *testing.T) {
	cfg := Config{Delay: time.Second, PublicAddress: "yodel.example.org", Rooms: map[string]RoomConfig{"empty": {}}}
	inRoom(t, cfg, func(t *testing.T, a, b *client) {
		a.publish("lobby", 1, "one")
		a.publish("quiet", 2, "two") // nobody is there
		a.talk("lobby", 0, 0)
		d := a.w.operator()
		s, err := d.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s.Sessions != 2 || s.Rooms != 3 || s.Members != 2 || s.Talkers != 1 || s.Software != "test" || s.PublicAddress != cfg.PublicAddress ||
			s.Access != "open" || len(s.LogID) != 32 || s.LogError != "" || s.Uptime <= 0 {
			t.Errorf("status %+v", s)
		}
		rooms, err := d.Rooms(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range rooms {
			got = append(got, strings.Join([]string{r.Room, number(r.Members), number(r.Talkers), number(int(min(r.Newest, 1))), boolean(r.Configured)}, " "))
		}
		if d := cmp.Diff([]string{"empty 0 0 0 true", "lobby 2 1 1 false", "quiet 0 0 1 false"}, got); d != "" {
			t.Error(d)
		}
		if rooms[0].Delay != 0 || rooms[1].Delay != 1 {
			t.Errorf("delays of %v and %v s", rooms[0].Delay, rooms[1].Delay)
		}
		_ = b
	})
}

func number(n int) string { return string(rune('0' + n)) }

func boolean(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

// What is not known is null; what the peer sends and gets is counted to the byte.
func TestPeerFigures(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		sent, came, sentBytes, cameBytes := uint64(0), uint64(0), uint64(0), uint64(0)
		before := a.w.peer("alice")
		if before.LossIn != nil || before.JitterIn != nil || before.JitterOut != nil {
			t.Errorf("figures of a voice that was never heard: %+v", before)
		}
		if before.RTT == nil || before.Address != "10.0.0.1:1" || before.Fingerprint != a.id.Fingerprint().String() {
			t.Errorf("%+v", before)
		}
		if d := cmp.Diff([]string{"lobby"}, before.Rooms); d != "" {
			t.Error(d)
		}
		send, deliver := a.send, a.w.deliver
		a.send = func(b []byte) {
			sent, sentBytes = sent+1, sentBytes+uint64(len(b))
			send(b)
		}
		a.w.deliver = func(to *client, b []byte) {
			if to == a {
				came, cameBytes = came+1, cameBytes+uint64(len(b))
			}
			deliver(to, b)
		}
		ssrc := a.talk("lobby", 0, 0)
		for i := range 400 {
			if i%4 != 3 {
				a.speak(ssrc, uint16(i), uint32(i)*960)
			}
			pass(20 * time.Millisecond)
		}
		b.run(func(time.Time) { // what bob hears
			plain, err := wire.AppendReceiverReport(nil, wire.SSRCPeer, []rtcp.ReceptionReport{{SSRC: ssrc, FractionLost: 64, Jitter: 480}})
			if err != nil {
				t.Error(err)
			}
			b.sendRTCP(plain)
		})
		synctest.Wait()
		after := a.w.peer("alice")
		if after.PacketsIn-before.PacketsIn != sent || after.BytesIn-before.BytesIn != sentBytes {
			t.Errorf("%d datagrams of %d bytes in, sent were %d of %d", after.PacketsIn-before.PacketsIn, after.BytesIn-before.BytesIn, sent, sentBytes)
		}
		if after.PacketsOut-before.PacketsOut != came || after.BytesOut-before.BytesOut != cameBytes {
			t.Errorf("%d datagrams of %d bytes out, came were %d of %d", after.PacketsOut-before.PacketsOut, after.BytesOut-before.BytesOut, came, cameBytes)
		}
		if !after.Talking || after.LossIn == nil || *after.LossIn < 0.23 || *after.LossIn > 0.26 || after.JitterIn == nil || *after.JitterIn > 1 {
			t.Errorf("a quarter is lost: %+v", after)
		}
		bob := a.w.peer("bob")
		if bob.LossOut == nil || *bob.LossOut != 0.25 || bob.JitterOut == nil || *bob.JitterOut != 10 || bob.LossIn != nil {
			t.Errorf("bob hears a quarter less: %+v", bob)
		}
		pass(outboundFor + time.Second)
		if bob := a.w.peer("bob"); bob.JitterOut != nil {
			t.Errorf("long after his last report: %+v", bob)
		}
	})
}

// A short talkspurt, of which no report was made, has figures too, and a resumed session goes on with all of them.
func TestFiguresGoOnInAResumedSession(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, _ *client) {
		ssrc := a.talk("lobby", 0, 0)
		for _, i := range []uint16{0, 1, 3} {
			a.speak(ssrc, i, uint32(i)*960)
		}
		a.say(wire.Encode(&wire.Message_TalkEnd{TalkEnd: &wire.TalkEnd{Room: "lobby", Ssrc: ssrc, LastSeq: 3}}))
		pass(5 * time.Second)
		before := a.w.peer("alice")
		if before.LossIn == nil || *before.LossIn != 0.25 || before.Talking {
			t.Fatalf("one of four is lost: %+v", before)
		}
		a.stop()
		a.again("10.0.0.7:1", "alice")
		pass(20 * time.Second)
		after := a.w.peer("alice")
		if !after.Since.Equal(before.Since) || after.PacketsIn <= before.PacketsIn || after.BytesOut <= before.BytesOut ||
			after.LossIn == nil || *after.LossIn != 0.25 || after.Address != "10.0.0.7:1" || after.Session != before.Session {
			t.Errorf("%+v\nthen\n%+v", before, after)
		}
	})
}

func TestSoftwareOfAPeerIsHarmless(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		a := w.connect("10.0.0.1:1", newID(t))
		a.say(wire.Encode(&wire.Message_Hello{Hello: &wire.Hello{
			Versions: []uint32{1}, Nick: "alice", Software: "evil\n\x1b[2J\u202e" + strings.Repeat("x", 1<<10),
		}}))
		got := w.peer("alice").Software
		if !strings.HasPrefix(got, `evil\n\x1b[2J\u202ex`) || len(got) > 100 {
			t.Errorf("%q", got)
		}
	})
}

func TestKick(t *testing.T) {
	for name, c := range map[string]struct {
		kick func(a, b *client) Kick
		gone [2]bool
	}{
		"a nick":              {func(_, _ *client) Kick { return Kick{Nick: "ALICE", Reason: "noise"} }, [2]bool{true, false}},
		"a key":               {func(_, b *client) Kick { who := b.id.Fingerprint(); return Kick{Fingerprint: &who} }, [2]bool{false, true}},
		"a key, another nick": {func(_, b *client) Kick { who := b.id.Fingerprint(); return Kick{Nick: "alice", Fingerprint: &who} }, [2]bool{}},
		"in a room":           {func(_, _ *client) Kick { return Kick{Nick: "alice", Room: "lobby"} }, [2]bool{true, false}},
		"in another room":     {func(_, _ *client) Kick { return Kick{Nick: "alice", Room: "studio"} }, [2]bool{}},
		"nobody":              {func(_, _ *client) Kick { return Kick{Nick: "carol"} }, [2]bool{}},
	} {
		t.Run(name, func(t *testing.T) {
			inRoom(t, Config{}, func(t *testing.T, a, b *client) {
				k := c.kick(a, b)
				ended, err := a.w.operator().Kick(t.Context(), k)
				pass(time.Second)
				want := 0
				for i, p := range []*client{a, b} {
					if !c.gone[i] {
						if p.bye != "" {
							t.Errorf("peer %d is gone: %s", i, p.bye)
						}
						continue
					}
					want++
					why := wire.ByeKicked
					if k.Reason != "" {
						why += ": " + k.Reason
					}
					if p.bye != why || p.byes != wire.ByeTimes {
						t.Errorf("peer %d was told %q, %d times", i, p.bye, p.byes)
					}
				}
				if ended != want || err != nil {
					t.Errorf("%d ended, %v", ended, err)
				}
				if sessions := len(a.w.server.hub.sessions); sessions != 2-want {
					t.Errorf("%d sessions are left", sessions)
				}
			})
		})
	}
}

func TestKickOfNobodyInParticular(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, _ *client) {
		d := a.w.operator()
		if _, err := d.Kick(t.Context(), Kick{Room: "lobby"}); !errors.Is(err, ErrNobody) {
			t.Error(err)
		}
		if _, err := d.Kick(t.Context(), Kick{Nick: "\n"}); !errors.Is(err, wire.ErrNick) {
			t.Error(err)
		}
		keys, err := d.KeysUnder(t.Context(), "Alice")
		if err != nil {
			t.Error(err)
		}
		if d := cmp.Diff([]secure.Fingerprint{a.id.Fingerprint()}, keys); d != "" {
			t.Error(d)
		}
	})
}

// A crowd is listed whole, and each has what is its.
func TestAllPeersAreListed(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		const n = operatorChunk + 3
		id := make([]*secure.Identity, 4)
		for i := range id {
			id[i] = newID(t)
		}
		for i := range n {
			c := w.connect(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 1).String(), id[i%len(id)])
			c.say(wire.Encode(&wire.Message_Hello{Hello: &wire.Hello{Versions: []uint32{1}}}))
			pass(20 * time.Millisecond)
		}
		all, err := w.operator().Peers(t.Context())
		if err != nil || len(all) != n {
			t.Fatalf("%d of %d peers, %v", len(all), n, err)
		}
		for i, p := range all {
			if i > 0 && p.Address <= all[i-1].Address {
				t.Fatalf("%s behind %s", p.Address, all[i-1].Address)
			}
		}
	})
}

func TestListsOfADaemonThatHasEnded(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		d := w.operator()
		stop := w.stop
		stop()
		w.stop = func() {}
		if _, err := d.Peers(t.Context()); !errors.Is(err, ErrStopped) {
			t.Error(err)
		}
		if _, err := d.Status(t.Context()); !errors.Is(err, ErrStopped) {
			t.Error(err)
		}
	})
}
