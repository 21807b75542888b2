package daemon

import (
	"context"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"

	"yodel/wire"
)

// figures gives what the world's daemon tells of itself.
func (w *world) figures() Stats {
	w.t.Helper()
	d := &Daemon{server: w.server}
	s, err := d.Stats(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func TestStatsOfARoom(t *testing.T) {
	inRoom(t, Config{Delay: time.Second}, func(t *testing.T, a, b *client) {
		w := a.w
		w.send(a.addr, []byte("junk"))
		a.publish("lobby", 1, "one")
		a.publish("lobby", 1, "one")
		a.publish("lobby", 2, "")
		ssrc := a.talk("lobby", 0, 0)
		a.speak(ssrc, 0, 0)
		a.lose(ssrc, 1)
		a.speak(ssrc, 2, 2*960)
		w.pass(100 * time.Millisecond) // the daemon asks
		now := w.figures()
		if now.Talkers != 1 || now.Voices != 1 || now.EchoPackets != 2 || now.EchoBytes < 2*80 || now.EchoLimit == 0 {
			t.Errorf("while alice talks: %d talkers, %d voices, echo of %d packets, %d of %d bytes",
				now.Talkers, now.Voices, now.EchoPackets, now.EchoBytes, now.EchoLimit)
		}
		if now.ResendsUp.Asked == 0 || now.ResendsUp.Answered != 0 {
			t.Errorf("resends of alice: %+v", now.ResendsUp)
		}
		a.speak(ssrc, 1, 960)
		w.pass(2 * time.Second)
		b.nack(ssrc, 1, 2, 999)
		b.run(func(time.Time) {
			plain, err := wire.AppendReceiverReport(nil, wire.SSRCPeer, []rtcp.ReceptionReport{{SSRC: ssrc, FractionLost: 64}, {SSRC: ssrc + 1, FractionLost: 255}})
			if err != nil {
				t.Error(err)
			}
			b.sendRTCP(plain)
		})
		w.pass(2 * wire.ReportEvery)
		a.lose(ssrc, 3)
		a.endTalk(ssrc, 3)
		w.pass(20 * time.Second)

		s := w.figures()
		got := map[string]float64{
			"sessions": float64(s.Sessions), "rooms": float64(s.Rooms), "members": float64(s.Members), "voices": float64(s.Voices), "talkers": float64(s.Talkers),
			"begun": float64(s.Handshakes["begun"]), "done": float64(s.Handshakes["done"]), "running": float64(s.HandshakesRunning),
			"receipts": float64(s.Receipts), "stored": float64(s.Log.Stored), "repeated": float64(s.Log.Repeated), "latencies": float64(s.Log.Latency.Count),
			"empty": float64(s.Refusals["empty"]), "refused for access": float64(s.Refusals["access"]), "junk": float64(s.Received["unknown"].Datagrams),
			"bytes of junk": float64(s.Received["unknown"].Bytes), "audio in": float64(s.Received["rtp_audio"].Datagrams),
			"answered by alice": float64(s.ResendsUp.Answered), "asked by bob": float64(s.ResendsDown.Asked), "answered": float64(s.ResendsDown.Answered),
			"refused": float64(s.ResendsDown.Refused), "received": float64(s.VoicePacketsReceived), "lost": float64(s.VoicePacketsLost),
			"loss down": s.LossDown.Sum, "reports down": float64(s.LossDown.Count), "echo": float64(s.EchoPackets), "dropped junk": float64(s.Dropped["unknown kind"]),
		}
		want := map[string]float64{
			"sessions": 2, "rooms": 1, "members": 2, "voices": 0, "talkers": 0, "begun": 2, "done": 2, "running": 0,
			"receipts": 2, "stored": 1, "repeated": 1, "latencies": 1, "empty": 1, "refused for access": 0, "junk": 1, "bytes of junk": 4, "audio in": 3,
			"answered by alice": 1, "asked by bob": 3, "answered": 2, "refused": 1, "received": 3, "lost": 1,
			"loss down": 0.25, "reports down": 1, "echo": 0, "dropped junk": 1,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if s.LossUp.Count == 0 || s.RTT.Count == 0 {
			t.Errorf("%d losses and %d round-trip times were observed", s.LossUp.Count, s.RTT.Count)
		}
		if len(s.Dropped) != int(dropKinds) {
			t.Errorf("%d reasons of %d", len(s.Dropped), dropKinds)
		}
	})
}

// Each datagram is counted once, whichever goroutine has sent it.
func TestStatsCountWhatIsSent(t *testing.T) {
	inWorld(t, Config{Delay: time.Second}, func(t *testing.T, w *world) {
		var mu sync.Mutex // the daemon's goroutines send
		sent, bytes := make(map[string]uint64), make(map[string]uint64)
		deliver := w.deliver
		w.deliver = func(to *client, b []byte) {
			kind := trafficNames[trafficKindOf(wire.KindOf(b), b)]
			mu.Lock()
			sent[kind]++
			bytes[kind] += uint64(len(b))
			mu.Unlock()
			deliver(to, b)
		}
		a, b := w.connect("10.0.0.1:1", newID(t)), w.connect("10.0.0.2:2", newID(t))
		a.enter("alice", "lobby", nil)
		b.enter("bob", "lobby", nil)
		a.publish("lobby", 1, "one")
		ssrc := a.talk("lobby", 0, 0)
		for i := range uint16(20) {
			a.speak(ssrc, i, uint32(i)*960)
		}
		w.pass(3 * time.Second)
		s := w.figures()
		mu.Lock()
		defer mu.Unlock()
		for kind, n := range sent {
			if got := s.Sent[kind]; got.Datagrams != n || got.Bytes != bytes[kind] {
				t.Errorf("%s: %+v, and %d of %d bytes came", kind, got, n, bytes[kind])
			}
		}
		for _, kind := range []string{"stun", "dtls", "rtp_audio", "rtp_message", "rtcp"} {
			if sent[kind] == 0 {
				t.Errorf("no %s came", kind)
			}
		}
	})
}

func TestTrafficKinds(t *testing.T) {
	message, audio := srtp(wire.PayloadMessage, 40), srtp(wire.PayloadOpus, 40)
	message[11], audio[9] = wire.SSRCPeer, 1
	for _, tt := range []struct {
		b    []byte
		want trafficKind
	}{
		{nil, trafficUnknown},
		{[]byte("junk"), trafficUnknown},
		{make([]byte, math.MaxUint16), trafficUnknown},
		{make([]byte, 20), trafficSTUN},
		{append([]byte{22}, make([]byte, 20)...), trafficDTLS},
		{message, trafficMessage},
		{audio, trafficAudio},
		{[]byte{0x80, 201, 0, 1, 0, 0, 0, 1}, trafficRTCP},
	} {
		if got := trafficKindOf(wire.KindOf(tt.b), tt.b); got != tt.want {
			t.Errorf("%.12x: %s, want %s", tt.b, trafficNames[got], trafficNames[tt.want])
		}
	}
}

// What is dropped is in the log within a second, once a second by reason, also when nothing else wakes the loop.
func TestDropsAreLoggedOnceASecond(t *testing.T) {
	log := new(handled)
	inWorld(t, Config{Logger: log.logger()}, func(t *testing.T, w *world) {
		from := address(1)
		junk := func(n int) {
			for range n {
				w.send(from, []byte("junk"))
			}
		}
		junk(1)
		pass(0)
		junk(2)
		pass(500 * time.Millisecond)
		junk(3)
		pass(time.Minute)
		junk(4)
		pass(time.Second)
		if diff := cmp.Diff([]string{"dropped unknown kind=1", "dropped unknown kind=5", "dropped unknown kind=4"}, log.lines()); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}
