package peer

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yodel/wire"
	"yodel/wire/secure"
)

// A voice may go on under another SSRC in mid-talk: it is heard without a seam, as the end of one talk and the start of the next.
func TestAVoiceGoesOnUnderAnotherSSRC(t *testing.T) {
	r, h := hearRig(t, HearOptions{}, Config{})
	r.say(talkStart(testSSRC, secure.Fingerprint{7}, 5))
	heard := r.listen(h, 500*time.Millisecond)
	for i := range uint64(20) {
		ssrc, seq := uint32(testSSRC), 5+i
		if i == 10 { // the announcements come with the packet
			r.say(talkEnd(testSSRC, 14), talkStart(testSSRC+1, secure.Fingerprint{7}, 777))
		}
		if i >= 10 {
			ssrc, seq = testSSRC+1, 777+i-10
		}
		r.sound(ssrc, seq, 1000+uint32(i)*frame10, tone10(int16(100+i)))
		heard = append(heard, r.listen(h, 10*time.Millisecond)...)
	}
	r.say(talkEnd(testSSRC+1, 786))
	heard = append(heard, r.listen(h, 4*time.Second)...)
	at := int64(500+1500) * 48
	for i := range int64(20) {
		if got := int64(firstOf(heard, int16(100+i))); got != at+i*frame10 {
			t.Errorf("packet %d is heard at %d, want %d", i, got, at+i*frame10)
		}
	}
	type told struct {
		ssrc  uint32
		start bool
		lost  int
	}
	var got []told
	for range 4 {
		ev := event[*Talking](r)
		if ev.Nick != "bob" {
			t.Errorf("%+v", ev)
		}
		got = append(got, told{ev.SSRC, ev.Start, ev.Lost})
	}
	want := []told{{testSSRC, true, 0}, {testSSRC, false, 0}, {testSSRC + 1, true, 0}, {testSSRC + 1, false, 0}}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(told{})); d != "" {
		t.Error(d)
	}
	r.noEvent()
	if n := len(r.e.s.streams); n != 0 {
		t.Errorf("%d streams are not forgotten", n)
	}
}

// However fine the packets are and however deep the buffer is, a pause asks for no more than one request can name.
func TestWhatIsAskedForInAPauseIsBounded(t *testing.T) {
	r, h := leadRig(t, time.Minute, HearOptions{}, Config{})
	start := talkStart(testSSRC, secure.Fingerprint{}, 9)
	start.GetTalkStart().PayloadType = wire.PayloadPCMU
	r.say(start)
	in := r.e.s.streams[testSSRC]
	header := r.e.s.header
	header.PayloadType, header.SequenceNumber = wire.PayloadPCMU, 9
	in.packet(r.now, r.now, &header, []byte{0xff}) // one sample
	in.depth = time.Minute
	r.now = r.now.Add(3 * time.Second)
	if seqs, report := in.pause(r.now, nil); len(seqs) != wire.MaxNack || seqs[0] != 10 || !report {
		t.Errorf("%d packets, report %v", len(seqs), report)
	}
	r.listen(h, 20*time.Millisecond)
}
