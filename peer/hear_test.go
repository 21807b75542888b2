package peer

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"

	"yodel/peer/audio"
	"yodel/wire"
	"yodel/wire/secure"
)

const frame10 = 480 // samples of an L16 packet

// tone10 is an L16 packet of one value.
func tone10(v int16) []byte {
	b := make([]byte, 0, 2*frame10)
	for range frame10 {
		b = append(b, byte(uint16(v)>>8), byte(v))
	}
	return b
}

// hearRig is a rig with a hearing in a room of 2 s delay and 1.5 s lead.
func hearRig(t *testing.T, o HearOptions, cfg Config) (*rig, *Hearing) {
	return leadRig(t, 1500*time.Millisecond, o, cfg)
}

// leadRig is a rig with a hearing in a room of 2 s delay and a lead.
func leadRig(t *testing.T, lead time.Duration, o HearOptions, cfg Config) (*rig, *Hearing) {
	cfg.Nick = "alice"
	r := newRig(t, cfg)
	r.welcome()
	o.Room = "lobby"
	h := newHearing(o, r.client.nudge)
	r.join(JoinOptions{Room: "lobby", Hear: true}, h, &wire.Joined{LogId: logA, DelayMs: 2000, LeadMs: uint32(lead.Milliseconds())})
	return r, h
}

func talkStart(ssrc uint32, fp secure.Fingerprint, firstSeq uint32) *wire.Message {
	return &wire.Message{Kind: &wire.Message_TalkStart{TalkStart: &wire.TalkStart{
		Room: "lobby", Ssrc: ssrc, PayloadType: wire.PayloadL16, FirstSeq: firstSeq, Nick: "bob", Fingerprint: fp[:], FirstTimestamp: 1000,
	}}}
}

func talkEnd(ssrc, lastSeq uint32) *wire.Message {
	return &wire.Message{Kind: &wire.Message_TalkEnd{TalkEnd: &wire.TalkEnd{
		Room: "lobby", Ssrc: ssrc, LastSeq: lastSeq, DurationMs: 1234,
	}}}
}

// listen lets time pass and reads what is heard meanwhile.
func (r *rig) listen(h *Hearing, d time.Duration) []int16 {
	var heard []int16
	frame := make([]int16, frame10)
	for end := r.now.Add(d); r.now.Before(end); {
		r.pass(10 * time.Millisecond)
		h.read(r.now, frame)
		heard = append(heard, frame...)
	}
	return heard
}

// firstOf is the index of the first sample with that value.
func firstOf(samples []int16, v int16) int {
	for i, s := range samples {
		if s == v {
			return i
		}
	}
	return -1
}

func (r *rig) nacked(ssrc uint32) []uint16 {
	var seqs []uint16
	for _, p := range r.d.rtcp {
		if n, ok := p.(*rtcp.TransportLayerNack); ok && n.MediaSSRC == ssrc && n.SenderSSRC == wire.SSRCPeer {
			for i := range n.Nacks {
				seqs = append(seqs, n.Nacks[i].PacketList()...)
			}
		}
	}
	r.d.rtcp = nil
	return seqs
}

