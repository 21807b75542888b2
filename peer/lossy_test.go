package peer

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"yodel/wire"
	"yodel/wire/repair"
	"yodel/wire/secure"
	"yodel/wire/stream"
)

// lossy is a rig whose datagrams take 30 ± 10 ms each way, and some do not arrive.
type lossy struct {
	*rig
	random   *rand.Rand
	loss     float64   // of each way
	lossAt   time.Time // from when on
	from, to time.Time // black-out
	flying   []flight

	sent    map[uint64]sentAudio // by the daemon, of one stream
	resends repair.Resender

	heard    map[uint64]time.Time // by the daemon, of one talk
	requests repair.Requester
	unwrap   wire.Unwrapper
}

type flight struct {
	at    time.Time
	up    bool
	bytes []byte
}

type sentAudio struct {
	at    time.Time
	bytes []byte
}

// trial is a talk over a lossy path. The announcement of its start is lost in a black-out only: how messages get through loss is the stream's
// matter.
type trial struct {
	seed       uint64
	loss       float64
	frames     int
	from, dark time.Duration // a black-out: when, after the talk began, and how long
}

// start begins a trial when the round-trip time is known.
func (x trial) start(r *rig) *lossy {
	l := &lossy{
		rig: r, random: rand.New(rand.NewPCG(x.seed, 1)), loss: x.loss, lossAt: r.now.Add(time.Hour),
		sent: make(map[uint64]sentAudio), heard: make(map[uint64]time.Time),
	}
	l.warmUp()
	l.lossAt = l.now.Add(100 * time.Millisecond)
	l.from = l.now.Add(x.from)
	l.to = l.from.Add(x.dark)
	return l
}

// fly sends a datagram on its way, or loses it.
func (l *lossy) fly(up bool, b []byte) {
	lost := l.random.Float64() < l.loss && l.now.After(l.lossAt)
	delay := 20*time.Millisecond + time.Duration(l.random.Int64N(int64(20*time.Millisecond)))
	if dark := !l.now.Before(l.from) && l.now.Before(l.to); !dark && !lost {
		l.flying = append(l.flying, flight{l.now.Add(delay), up, b})
	}
}

const lossyStep = 5 * time.Millisecond

// step lets 5 ms pass on both ends.
func (l *lossy) step() {
	l.now = l.now.Add(lossyStep)
	still := l.flying[:0]
	for _, f := range l.flying {
		switch {
		case f.at.After(l.now):
			still = append(still, f)
		case f.up:
			l.d.take(l.t, l.now, f.bytes)
		default:
			l.e.receive(l.now, f.bytes, l.now)
		}
	}
	l.flying = still
	l.d.stream.Advance(l.now)
	l.answer()
	for b, kind, number := l.d.stream.AppendPacket(l.now, nil); kind != stream.None; b, kind, number = l.d.stream.AppendPacket(l.now, nil) {
		l.down(kind == stream.RTP, b, number)
	}
	l.e.advance(l.now)
	l.e.s.flush(l.now)
	for _, b := range l.up {
		l.fly(true, b)
	}
	l.up = nil
}

