package daemon

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"yodel/wire"
)

// The talker is told what one in twenty hearers exceeds at most, exactly while it is small.
func TestHearerLoss(t *testing.T) {
	many := func(n int, fraction uint8) (all []uint8) {
		for range n {
			all = append(all, fraction)
		}
		return all
	}
	for _, tt := range []struct {
		name string
		all  []uint8
		want uint8
	}{
		{"one, nothing", []uint8{0}, 0},
		{"one", []uint8{13}, 13},
		{"the worst of a few", []uint8{0, 0, 15, 3}, 15},
		{"one of twenty is left out", append(many(19, 2), 200), 2},
		{"two of twenty are not", append(many(18, 2), 200, 100), 100},
		{"fifty of a thousand", append(many(950, 1), many(50, 255)...), 1},
		{"fifty-one of them", append(many(949, 1), many(51, 255)...), 252},
		{"steps of eight", []uint8{16}, 20},
		{"the next one", []uint8{24}, 28},
		{"all", []uint8{255}, 252},
		{"more than are counted", many(math.MaxUint16+10, 7), 7},
	} {
		var l hearerLoss
		if _, news := l.take(true); news {
			t.Errorf("%s: news before any report", tt.name)
		}
		for _, f := range tt.all {
			l.note(f)
		}
		if got, news := l.take(true); got != tt.want || !news {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
		if got, news := l.take(true); got != tt.want || news {
			t.Errorf("%s: again %d, %v", tt.name, got, news)
		}
		for range 2 {
			if got, news := l.take(false); got != 0 || news != (tt.want > 0) {
				t.Errorf("%s: nobody hears, %d, %v", tt.name, got, news)
			}
			tt.want = 0
		}
	}
}

// reportsLoss sends a receiver report with a block about a voice for each loss.
func (c *client) reportsLoss(ssrc uint32, fractions ...uint8) {
	var blocks []rtcp.ReceptionReport
	for _, f := range fractions {
		blocks = append(blocks, rtcp.ReceptionReport{SSRC: ssrc, FractionLost: f})
	}
	c.run(func(time.Time) {
		plain, err := wire.AppendReceiverReport(nil, wire.SSRCPeer, blocks)
		if err != nil {
			c.w.t.Error(err)
		}
		c.sendRTCP(plain)
	})
}

// Those who hear report, and the talker learns of it within 2 s of its beginning, then with its reports, and no more than what is new.
func TestTalkerIsToldWhatHearersLose(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		a, b := w.connect("10.0.0.1:1", newID(t)), w.connect("10.0.0.2:1", newID(t))
		a.enter("alice", "lobby", nil)
		b.enter("bob", "lobby", nil)
		ssrc := a.talk("lobby", 7, 0)
		began := time.Now()
		var at []time.Duration
		var told []uint32
		for i := range 900 {
			a.speak(ssrc, uint16(7+i), uint32(i)*960)
			switch i {
			case 45: // 0.9 s
				b.reportsLoss(ssrc, 10)
				b.reportsLoss(ssrc, 200) // so soon after the other it does not count
			case 300:
				b.reportsLoss(ssrc, 10)
			case 550:
				b.reportsLoss(ssrc, 0)
				a.reportsLoss(ssrc, 3)
				b.reportsLoss(ssrc+1, 200) // nobody's
			case 800:
				b.reportsLoss(ssrc, 3)
			}
			pass(20 * time.Millisecond)
			if all := all(a, (*wire.Message).GetTalkLoss); len(all) > len(told) {
				m := all[len(told)]
				if m.GetRoom() != "lobby" || m.GetSsrc() != ssrc {
					t.Errorf("%v", m)
				}
				told, at = append(told, m.GetFractionLost()), append(at, time.Since(began))
			}
		}
		if d := cmp.Diff([]uint32{10, 3}, told); d != "" {
			t.Fatalf("%s; at %v", d, at)
		}
		if at[0] > 2*time.Second || at[1] < 11*time.Second || at[1] > 17*time.Second {
			t.Errorf("told at %v", at)
		}
		if n := len(all(b, (*wire.Message).GetTalkLoss)); n != 0 {
			t.Errorf("a hearer was told %d times", n)
		}
	})
}