func TestHearingPlaysALeadAfterArrival(t *testing.T) {
	r, h := hearRig(t, HearOptions{}, Config{})
	if !h.Start().Equal(t0) {
		t.Errorf("start %v", h.Start())
	}
	r.say(talkStart(testSSRC, secure.Fingerprint{7}, 5))
	heard := r.listen(h, 500*time.Millisecond)
	for i := range uint64(10) {
		r.sound(testSSRC, 5+i, 1000+uint32(i)*frame10, tone10(int16(100+i)))
		heard = append(heard, r.listen(h, 10*time.Millisecond)...)
	}
	r.say(talkEnd(testSSRC, 14))
	heard = append(heard, r.listen(h, 2*time.Second)...)
	at := int64(500+1500) * 48
	for i := range int64(10) {
		if got := int64(firstOf(heard, int16(100+i))); got != at+i*frame10 {
			t.Errorf("packet %d is heard at %d, want %d", i, got, at+i*frame10)
		}
	}
	start, end := event[*Talking](r), event[*Talking](r)
	want := Talking{Room: "lobby", Nick: "bob", Fingerprint: secure.Fingerprint{7}, SSRC: testSSRC, Start: true, Latency: 1500 * time.Millisecond}
	if d := cmp.Diff(want, *start); d != "" {
		t.Error(d)
	}
	want.Start, want.Duration, want.Packets = false, 100*time.Millisecond, 10
	if d := cmp.Diff(want, *end); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(HearStats{Received: 10, Talks: 1}, h.Stats()); d != "" {
		t.Error(d)
	}
	r.noEvent()
	if h.Position() != int64(len(heard)) {
		t.Errorf("position %d after %d samples", h.Position(), len(heard))
	}
}

func TestPacketsBeforeTheirAnnouncementAreHeld(t *testing.T) {
	r, h := hearRig(t, HearOptions{}, Config{})
	for i := range uint64(maxHeldPackets + 16) {
		r.sound(testSSRC, i, uint32(i)*frame10, tone10(int16(1+i)))
	}
	if len(r.e.s.held) != maxHeldPackets {
		t.Errorf("%d packets held, want %d", len(r.e.s.held), maxHeldPackets)
	}
	r.say(talkStart(testSSRC, secure.Fingerprint{}, 16), talkEnd(testSSRC, maxHeldPackets+15))
	heard := r.listen(h, 4*time.Second)
	for i := 16; i < maxHeldPackets+16; i++ {
		if firstOf(heard, int16(1+i)) < 0 {
			t.Fatalf("packet %d is not heard", i)
		}
	}
	if len(r.e.s.held) != 0 {
		t.Errorf("%d packets are still held", len(r.e.s.held))
	}
}

func TestLostPacketsAreAskedFor(t *testing.T) {
	r, h := hearRig(t, HearOptions{}, Config{})
	r.say(talkStart(testSSRC, secure.Fingerprint{}, 10))
	r.listen(h, 500*time.Millisecond)
	if got := r.nacked(testSSRC); len(got) != 0 {
		t.Errorf("asked for %v before anything was sent", got)
	}
	for i := uint64(11); i < 20; i++ { // the first is lost, and one in the middle
		if i != 15 {
			r.sound(testSSRC, i, 1000+uint32(i-10)*frame10, tone10(1))
		}
		r.listen(h, 10*time.Millisecond)
	}
	r.say(&wire.Message{Kind: &wire.Message_TalkEnd{TalkEnd: &wire.TalkEnd{
		Room: "lobby", Ssrc: testSSRC, LastSeq: 21, DurationMs: 120,
	}}}) // two more are lost at the end
	r.listen(h, 50*time.Millisecond)
	got := map[uint16]bool{}
	for _, seq := range r.nacked(testSSRC) {
		got[seq] = true
	}
	if d := cmp.Diff(map[uint16]bool{10: true, 15: true}, got); d != "" {
		t.Errorf("asked for: (-want +got)\n%s", d)
	}
	r.listen(h, 200*time.Millisecond)
	for _, seq := range r.nacked(testSSRC) {
		got[seq] = true
	}
	if d := cmp.Diff(map[uint16]bool{10: true, 15: true, 20: true, 21: true}, got); d != "" {
		t.Errorf("at the end asked for: (-want +got)\n%s", d)
	}
	for _, i := range []uint64{10, 15, 20, 21} {
		r.sound(testSSRC, i, 1000+uint32(i-10)*frame10, tone10(1))
	}
	r.listen(h, 4*time.Second)
	if got := r.nacked(testSSRC); len(got) != 0 {
		t.Errorf("asked for %v after all came", got)
	}
	if st := h.Stats(); st.Lost != 0 || st.Talks != 1 {
		t.Errorf("%+v", st)
	}
	if len(r.e.s.streams) != 0 {
		t.Error("the stream is not forgotten")
	}
}

