package audio

import (
	"testing"
	"time"
)

// tapped is what a tap was told of one talk.
type tapped struct {
	first, next int64 // positions of its sound; next is behind it
	end         int64 // -1: none
	gap         bool  // sound did not follow sound
}

func tapDesk(t *testing.T, lead time.Duration) (*desk, map[uint32]*tapped) {
	t.Helper()
	talks := make(map[uint32]*tapped)
	tap := func(p Part) {
		k := talks[p.SSRC]
		if k == nil {
			k = &tapped{first: p.At, next: p.At, end: -1}
			talks[p.SSRC] = k
		}
		switch {
		case p.End:
			k.end = p.At
		case p.Payload == nil:
			k.gap = k.gap || p.At != k.next
			k.next = p.At + int64(len(p.PCM))
		}
	}
	return &desk{Playout: NewPlayout(PlayoutConfig{Lead: lead, Tap: tap}), t: t}, talks
}

// The parts of a talk are what is heard of it between its events, also when its first packet got lost.
func TestPartsBeginAndEndWithTheTalk(t *testing.T) {
	d, talks := tapDesk(t, 100*time.Millisecond)
	first := uint16(500)
	if err := d.Start(1, Stream{PayloadType: PayloadL16, FirstSeq: &first}); err != nil {
		t.Fatal(err)
	}
	for k := 1; k < 20; k++ { // packet 0 is lost
		d.speak(int64(480*k), 1, k, 500, 7000)
	}
	d.End(1, 519)
	d.pullTo(48000)
	if len(d.events) != 2 {
		t.Fatal(d.events)
	}
	start, end := d.events[0].At, d.events[1].At
	if got, want := *talks[1], (tapped{first: start, next: end, end: end}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// A talk whose end gets lost ends for the tap where its last packet does, however long more was waited for.
func TestAnEndThatGotLostIsThatOfTheLastPacket(t *testing.T) {
	d, talks := tapDesk(t, 100*time.Millisecond)
	for k := range 20 {
		d.speak(int64(480*k), 1, k, 500, 7000)
	}
	d.pullTo(idleAfter + 2*SampleRate)
	if len(d.events) != 2 {
		t.Fatal(d.events)
	}
	if got, want := talks[1].end-talks[1].first, d.events[1].Samples; got != want {
		t.Errorf("the talk has %d samples for the tap, and %d in its event", got, want)
	}
}

// Of a talk of which nothing is heard there is no part: neither of one that does not come, nor of one that does not decode.
func TestATalkThatIsMissedHasNoParts(t *testing.T) {
	d, talks := tapDesk(t, 100*time.Millisecond)
	if err := d.Start(1, Stream{PayloadType: PayloadL16}); err != nil {
		t.Fatal(err)
	}
	broken := []byte{1<<3 | 3, 1<<7 | 2, 200} // two frames, the first of 200 bytes, of which there are none
	if err := d.Push(0, Packet{SSRC: 2, Seq: 7, PayloadType: PayloadOpus, Payload: broken}); err != nil {
		t.Fatal(err)
	}
	d.End(2, 7)
	d.pullTo(announcedFor + 2*SampleRate)
	if len(d.events) != 2 || d.events[0].Kind != TalkMissed || d.events[1].Kind != TalkMissed || len(talks) != 0 {
		t.Errorf("events %v, parts %v", d.events, talks)
	}
}
