package peer

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"yodel/peer/audio"
	"yodel/wire"
	"yodel/wire/secure"
)

// opusSilence is an Opus packet of 20 ms (RFC 6716, 3.1: CELT, mono, one frame) that every decoder takes.
var opusSilence = []byte{0xf8, 0xff, 0xfe}

// liveRoom is a talk in a live room without repair: the talker's packets go over two hops that lose some, and the reports of both ends come back
// as a daemon passes them on.
type liveRoom struct {
	random *rand.Rand
	loss   float64 // of each hop
	talker *rig
	talk   *Talk
	hearer *rig
	h      *Hearing
	up     wire.Reception
	unwrap wire.Unwrapper
	frames int
	copied int // packets that carried copies
	sizes  map[int]int
}

func newLiveRoom(t *testing.T, seed uint64, loss float64) *liveRoom {
	t.Helper()
	r := newRig(t, Config{Nick: "alice"})
	r.welcome()
	r.joinQuick("lobby", 0)
	l := &liveRoom{random: rand.New(rand.NewPCG(seed, 2)), loss: loss, talker: r, up: wire.Reception{Clock: 48000}, sizes: make(map[int]int)}
	enc, err := audio.NewEncoder(audio.L16)
	if err != nil {
		t.Fatal(err)
	}
	l.talk = newTalk(r.client, "lobby", enc)
	l.talk.codec = audio.Opus // the frames are there; a build without libopus could not make them
	r.e.talks = append(r.e.talks, l.talk.out)
	if err := l.talk.out.grant(r.e, testSSRC); err != nil {
		t.Fatal(err)
	}
	r.d.rx.Allow(testSSRC)
	l.hearer, l.h = leadRig(t, 0, HearOptions{Latency: 100 * time.Millisecond}, Config{})
	start := talkStart(testSSRC, secure.Fingerprint{}, uint32(l.talk.out.first))
	start.GetTalkStart().PayloadType, start.GetTalkStart().FirstTimestamp = wire.PayloadOpus, l.talk.out.baseTS
	l.hearer.say(start)
	return l
}

// say sends frames, one each 20 ms.
func (l *liveRoom) say(frames int) {
	for range frames {
		l.talker.pass(20 * time.Millisecond)
		l.talker.e.frame(l.talker.now, l.talk.next(opusSilence))
		l.talker.run()
		for i := range l.talker.d.audio {
			l.pass(&l.talker.d.audio[i])
		}
		l.talker.d.audio, l.talker.d.raw = l.talker.d.audio[:0], l.talker.d.raw[:0]
		l.hearer.listen(l.h, 20*time.Millisecond)
		if l.frames++; l.frames == 50 || l.frames%250 == 100 {
			l.talker.control(&rtcp.ReceiverReport{SSRC: wire.SSRCDaemon, Reports: []rtcp.ReceptionReport{l.up.Block(l.talker.now, testSSRC)}})
		}
		l.tellLoss()
	}
}

// pass takes a packet over both hops, or loses it.
func (l *liveRoom) pass(p *rtp.Packet) {
	if p.PayloadType == wire.PayloadRED {
		l.copied++
	}
	l.sizes[len(p.Payload)]++
	seq, ok := l.unwrap.Unwrap(p.SequenceNumber)
	if !ok || l.random.Float64() < l.loss {
		return
	}
	l.up.Received(seq, p.Timestamp, l.talker.now)
	if l.random.Float64() < l.loss {
		return
	}
	b, err := p.Marshal()
	if err == nil {
		b, err = l.hearer.d.tx.SealRTP(nil, b, seq)
	}
	if err != nil {
		l.talker.t.Fatal(err)
	}
	l.hearer.e.receive(l.hearer.now, b, l.hearer.now)
}

// tellLoss gives the talker what the hearer reports.
func (l *liveRoom) tellLoss() {
	for _, p := range l.hearer.d.rtcp {
		rr, ok := p.(*rtcp.ReceiverReport)
		if !ok {
			continue // what is asked for does not come
		}
		for _, b := range rr.Reports {
			l.talker.say(&wire.Message{Kind: &wire.Message_TalkLoss{TalkLoss: &wire.TalkLoss{
				Room: "lobby", Ssrc: b.SSRC, FractionLost: uint32(b.FractionLost),
			}}})
		}
	}
	l.hearer.d.rtcp = nil
}

// end tells how many of the talk's frames came, first-hand or as copies.
func (l *liveRoom) end() (came int) {
	l.hearer.say(talkEnd(testSSRC, uint32(uint16(l.talk.out.next-1))))
	l.hearer.listen(l.h, 3*time.Second)
	event[*Talking](l.hearer)
	return event[*Talking](l.hearer).Packets
}

// Copies bring most of what two bad hops lose, and begin within seconds.
func TestCopiesInALiveRoom(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	const frames = 3000 // a minute
	for _, tt := range []struct{ loss, bar float64 }{{0.05, 0.006}, {0.1, 0.02}} {
		l := newLiveRoom(t, seed, tt.loss)
		l.say(frames)
		came := l.end()
		t.Logf("%.0f %% loss each hop: %d of %d frames did not come; %d packets carried copies", 100*tt.loss, frames-came, frames, l.copied)
		if lost := frames - came; float64(lost) > tt.bar*frames {
			t.Errorf("over %.1f %%", 100*tt.bar)
		}
	}
}

// On a clean path copies end with the first reports of both hops.
func TestNoCopiesOnACleanPath(t *testing.T) {
	l := newLiveRoom(t, 1, 0)
	l.say(150)
	if l.copied == 0 || l.copied > 105 {
		t.Errorf("%d of the first 150 packets carried copies", l.copied)
	}
	copied := l.copied
	l.say(500)
	if came := l.end(); came != 650 || l.copied != copied || len(l.sizes) > 3 {
		t.Errorf("%d of 650 frames came; %d packets with copies after 3 s; sizes %v", came, l.copied-copied, l.sizes)
	}
}

// The first packets of a talkspurt may carry copies of what was said in the session before: those are not the talkspurt's.
func TestCopiesFromBeforeTheTalkspurtAreLeftOut(t *testing.T) {
	l := newLiveRoom(t, 1, 0)
	l.talk.copies.Store(2)
	for range 2 {
		l.talk.give(l.talk.next(opusSilence)) // no session takes it
	}
	l.say(1)
	if came := l.end(); came != 1 || l.copied != 1 {
		t.Errorf("%d frames of one came; %d packets with copies", came, l.copied)
	}
}

// Garbage in the place of copies is no packet.
func TestMalformedCopiesAreDropped(t *testing.T) {
	l := newLiveRoom(t, 1, 0)
	for i, payload := range [][]byte{{}, {0xef, 0, 0}, {wire.PayloadPCMU, 1}, append([]byte{wire.PayloadOpus}, opusSilence...)} {
		p := rtp.Packet{Payload: payload, Header: rtp.Header{
			Version: 2, PayloadType: wire.PayloadRED, SequenceNumber: uint16(l.talk.out.first) + uint16(i), Timestamp: l.talk.out.baseTS, SSRC: testSSRC,
		}}
		l.pass(&p)
	}
	if got := l.h.Stats().Received; got != 1 {
		t.Errorf("%d packets were taken, want the last one", got)
	}
}