func TestWhatIsPastIsNotAskedFor(t *testing.T) {
	r, h := leadRig(t, 60*time.Millisecond, HearOptions{}, Config{})
	r.say(talkStart(testSSRC, secure.Fingerprint{}, 0))
	for i := range uint64(200) {
		if i != 5 {
			r.sound(testSSRC, i, uint32(i)*frame10, tone10(1))
		}
		r.listen(h, 10*time.Millisecond)
	}
	if got := r.nacked(testSSRC); len(got) != 1 || got[0] != 5 {
		t.Errorf("asked for %v, want 5 once: 60 ms are over before it is time to ask again", got)
	}
}

func TestOwnVoiceIsLeftOut(t *testing.T) {
	id := mustIdentity(t)
	r, h := hearRig(t, HearOptions{NoSelf: true}, Config{Identity: id})
	r.say(talkStart(testSSRC, id.Fingerprint(), 0), talkEnd(testSSRC, 9))
	for i := range uint64(10) {
		r.sound(testSSRC, i, uint32(i)*frame10, tone10(1))
	}
	if heard := r.listen(h, 2*time.Second); firstOf(heard, 1) >= 0 {
		t.Error("one's own voice is heard")
	}
	if len(r.e.s.held) != 0 {
		t.Errorf("%d packets are held for nothing", len(r.e.s.held))
	}
	r.noEvent()
}

func TestTalksUnderWayAreHeardFromWhereTheyAre(t *testing.T) {
	cfg := Config{Nick: "alice"}
	r := newRig(t, cfg)
	r.welcome()
	h := newHearing(HearOptions{Room: "lobby"}, r.client.nudge)
	r.join(JoinOptions{Room: "lobby", Hear: true}, h, &wire.Joined{
		LogId: logA, DelayMs: 2000, LeadMs: 1500,
		Talking: []*wire.TalkStart{talkStart(testSSRC, secure.Fingerprint{}, 100).GetTalkStart()},
	})
	r.listen(h, time.Second)
	r.sound(testSSRC, 101, 101*frame10, tone10(7))
	heard := r.listen(h, 2*time.Second)
	if firstOf(heard, 7) < 0 {
		t.Error("not heard")
	}
	if got := r.nacked(testSSRC); len(got) == 0 || got[0] != 100 {
		t.Errorf("asked for %v, want 100", got)
	}
}

func TestTimelineGoesOnOverSessions(t *testing.T) {
	r, h := hearRig(t, HearOptions{}, Config{Reconnect: true})
	r.say(talkStart(testSSRC, secure.Fingerprint{}, 0))
	for i := range uint64(20) {
		r.sound(testSSRC, i, uint32(i)*frame10, tone10(11))
		r.listen(h, 10*time.Millisecond)
	}
	r.welcome() // the daemon was started again, and gives the same SSRC to somebody else
	r.say(joinedAnswer(take[*wire.Message_Join](r), &wire.Joined{LogId: logA, DelayMs: 2000, LeadMs: 1500}),
		talkStart(testSSRC, secure.Fingerprint{}, 500))
	for i := range uint64(20) {
		r.sound(testSSRC, 500+i, 99999+uint32(i)*frame10, tone10(22))
		r.listen(h, 10*time.Millisecond)
	}
	r.say(talkEnd(testSSRC, 519))
	from := h.Position()
	heard := r.listen(h, 3*time.Second)
	if first, second := from+int64(firstOf(heard, 11)), from+int64(firstOf(heard, 22)); first != 1500*48 || second != 1700*48 {
		t.Errorf("the first is heard at %d, the second at %d", first, second)
	}
	if !h.Start().Equal(t0) {
		t.Error("sample 0 has moved")
	}
}

