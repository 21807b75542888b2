package audio

import (
	"errors"
	"testing"
	"time"
)

func TestTalkersAreMixed(t *testing.T) {
	d := newDesk(t, 20*time.Millisecond)
	for k := range 20 {
		for ssrc := range uint32(3) {
			d.speak(int64(480*k)+int64(ssrc)*100, ssrc, k, uint16(ssrc)*1000, ssrc*77777)
		}
	}
	d.pullTo(48000)
	for pos := 20*ms + 200; pos < 20*ms+20*480; pos++ {
		want := int16(0)
		for ssrc := range 3 {
			want += voice(uint32(ssrc), pos-20*ms-100*ssrc)
		}
		if d.out[pos] != want {
			t.Fatalf("position %d: %d, want %d", pos, d.out[pos], want)
		}
	}
	if d.Playing() != 3 {
		t.Errorf("%d are playing", d.Playing())
	}
}

func TestAPauseInTheTimestampsIsSilence(t *testing.T) {
	d := newDesk(t, 60*time.Millisecond)
	for k := range 10 {
		d.speak(int64(480*k), 1, k, 0, 0)
	}
	const pause = 3 * SampleRate
	for k := 10; k < 20; k++ {
		d.pullTo(480*k + pause)
		d.speak(int64(480*k+pause), 1, k, 0, pause)
	}
	d.End(1, 19)
	d.pullTo(pause + 48000)
	d.wantVoice(1, 60*ms, 0, 10*480)
	d.wantSilence(60*ms+10*480+concealEnd, 60*ms+10*480+pause)
	d.wantVoice(1, 60*ms+pause, 10*480+rejoin, 20*480)
	d.wantStats(1, Stats{Received: 20, Played: 20})
}

func TestTimestampsThatJumpAreAnchoredAnew(t *testing.T) {
	for name, jump := range map[string]uint32{"forward": 1 << 30, "backward": 1<<32 - 1<<30} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, 60*time.Millisecond)
			for k := range 40 {
				ts0 := uint32(0)
				if k >= 20 {
					ts0 = jump
				}
				d.pullTo(480 * k)
				d.speak(int64(480*k), 1, k, 0, ts0)
			}
			d.End(1, 39)
			d.pullTo(48000)
			d.wantVoice(1, 60*ms, 0, 40*480)
			d.wantStats(1, Stats{Received: 40, Played: 40})
		})
	}
}

func TestALongerWayIsFollowedAfterAWhile(t *testing.T) {
	d := newDesk(t, 60*time.Millisecond)
	const longer = 200 * ms
	for k := range 200 {
		at := 480 * k
		if k >= 50 {
			at += longer
		}
		d.pullTo(at)
		d.speak(int64(at), 1, k, 0, 0)
	}
	d.End(1, 199)
	d.pullTo(4 * 48000)
	// 20 packets are late until the anchor moves: 200 ms.
	s, _ := d.Stats(1)
	if s.Late < 15 || s.Late > 25 || s.Lost != s.Late || s.Played != 200-s.Late {
		t.Errorf("%+v", s)
	}
	d.wantVoice(1, 60*ms+longer, 80*480, 200*480)
}

func TestALongLossIsOverWhenItIsOver(t *testing.T) {
	d := newDesk(t, 60*time.Millisecond)
	for k := range 2000 {
		d.pullTo(480 * k)
		if k < 50 || k >= 900 {
			d.speak(int64(480*k), 1, k, 0, 0)
		}
	}
	d.wantVoice(1, 60*ms, 900*480+rejoin, 1990*480)
	if s, _ := d.Stats(1); s.Lost != 850 || s.Late != 0 || len(d.events) != 1 {
		t.Errorf("%+v %+v", s, d.events)
	}
}

func TestTheBufferIsBounded(t *testing.T) {
	d := newDesk(t, 1500*time.Millisecond)
	for k := range 2000 { // 20 s at once
		d.speak(0, 1, k, 0, 0)
	}
	s := d.find(1)
	if s.ring.count > ringSize || s.stats.Overflowed < 2000-ringSize {
		t.Errorf("%d packets are held: %+v", s.ring.count, s.stats)
	}
}

