package peer

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"yodel/peer/audio"
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