func TestTalksAreAnnouncedWithoutAHearing(t *testing.T) {
	r := newRig(t, Config{Nick: "alice"})
	r.welcome()
	r.join(JoinOptions{Room: "lobby"}, nil, &wire.Joined{LogId: logA})
	r.say(talkStart(testSSRC, r.e.own, 0), talkEnd(testSSRC, 9), talkEnd(testSSRC, 9))
	start, end := event[*Talking](r), event[*Talking](r)
	if !start.Start || end.Start || end.Duration != 1234*time.Millisecond || end.Nick != "bob" || !end.Self {
		t.Errorf("%+v %+v", start, end)
	}
	r.noEvent()
}

func TestRoomChangeHoldsForWhatComesAfter(t *testing.T) {
	r, h := hearRig(t, HearOptions{}, Config{})
	r.say(&wire.Message{Kind: &wire.Message_RoomInfo{RoomInfo: &wire.RoomInfo{Room: "lobby", DelayMs: 400, LeadMs: 300}}},
		&wire.Message{Kind: &wire.Message_RoomInfo{RoomInfo: &wire.RoomInfo{Room: "elsewhere"}}})
	if ev := event[*RoomChanged](r); ev.Delay != 400*time.Millisecond || ev.Lead != 300*time.Millisecond {
		t.Errorf("%+v", ev)
	}
	r.noEvent()
	r.say(talkStart(testSSRC, secure.Fingerprint{}, 0))
	r.sound(testSSRC, 0, 0, tone10(5))
	if got := firstOf(r.listen(h, time.Second), 5); got != 300*48 {
		t.Errorf("heard at %d, want %d", got, 300*48)
	}
}

func TestReportsTellLossAndJitter(t *testing.T) {
	r, h := hearRig(t, HearOptions{}, Config{})
	r.say(talkStart(testSSRC, secure.Fingerprint{}, 0))
	for i := range uint64(660) {
		if i%4 != 3 {
			r.sound(testSSRC, i, uint32(i)*frame10, tone10(1))
		}
		r.listen(h, 10*time.Millisecond)
	}
	var blocks []rtcp.ReceptionReport
	for _, p := range r.d.rtcp {
		if rr, ok := p.(*rtcp.ReceiverReport); ok {
			blocks = append(blocks, rr.Reports...)
		}
	}
	if len(blocks) != 2 {
		t.Fatalf("%d report blocks in 6.6 s, want 2: about 1 s after the beginning, and 5 s after that", len(blocks))
	}
	first, b := blocks[0], blocks[1]
	if n := first.LastSequenceNumber; n < 45 || n > 155 || first.FractionLost < 56 || first.FractionLost > 70 {
		t.Errorf("the first: %+v", first)
	}
	if b.SSRC != testSSRC || b.FractionLost < 60 || b.FractionLost > 66 || b.TotalLost < 135 || b.TotalLost > 165 || b.Jitter > 480 {
		t.Errorf("%+v", b)
	}
}

// In a room with a delay of a minute, hundreds of talks are announced before the first is heard: all have their place.
func TestManyTalksWaitToBeHeard(t *testing.T) {
	r, h := hearRig(t, HearOptions{}, Config{})
	const talks = 600
	r.say(&wire.Message{Kind: &wire.Message_RoomInfo{RoomInfo: &wire.RoomInfo{Room: "lobby", DelayMs: 60_000, LeadMs: 1500}}})
	for i := range uint32(talks) {
		r.say(talkStart(testSSRC+i, secure.Fingerprint{}, 0), talkEnd(testSSRC+i, 0))
	}
	for i := range uint32(talks) {
		r.sound(testSSRC+i, 0, 0, tone10(1))
		h.read(r.now, make([]int16, 4*frame10))
		r.now = r.now.Add(40 * time.Millisecond)
	}
	h.read(r.now, make([]int16, 2*audio.SampleRate))
	if st := h.Stats(); st.Received != talks || st.Talks != talks || st.Lost != 0 {
		t.Errorf("%+v, want %d talks", st, talks)
	}
}