func (l *lossy) down(isRTP bool, b []byte, index uint64) {
	l.t.Helper()
	sealed, err := l.d.tx.SealRTCP(nil, b)
	if isRTP {
		sealed, err = l.d.tx.SealRTP(nil, b, index)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	l.fly(false, sealed)
}

// announce queues a message of the daemon.
func (l *lossy) announce(m *wire.Message) {
	b, err := encodeMessage(m)
	if err == nil {
		err = l.d.stream.Send(b)
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// play sends an audio packet of the daemon for the first time.
func (l *lossy) play(seq uint64, sample int16) {
	p := rtp.Packet{Payload: tone10(sample), Header: rtp.Header{
		Version: 2, PayloadType: wire.PayloadL16, SequenceNumber: uint16(seq), Timestamp: uint32(seq) * frame10, SSRC: testSSRC,
	}}
	b, err := p.Marshal()
	if err != nil {
		l.t.Fatal(err)
	}
	l.sent[seq] = sentAudio{l.now, b}
	l.resends.Sent()
	l.down(true, b, seq)
}

// answer resends what the hearer asks for, as long as it can be of use.
func (l *lossy) answer() {
	for _, p := range l.d.rtcp {
		nack, ok := p.(*rtcp.TransportLayerNack)
		if !ok {
			continue
		}
		for i := range nack.Nacks {
			for _, seq := range nack.Nacks[i].PacketList() {
				a, ok := l.sent[uint64(seq)]
				if ok && l.now.Sub(a.at) < 1500*time.Millisecond && l.resends.Allow(uint64(seq)) {
					l.down(true, a.bytes, uint64(seq))
				}
			}
		}
	}
	l.d.rtcp = nil
}

// warmUp exchanges some messages, so that both ends know the round-trip time.
func (l *lossy) warmUp() {
	for range 5 {
		l.e.send(l.now, wire.Encode(&wire.Message_Ping{Ping: new(wire.Ping)}))
		l.announce(&wire.Message{Kind: &wire.Message_Ping{Ping: new(wire.Ping)}})
		for range 40 {
			l.step()
		}
	}
	l.d.messages = nil
}

// hear plays a talk in packets of 10 ms to a hearer in a room with 2 s delay, and tells how many were not there in time.
// The daemon sends a packet half a second after it came, 1.5 s before it is due.
func (x trial) hear(t *testing.T) *Talking {
	t.Helper()
	r, h := hearRig(t, HearOptions{}, Config{})
	l := x.start(r)
	start := l.now
	l.announce(&wire.Message{Kind: &wire.Message_TalkStart{TalkStart: &wire.TalkStart{
		Room: "lobby", Ssrc: testSSRC, PayloadType: wire.PayloadL16, FirstSeq: 7, Nick: "bob", Fingerprint: make([]byte, len(secure.Fingerprint{})),
		FirstTimestamp: 7 * frame10,
	}}})
	length := time.Duration(x.frames) * 10 * time.Millisecond
	out, next := make([]int16, frame10/2), uint64(0)
	var end *Talking
	for l.now.Before(start.Add(length + 5*time.Second)) {
		l.step()
		for next < uint64(x.frames) && !l.now.Before(start.Add(500*time.Millisecond+time.Duration(next)*10*time.Millisecond)) {
			l.play(7+next, 1)
			next++
		}
		if l.now.Sub(start) == length {
			l.announce(&wire.Message{Kind: &wire.Message_TalkEnd{TalkEnd: &wire.TalkEnd{
				Room: "lobby", Ssrc: testSSRC, LastSeq: uint32(6 + x.frames), DurationMs: uint32(length.Milliseconds()),
			}}})
		}
		h.read(l.now, out)
		l.e.takeHeard()
		for len(l.e.events) > 0 {
			if ev, ok := l.e.events[0].Event.(*Talking); ok && !ev.Start {
				end = ev
			}
			l.e.delivered()
		}
	}
	if end == nil { // nothing of it was heard
		end = &Talking{Lost: x.frames}
	}
	return end
}

// talk sends a talk in packets, one every 20 ms, to a daemon that asks for what is missing, and tells how many were not there within limit.
func (x trial) talk(t *testing.T, limit time.Duration) (lost int) {
	t.Helper()
	const every = 20 * time.Millisecond
	r, talk := talkRig(t, Config{Nick: "alice"})
	l := x.start(r)
	start := l.now
	written := map[uint64]time.Time{}
	next, ended := 0, false
	for l.now.Before(start.Add(time.Duration(x.frames)*every + 3*time.Second)) {
		l.step()
		for next < x.frames && !l.now.Before(start.Add(time.Duration(next)*every)) {
			written[talk.out.next] = l.now
			l.write(talk, 1)
			talk.skip(frame10)
			next++
		}
		if next == x.frames && !ended {
			ended = true
			talk.out.end(l.now, l.e, talk.length())
		}
		l.hearTalk()
	}
	for seq, at := range written {
		if got, ok := l.heard[seq]; !ok || got.Sub(at) > limit {
			lost++
		}
	}
	return lost
}

// hearTalk is the daemon's receiving end of a talk: it notes what came and asks for what is missing.
func (l *lossy) hearTalk() {
	for _, m := range l.d.messages {
		switch k := m.GetKind().(type) {
		case *wire.Message_TalkStart:
			seq, _ := l.unwrap.Unwrap(uint16(k.TalkStart.GetFirstSeq()))
			l.requests.Start(l.now, seq)
		case *wire.Message_TalkEnd:
			seq, _ := l.unwrap.Unwrap(uint16(k.TalkEnd.GetLastSeq()))
			l.requests.Through(l.now, seq)
		}
	}
	l.d.messages = nil
	for _, p := range l.d.audio {
		seq, _ := l.unwrap.Unwrap(p.SequenceNumber)
		l.requests.Received(l.now, seq)
		if _, before := l.heard[seq]; !before {
			l.heard[seq] = l.now
		}
	}
	l.d.audio, l.d.raw = l.d.audio[:0], l.d.raw[:0]
	rtt, _ := l.d.stream.RTT()
	if lost := l.requests.Missing(l.now, rtt, nil); len(lost) > 0 {
		b, err := wire.AppendNack(nil, wire.SSRCDaemon, testSSRC, lost)
		if err != nil {
			l.t.Fatal(err)
		}
		l.down(false, b, 0)
	}
}

// Most of what is lost on one hop is repaired in time, in a room with a delay of 2 s: within 1.5 s, so that the other hop has time, too.
func TestRepairUnderLoss(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for _, tt := range []struct{ loss, bar float64 }{{0, 0}, {0.2, 0.001}, {0.4, 0.005}} {
		x := trial{seed: seed, loss: tt.loss, frames: 6000} // a minute
		lost := x.hear(t).Lost
		t.Logf("hop to the hearer, %.0f %% loss: %d of %d frames lost", 100*x.loss, lost, x.frames)
		if float64(lost) > tt.bar*float64(x.frames) {
			t.Errorf("over %.1f %%", 100*tt.bar)
		}
		x.frames = 3000
		lost = x.talk(t, 1500*time.Millisecond)
		t.Logf("hop from the talker, %.0f %% loss: %d of %d frames lost", 100*x.loss, lost, x.frames)
		if float64(lost) > tt.bar*float64(x.frames) {
			t.Errorf("over %.1f %%", 100*tt.bar)
		}
	}
}

// A second without network leaves no hole, wherever in a talk it comes: at its beginning and its end, too, when the messages are lost
// that tell of them. What comes to the daemon before it is due is forwarded at once.
func TestABlackOutLeavesNoHole(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for from := -time.Second; from <= 3*time.Second; from += 100 * time.Millisecond {
		x := trial{seed: seed, frames: 200, from: from, dark: time.Second}
		if end := x.hear(t); end.Lost != 0 || end.Packets != x.frames {
			t.Errorf("hop to the hearer, from %v on: %d frames lost, %d came", from, end.Lost, end.Packets)
		}
		x.frames = 100
		if lost := x.talk(t, 1900*time.Millisecond); lost != 0 {
			t.Errorf("hop from the talker, from %v on: %d frames lost", from, lost)
		}
	}
}

// One packet is a talk as well, and its loss shows at both ends.
func TestTheOnlyPacketIsRepaired(t *testing.T) {
	r, h := hearRig(t, HearOptions{}, Config{})
	r.say(talkStart(testSSRC, secure.Fingerprint{}, 9), talkEnd(testSSRC, 9))
	r.listen(h, 650*time.Millisecond)
	if got := r.nacked(testSSRC); len(got) == 0 || got[0] != 9 {
		t.Fatalf("asked for %v", got)
	}
	r.sound(testSSRC, 9, 1000, tone10(1))
	r.listen(h, 2*time.Second)
	event[*Talking](r)
	if end := event[*Talking](r); end.Lost != 0 || end.Packets != 1 {
		t.Errorf("%+v", end)
	}

	r, talk := talkRig(t, Config{Nick: "alice"})
	r.write(talk, 1)
	r.up = nil // it is lost
	talk.out.end(r.now, r.e, talk.length())
	if r.pass(tailEvery - lossyStep); len(r.d.audio) != 0 {
		t.Error("it goes again at once")
	}
	if r.pass(lossyStep); len(r.d.audio) != 1 {
		t.Errorf("it came %d times", len(r.d.audio))
	}
	r.say(&wire.Message{Kind: &wire.Message_TalkReport{TalkReport: &wire.TalkReport{Room: "lobby", Ssrc: testSSRC, Received: 1}}})
	if len(r.e.talks) != 0 {
		t.Error("the talk is not over with the report")
	}
}

// In a pause the hearer asks for what should have come, in steps, and for no more than what is of use and has an end.
func TestOverduePacketsAreAskedFor(t *testing.T) {
	const ms = time.Millisecond
	steps := func(r *rig, h *Hearing) (all [][2]uint16) {
		for range 400 {
			r.listen(h, 10*ms)
			if got := r.nacked(testSSRC); len(got) > 0 {
				all = append(all, [2]uint16{got[0], got[len(got)-1]})
			}
		}
		return all
	}
	r, h := hearRig(t, HearOptions{}, Config{})
	r.say(talkStart(testSSRC, secure.Fingerprint{}, 9))
	r.sound(testSSRC, 9, 1000, tone10(1))
	want := [][2]uint16{{10, 34}, {10, 59}, {10, 84}, {10, 109}, {10, 134}, {10, 159}, {35, 184}, {60, 209}}
	if d := cmp.Diff(want, steps(r, h)); d != "" {
		t.Error(d)
	}

	r, h = leadRig(t, 60*time.Millisecond, HearOptions{}, Config{})
	r.say(talkStart(testSSRC, secure.Fingerprint{}, 9))
	r.sound(testSSRC, 9, 1000, tone10(1))
	if got := steps(r, h); len(got) == 0 || got[0] != [2]uint16{29, 34} {
		t.Errorf("with 60 ms of depth: %v", got)
	}

	r, h = hearRig(t, HearOptions{}, Config{})
	r.say(talkStart(testSSRC, secure.Fingerprint{}, 9))
	r.sound(testSSRC, 9, 1000, tone10(1))
	r.say(talkEnd(testSSRC, 48))
	for _, step := range steps(r, h)[1:] {
		if step[1] > 48 {
			t.Errorf("asked for %v after the end at 48", step)
		}
	}
}