func TestStreamsAreBoundedAndForgotten(t *testing.T) {
	d := newDesk(t, 0)
	for ssrc := range uint32(MaxStreams) {
		d.speak(0, ssrc, 0, 0, 0)
	}
	begin := func() error {
		return d.Push(int64(len(d.out)), Packet{SSRC: 1000, Seq: 0, Timestamp: 0, PayloadType: PayloadL16, Payload: make([]byte, 2)})
	}
	if err := begin(); !errors.Is(err, ErrTooManyStreams) {
		t.Error(err)
	}
	for ssrc := range uint32(MaxStreams) {
		d.End(ssrc, 0)
	}
	d.pullTo(4800)
	if err := begin(); err != nil {
		t.Errorf("a talk that had to wait cannot begin: %v", err)
	}
	d.End(1000, 0)
	d.pullTo(21 * SampleRate)
	if n := len(d.streams); n != 0 || len(d.events) != 2*MaxStreams+2 {
		t.Errorf("%d streams are left after %d events", n, len(d.events))
	}
}

// In a room with a delay of a minute all that was announced in this minute waits. It takes no place of those that are heard.
func TestAnnouncedTalksWaitBesideThoseThatSound(t *testing.T) {
	d := newDesk(t, 60*time.Millisecond)
	first := uint16(0)
	for ssrc := range uint32(MaxAnnounced) {
		if err := d.Start(ssrc, Stream{PayloadType: PayloadL16, FirstSeq: &first}); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Start(MaxAnnounced, Stream{PayloadType: PayloadL16}); !errors.Is(err, ErrTooManyStreams) {
		t.Error(err)
	}
	for _, s := range d.streams {
		if s.ring.slots != nil || s.dec != nil || s.line.buf != nil {
			t.Fatal("a talk that was only announced takes memory")
		}
	}
	d.speak(0, 1023, 0, 0, 0)
	d.End(1023, 0)
	d.pullTo(48000)
	d.wantVoice(1023, 60*ms, 0, 480)
}

func TestATalkThatIsNeverHeardIsMissed(t *testing.T) {
	d := newDesk(t, 60*time.Millisecond)
	if err := d.Start(7, Stream{PayloadType: PayloadL16}); err != nil {
		t.Fatal(err)
	}
	d.End(7, 9)
	frame := make([]int16, SampleRate)
	for range 69 {
		if got := d.Pull(d.Next(), frame); len(got) != 0 {
			t.Fatalf("at %d: %+v", d.Next(), got)
		}
	}
	for range 2 {
		d.events = append(d.events, d.Pull(d.Next(), frame)...)
	}
	d.wantEvents(Event{Kind: TalkMissed, SSRC: 7, At: 71 * SampleRate})
	if len(d.streams) != 0 {
		t.Error("it is remembered")
	}
}

func TestEndedTalksAreRememberedUpToALimit(t *testing.T) {
	d := newDesk(t, 0)
	for ssrc := range uint32(maxRemembered + 50) {
		d.speak(int64(len(d.out)), ssrc, 0, 0, 0)
		d.End(ssrc, 0)
		d.pullTo(len(d.out) + 480)
	}
	d.pullTo(len(d.out) + 480)
	if n := d.count(isDone); n != maxRemembered || d.find(0) != nil || d.find(maxRemembered+49) == nil {
		t.Errorf("%d are remembered, want the last %d", n, maxRemembered)
	}
}

func TestATalkWithoutPacketsEnds(t *testing.T) {
	d := newDesk(t, 60*time.Millisecond)
	for k := range 10 {
		d.speak(int64(480*k), 1, k, 0, 0)
	}
	d.pullTo(31 * SampleRate)
	if len(d.events) != 1 {
		t.Errorf("a talk ends while its session may still go on: %+v", d.events)
	}
	d.pullTo(idleAfter + SampleRate)
	if len(d.events) != 2 || d.events[1].Kind != TalkEnded || d.events[1].Samples != 4800 || d.events[1].Stats.Lost != 0 {
		t.Errorf("%+v", d.events)
	}
}

func TestAnEndedTalkIsNotBegunByWhatComesAfter(t *testing.T) {
	d := newDesk(t, 60*time.Millisecond)
	for k := range 9 {
		d.speak(int64(480*k), 1, k, 0, 0)
	}
	d.End(1, 9)
	d.pullTo(48000)
	d.speak(48000, 1, 9, 0, 0) // a repair, too late
	d.speak(48000, 1, 3, 0, 0) // a duplicate
	d.pullTo(96000)
	if len(d.events) != 2 {
		t.Errorf("%+v", d.events)
	}
	d.wantStats(1, Stats{Received: 10, Played: 9, Lost: 1, Late: 1, Duplicates: 1})
}

func TestAnSSRCTalksAgain(t *testing.T) {
	for name, again := range map[string]int{"later": 2 * SampleRate, "while the first is still played": 20*480 + 300} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, 500*time.Millisecond)
			first := uint16(0)
			for range 2 { // announced twice by mistake
				if err := d.Start(1, Stream{PayloadType: PayloadL16, FirstSeq: &first}); err != nil {
					t.Fatal(err)
				}
			}
			for k := range 20 {
				d.pullTo(480 * k)
				d.speak(int64(480*k), 1, k, 0, 0)
			}
			d.End(1, 19)
			d.pullTo(again)
			first = 20
			if err := d.Start(1, Stream{PayloadType: PayloadL16, FirstSeq: &first}); err != nil {
				t.Fatal(err)
			}
			ts0 := uint32(123456789)
			for k := 21; k < 40; k++ { // 20 is lost
				d.speak(int64(again+480*(k-20)), 1, k, 0, ts0)
			}
			d.End(1, 39)
			d.pullTo(4 * SampleRate)
			d.wantVoice(1, 500*ms, 0, 20*480)
			begin := again + 500*ms - 20*480
			d.wantVoice(1, begin, 21*480+rejoin, 40*480)
			if len(d.events) != 4 || d.events[2].At != int64(begin+21*480) || d.events[3].Samples != 19*480 {
				t.Errorf("%+v", d.events)
			}
		})
	}
}