// A talk of which no packet ever comes is forgotten, without an event.
func TestTalksThatAreNeverHeardAreForgotten(t *testing.T) {
	r, h := hearRig(t, HearOptions{}, Config{})
	for i := range uint32(5) {
		r.say(talkStart(testSSRC+i, secure.Fingerprint{}, 0), talkEnd(testSSRC+i, 9))
	}
	if len(h.talks) != 5 {
		t.Fatalf("%d talks, want 5", len(h.talks))
	}
	second := make([]int16, audio.SampleRate)
	for range 72 {
		r.now = r.now.Add(time.Second)
		h.read(r.now, second)
	}
	if len(h.talks) != 0 {
		t.Errorf("%d talks are still known", len(h.talks))
	}
	r.e.takeHeard()
	if len(r.e.events) != 0 {
		t.Errorf("%+v", r.e.events[0])
	}
}

func TestReceivingAudioDoesNotAllocate(t *testing.T) {
	r, h := leadRig(t, 20*time.Millisecond, HearOptions{}, Config{})
	r.say(talkStart(testSSRC, secure.Fingerprint{}, 0))
	in := r.e.s.streams[testSSRC]
	header := r.e.s.header
	header.PayloadType = wire.PayloadL16
	payload, out := tone10(3), make([]int16, frame10)
	one := func() {
		r.now = r.now.Add(10 * time.Millisecond)
		in.packet(r.now, r.now, &header, payload)
		header.SequenceNumber++
		header.Timestamp += frame10
		r.e.advance(r.now)
		r.e.s.flush(r.now)
		h.read(r.now, out)
	}
	for range 400 {
		one()
	}
	if n := testing.AllocsPerRun(1000, one); n > 0.5 {
		t.Errorf("%v allocations a packet", n)
	}
}

// In a live room the depth is what was asked for, or else begins with 50 ms and grows when packets come later than that.
func TestALiveRoomHasTheLatencyThatIsAskedForOrNeeded(t *testing.T) {
	for name, c := range map[string]struct {
		asked, want, atLast time.Duration
	}{
		"adaptive": {0, 50 * time.Millisecond, 120 * time.Millisecond},
		"20 ms":    {20 * time.Millisecond, 20 * time.Millisecond, 20 * time.Millisecond},
		"500 ms":   {500 * time.Millisecond, 500 * time.Millisecond, 500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			r, h := leadRig(t, 0, HearOptions{Latency: c.asked}, Config{})
			r.say(talkStart(testSSRC, secure.Fingerprint{}, 0))
			in := r.e.s.streams[testSSRC]
			if in.depth != c.want {
				t.Errorf("before the first packet %v is said", in.depth)
			}
			var heard []int16
			for i := range uint64(50) {
				r.sound(testSSRC, i, uint32(i)*frame10, tone10(int16(1000+i)))
				heard = append(heard, r.listen(h, 10*time.Millisecond)...)
			}
			heard = append(heard, r.listen(h, 120*time.Millisecond)...) // nothing comes
			if at := firstOf(heard, 1000); at != int(c.want.Milliseconds())*48 {
				t.Errorf("heard at %d", at)
			}
			for i := uint64(50); i < 100; i++ {
				r.sound(testSSRC, i, uint32(i)*frame10, tone10(1))
				r.listen(h, 10*time.Millisecond)
			}
			voices := h.Voices(nil)
			if len(voices) != 1 || voices[0].Talk.Nick != "bob" || voices[0].Latency != in.depth || voices[0].Level > -80 {
				t.Fatalf("%+v", voices)
			}
			if got := in.depth; got < c.atLast || got > c.atLast+60*time.Millisecond {
				t.Errorf("at last %v", got)
			}
			r.say(talkEnd(testSSRC, 99))
			r.listen(h, time.Second)
			if ev := event[*Talking](r); !ev.Start || ev.Latency != c.want {
				t.Errorf("%+v", ev)
			}
			if ev := event[*Talking](r); ev.Start || ev.Latency != in.depth {
				t.Errorf("%+v, want %v", ev, in.depth)
			}
		})
	}
}