// What a hearer reports counts for each talker by itself: once in a report, once in that time, and not what comes before a report about the voice is due.
func TestReportsCountForEachTalker(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		a, b, c := w.connect("10.0.0.1:1", newID(t)), w.connect("10.0.0.2:1", newID(t)), w.connect("10.0.0.3:1", newID(t))
		a.enter("alice", "lobby", nil)
		b.enter("bob", "lobby", nil)
		c.enter("carol", "lobby", nil)
		first := a.talk("lobby", 7, 0)
		var second uint32
		for i := range 300 {
			a.speak(first, uint16(7+i), uint32(i)*960)
			switch i {
			case 20: // 0.4 s
				second = c.talk("lobby", 7, 0)
			case 40:
				b.reportsLoss(first, 10, 200)
				b.reportsLoss(second, 200)
			case 75:
				b.reportsLoss(second, 5)
			case 215: // 3.5 s later
				b.reportsLoss(first, 200)
			}
			pass(20 * time.Millisecond)
		}
		for _, tt := range []struct {
			talker *client
			ssrc   uint32
			want   []uint32
		}{{a, first, []uint32{10}}, {c, second, []uint32{5}}} {
			var told []uint32
			for _, m := range all(tt.talker, (*wire.Message).GetTalkLoss) {
				if m.GetSsrc() == tt.ssrc {
					told = append(told, m.GetFractionLost())
				}
			}
			if d := cmp.Diff(tt.want, told); d != "" {
				t.Error(d)
			}
		}
	})
}

// When the last one who heard has left, the talker is told that nothing is lost any more.
func TestTalkerIsToldThatNobodyHears(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		a, b := w.connect("10.0.0.1:1", newID(t)), w.connect("10.0.0.2:1", newID(t))
		a.enter("alice", "lobby", &wire.Join{Room: "lobby"})
		b.enter("bob", "lobby", nil)
		ssrc := a.talk("lobby", 7, 0)
		for i := range 1500 {
			a.speak(ssrc, uint16(7+i), uint32(i)*960)
			switch i {
			case 45:
				b.reportsLoss(ssrc, 100)
			case 900: // so long in silence, as one whose reports are lost
				b.say(wire.Encode(&wire.Message_Leave{Leave: &wire.Leave{Room: "lobby"}}))
			}
			pass(20 * time.Millisecond)
		}
		var told []uint32
		for _, m := range all(a, (*wire.Message).GetTalkLoss) {
			told = append(told, m.GetFractionLost())
		}
		if d := cmp.Diff([]uint32{100, 0}, told); d != "" {
			t.Error(d)
		}
	})
}

// Copies go within a talk of Opus, and nowhere else.
func TestPacketsWithCopiesGoThrough(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		a, b := w.connect("10.0.0.1:1", newID(t)), w.connect("10.0.0.2:1", newID(t))
		a.enter("alice", "lobby", nil)
		b.enter("bob", "lobby", nil)
		var types []uint8
		b.listens = func(h *rtp.Header, _ []byte) { types = append(types, h.PayloadType) }
		send := func(ssrc uint32, seq uint16, payloadType uint8) {
			p := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: payloadType, SSRC: ssrc, SequenceNumber: seq, Timestamp: uint32(seq) * 960}}
			p.Payload = make([]byte, 1+2*(wire.CopyHeader+240)+240)
			plain, err := p.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			a.run(func(time.Time) { a.sendRTP(plain, uint64(seq)) })
		}
		ssrc := a.talk("lobby", 0, 0)
		for i, payloadType := range []uint8{wire.PayloadOpus, wire.PayloadRED, wire.PayloadOpus, wire.PayloadL16} {
			send(ssrc, uint16(i), payloadType)
		}
		a.say(wire.Encode(&wire.Message_Talk{Talk: &wire.Talk{Room: "lobby", PayloadType: wire.PayloadL16}}))
		other := last(a, (*wire.Message).GetTalkGranted).GetSsrc()
		a.say(wire.Encode(&wire.Message_TalkStart{TalkStart: &wire.TalkStart{Room: "lobby", Ssrc: other}}))
		send(other, 0, wire.PayloadL16)
		send(other, 1, wire.PayloadRED)
		pass(time.Second)
		if d := cmp.Diff([]uint8{wire.PayloadOpus, wire.PayloadRED, wire.PayloadOpus, wire.PayloadL16}, types); d != "" {
			t.Error(d)
		}
		a.say(wire.Encode(&wire.Message_Talk{Talk: &wire.Talk{Room: "lobby", PayloadType: wire.PayloadRED}}))
		if refused := last(a, (*wire.Message).GetRefused); refused.GetCode() != wire.Code_CODE_CODEC {
			t.Errorf("a talk of packets with copies alone: %v", refused)
		}
	})
}