func TestPositionsThatWereLeftOutAreLost(t *testing.T) {
	d := newDesk(t, 60*time.Millisecond)
	for k := range 30 {
		d.speak(int64(480*k), 1, k, 0, 0)
	}
	frame := make([]int16, 480)
	d.Pull(0, frame)
	d.Pull(60*ms+10*480, frame)
	if frame[0] != voice(1, 10*480) || frame[479] != voice(1, 11*480-1) {
		t.Error("the position is not kept")
	}
	d.Pull(60*ms+10*480+240, frame) // half of it again
	if frame[239] != 0 || frame[240] != voice(1, 11*480) {
		t.Error("positions are heard twice")
	}
}

func TestUnusablePacketsAreErrors(t *testing.T) {
	d := newDesk(t, 0)
	d.speak(0, 1, 0, 0, 0)
	for name, c := range map[string]struct {
		pkt Packet
		err error
	}{
		"unknown type": {Packet{SSRC: 2, Seq: 0, Timestamp: 0, PayloadType: 13, Payload: []byte{1}}, ErrPayloadType},
		"another type": {Packet{SSRC: 1, Seq: 1, Timestamp: 480, PayloadType: PayloadPCMU, Payload: []byte{1}}, ErrPayloadType},
		"no payload":   {Packet{SSRC: 1, Seq: 1, Timestamp: 480, PayloadType: PayloadL16, Payload: nil}, ErrPayload},
		"odd L16":      {Packet{SSRC: 1, Seq: 1, Timestamp: 480, PayloadType: PayloadL16, Payload: []byte{1}}, ErrPayload},
	} {
		if err := d.Push(0, c.pkt); !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", name, err, c.err)
		}
	}
	if err := d.Start(2, Stream{PayloadType: 13}); !errors.Is(err, ErrPayloadType) {
		t.Error(err)
	}
	d.End(12345, 1)
	if _, ok := d.Stats(2); ok {
		t.Error("a refused packet made a stream")
	}
}
