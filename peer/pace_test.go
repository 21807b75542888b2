package peer

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"yodel/peer/audio"
	"yodel/wire/secure"
)

// paced plays 20 s of a voice whose packets come steadily, but for those that the stalls hold up, through Pace, and gives what it counted.
func paced(t *testing.T, cameAt func(sent time.Duration) time.Duration, sink func(position time.Duration)) (st HearStats, deepest time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		h := newHearing(HearOptions{Latency: 60 * time.Millisecond}, make(chan struct{}, 1))
		h.setRoom(&Joined{At: time.Now()})
		first := uint16(0)
		if err := h.announce(1, &Talking{}, audio.Stream{PayloadType: audio.PayloadL16, FirstSeq: &first}); err != nil {
			t.Error(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			start := time.Now()
			timer := time.NewTimer(0)
			for k := range 1000 {
				timer.Reset(cameAt(time.Duration(k)*20*time.Millisecond) - time.Since(start))
				<-timer.C
				for _, half := range []int{2 * k, 2*k + 1} {
					deepest = max(deepest, h.push(time.Now(), audio.Packet{
						SSRC: 1, Seq: uint16(half), Timestamp: uint32(half) * frame10, PayloadType: audio.PayloadL16, Payload: tone10(1000),
					}))
				}
			}
			h.end(1, 1999)
		}()
		over := errors.New("over")
		err := h.Pace(t.Context(), Frame, func([]int16) error {
			position := samplesToTime(h.Position())
			sink(position)
			if position > 21*time.Second {
				return over
			}
			return nil
		})
		if !errors.Is(err, over) {
			t.Error(err)
		}
		<-done
		st = h.Stats()
	})
	return st, deepest
}

// An output that is held up for 200 ms each 3 s loses nothing, and makes the buffer neither deeper nor shallower.
func TestAnOutputThatIsHeldUpLosesNothing(t *testing.T) {
	next := 3 * time.Second
	st, deepest := paced(t, func(sent time.Duration) time.Duration { return sent }, func(position time.Duration) {
		if position > next {
			next += 3 * time.Second
			<-time.After(200 * time.Millisecond)
		}
	})
	if st.Lost > 0 || st.Late > 0 || deepest > 75*time.Millisecond {
		t.Errorf("%+v, a depth of up to %v", st, deepest)
	}
}

// Packets that come after their time, while the output was on its way, are late; those that come steadily never are.
func TestWhatComesLateIsLate(t *testing.T) {
	st, _ := paced(t, func(sent time.Duration) time.Duration {
		if sent == 5*time.Second {
			return sent + 150*time.Millisecond
		}
		return sent
	}, func(time.Duration) {})
	if st.Late == 0 || st.Lost != st.Late || st.Lost > 16 {
		t.Errorf("%+v", st)
	}
}

func TestPaceReadsWhenTheTimeHasCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHearing(HearOptions{}, make(chan struct{}, 1))
		h.setRoom(&Joined{At: time.Now()})
		start := time.Now()
		var at []time.Duration
		stop := errors.New("enough")
		err := h.Pace(t.Context(), Frame, func(b []int16) error {
			if len(b) != 960 {
				t.Errorf("%d samples", len(b))
			}
			at = append(at, time.Since(start))
			if len(at) == 5 {
				return stop
			}
			return nil
		})
		if !errors.Is(err, stop) {
			t.Error(err)
		}
		for i, d := range at {
			if want := time.Duration(i+1) * 20 * time.Millisecond; d != want {
				t.Errorf("frame %d at %v, want %v", i, d, want)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		n := 0
		err = h.Pace(ctx, Frame, func([]int16) error { n++; return nil })
		if !errors.Is(err, context.DeadlineExceeded) || n < 49 || n > 50 {
			t.Errorf("%d frames in 1 s: %v", n, err)
		}
	})
}

// A sound card that has taken 100 ms in advance does not make packets late.
func TestReaderAheadOfTheClock(t *testing.T) {
	r, h := leadRig(t, 20*time.Millisecond, HearOptions{}, Config{})
	h.read(r.now, make([]int16, 100*48))
	r.say(talkStart(testSSRC, secure.Fingerprint{}, 0), talkEnd(testSSRC, 99))
	var heard []int16
	for i := range uint64(100) {
		r.sound(testSSRC, i, uint32(i)*frame10, tone10(1))
		heard = append(heard, r.listen(h, 10*time.Millisecond)...)
	}
	r.listen(h, 500*time.Millisecond)
	if at := firstOf(heard, 1); at != 20*48 {
		t.Errorf("heard %d samples after the reader's position at arrival, want %d", at, 20*48)
	}
	if st := h.Stats(); st.Late != 0 || st.Lost != 0 || st.Talks != 1 {
		t.Errorf("%+v", st)
	}
}

func TestWindowForgets(t *testing.T) {
	var w window
	if w.max() != 0 {
		t.Error("an empty window is not 0")
	}
	w.add(t0, 50)
	for ms := range 1000 {
		w.add(t0.Add(time.Duration(ms)*time.Millisecond), int64(10-ms/200))
		if ms < 240 && w.max() != 50 {
			t.Fatalf("%d after %d ms, want 50", w.max(), ms)
		}
	}
	if got := w.max(); got > 8 {
		t.Errorf("%d after a second", got)
	}
}