// Of a packet that did not come, and of which a copy did, a packet goes on to who hears: once, as it was. Nothing is asked for, and it counts as lost on
// its way; the packet itself, when it comes after all, as one that came.
func TestACopyGoesOnAsAPacket(t *testing.T) {
	for name, c := range map[string]struct {
		late bool
		lost uint32
	}{"lost": {false, 2}, "late": {true, 1}} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, Config{Rooms: map[string]RoomConfig{"live": {}}}, func(t *testing.T, w *world) {
				a, b := w.connect("10.0.0.1:1", newID(t)), w.connect("10.0.0.2:1", newID(t))
				a.enter("alice", "live", nil)
				b.enter("bob", "live", nil)
				heard := make(map[uint16]string)
				b.listens = func(h *rtp.Header, payload []byte) {
					if h.PayloadType == wire.PayloadOpus {
						heard[h.SequenceNumber] += fmt.Sprintf("%d at %d;", payload, h.Timestamp)
					}
				}
				ssrc := a.talk("live", 0, 0)
				send := func(seq uint16, payloadType uint8, payload []byte) {
					p := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: payloadType, SSRC: ssrc, SequenceNumber: seq, Timestamp: uint32(seq) * 960}, Payload: payload}
					plain, err := p.Marshal()
					if err != nil {
						t.Fatal(err)
					}
					a.run(func(time.Time) { a.sendRTP(plain, uint64(seq)) })
				}
				send(0, wire.PayloadOpus, []byte{1})
				red := wire.Redundant{PayloadType: wire.PayloadOpus, Primary: []byte{4}, Copies: []wire.Copy{{Offset: 1920, Payload: []byte{2}}, {Offset: 960, Payload: []byte{3}}}}
				payload, err := red.Append(nil)
				if err != nil {
					t.Fatal(err)
				}
				send(3, wire.PayloadRED, payload)
				send(4, wire.PayloadOpus, []byte{5})
				if c.late {
					send(2, wire.PayloadOpus, []byte{3})
				}
				pass(3 * time.Second)
				want := map[uint16]string{0: "[1] at 0;", 1: "[2] at 960;", 2: "[3] at 1920;", 4: "[5] at 3840;"}
				if d := cmp.Diff(want, heard); d != "" {
					t.Error(d)
				}
				told := slices.IndexFunc(a.stats, func(r rtcp.ReceptionReport) bool { return r.SSRC == ssrc })
				if told < 0 || a.stats[told].TotalLost != c.lost {
					t.Errorf("the talker is told %+v", a.stats)
				}
				if len(a.nacks) > 0 {
					t.Errorf("asked for %v", a.nacks)
				}
			})
		})
	}
}

// Packets that are made of copies are within what a talk may send, too: who leaves two of three out and sends their copies gets no more through.
func TestPacketsMadeOfCopiesAreWithinTheBudget(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		a, b := w.connect("10.0.0.1:1", newID(t)), w.connect("10.0.0.2:1", newID(t))
		a.enter("alice", "lobby", nil)
		b.enter("bob", "lobby", nil)
		ssrc := a.talk("lobby", 0, 0)
		const seconds, each = 5, 300
		copies := []wire.Copy{{Offset: 480, Payload: []byte{1}}, {Offset: 240, Payload: []byte{2}}}
		payload, err := (&wire.Redundant{PayloadType: wire.PayloadOpus, Primary: []byte{3}, Copies: copies}).Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range seconds * each {
			p := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: wire.PayloadRED, SSRC: ssrc, SequenceNumber: uint16(3 * i), Timestamp: uint32(3*i) * 240}, Payload: payload}
			plain, err := p.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			a.run(func(time.Time) { a.sendRTP(plain, uint64(3*i)) })
			pass(time.Second / each)
		}
		pass(time.Second)
		const packets = audioPackets * audioShare / 2 * (seconds + int(audioBurst/time.Second))
		if n := len(b.heard); n > packets || n < packets*9/10 || w.dropped(dropVoiceRate) == 0 {
			t.Errorf("%d packets went on, %d may; dropped %v", n, packets, w.drops())
		}
	})
}

// What the highest bit rate takes with two copies is within what a talk may send.
func TestCopiesAreWithinTheBudget(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		a := w.connect("10.0.0.1:1", newID(t))
		a.enter("alice", "lobby", nil)
		ssrc := a.talk("lobby", 0, 0)
		p := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: wire.PayloadRED, SSRC: ssrc}, Payload: make([]byte, 1+2*(wire.CopyHeader+240)+240)}
		const packets = 500
		for i := range packets { // twice as fast as they are spoken: half of them are resends
			p.SequenceNumber, p.Timestamp = uint16(i), uint32(i)*960
			plain, err := p.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			a.run(func(time.Time) { a.sendRTP(plain, uint64(i)) })
			pass(10 * time.Millisecond)
		}
		if n := len(a.heard); n != packets {
			t.Errorf("%d of %d packets went through", n, packets)
		}
	})
}
