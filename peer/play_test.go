package peer

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"yodel/peer/audio"
)

// sentFrame is a frame as it reached the loop.
type sentFrame struct {
	at      time.Duration
	ts      uint32
	payload []byte
}

// talkInto makes a talk whose frames are noted in place of the loop, with the time since now.
func talkInto(t *testing.T, codec audio.Codec) (talk *Talk, frames func() []sentFrame) {
	t.Helper()
	enc, err := audio.NewEncoder(codec)
	if err != nil {
		t.Fatal(err)
	}
	c := &Client{frames: make(chan *frame), over: make(chan struct{}), shared: new(shared)}
	talk = newTalk(c, "lobby", enc)
	var mu sync.Mutex
	var got []sentFrame
	start := time.Now()
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case f := <-c.frames:
				mu.Lock()
				got = append(got, sentFrame{time.Since(start), f.ts, slices.Clone(f.packet[rtpHeader:])})
				mu.Unlock()
				talk.give(f)
			case <-stop:
				return
			}
		}
	}()
	return talk, func() []sentFrame {
		close(stop)
		<-done
		return got
	}
}

// source reads n samples; before reading frame i it waits as delays says.
func source(n int, delays map[int]time.Duration) readFunc {
	i := 0
	return func(b []int16) (int, []byte, error) {
		if d := delays[i]; d > 0 {
			<-time.After(d) // of the bubble's clock
		}
		i++
		k := min(n, len(b))
		n -= k
		if k == 0 {
			return 0, nil, io.EOF
		}
		return k, nil, nil
	}
}

func TestPlayPacesInRealTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		talk, frames := talkInto(t, audio.L16)
		var progress []time.Duration
		err := talk.play(t.Context(), source(100*480-1, nil), func(p Progress) { progress = append(progress, p.Sent) })
		if err != nil {
			t.Fatal(err)
		}
		got := frames()
		if len(got) != 100 || len(progress) != 100 {
			t.Fatalf("%d frames, %d calls", len(got), len(progress))
		}
		for i, f := range got {
			if want := time.Duration(i) * 10 * time.Millisecond; f.at != want || f.ts != uint32(480*i) || progress[i] != want+10*time.Millisecond {
				t.Fatalf("frame %d at %v with timestamp %d, progress %v", i, f.at, f.ts, progress[i])
			}
		}
	})
}

func TestPlayFlushesTheCodec(t *testing.T) {
	if _, err := audio.CodecByName("opus"); err != nil {
		t.Log("no Opus in this build: nothing to flush")
		return
	}
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct{ samples, frames int }{{960, 2}, {960 - audio.Opus.Lookahead, 1}, {960 - audio.Opus.Lookahead + 1, 2}} {
			talk, frames := talkInto(t, audio.Opus)
			if err := talk.play(t.Context(), source(tt.samples, nil), nil); err != nil {
				t.Fatal(err)
			}
			if got := frames(); len(got) != tt.frames {
				t.Errorf("%d samples: %d frames, want %d", tt.samples, len(got), tt.frames)
			}
		}
	})
}

// A source that stalls for less than 100 ms is caught up with; one that stalls longer leaves a pause of that length.
func TestPlayJumpsOverAStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		talk, frames := talkInto(t, audio.L16)
		delays := map[int]time.Duration{20: 90 * time.Millisecond, 50: 500 * time.Millisecond}
		if err := talk.play(t.Context(), source(60*480, delays), nil); err != nil {
			t.Fatal(err)
		}
		got := frames()
		if len(got) != 60 {
			t.Fatalf("%d frames", len(got))
		}
		const ms = 48
		for i, f := range got {
			late := f.at - samplesToTime(int64(f.ts))
			if late < 0 || late > sourceLate {
				t.Errorf("frame %d is sent %v after its time", i, late)
			}
		}
		const ahead = readAhead * 10 * ms
		if jump := got[50].ts - got[49].ts; jump < 490*ms-ahead || jump > 510*ms {
			t.Errorf("the timestamp jumps by %d ms over a stall of 500 ms", jump/ms)
		}
		if step := got[20].ts - got[19].ts; step != 480 {
			t.Errorf("the timestamp jumps by %d samples over a stall of 90 ms", step)
		}
	})
}

// A source that is a little slower than real time, all the time, leaves a pause now and then: nothing gets later and later.
func TestPlayFollowsASlowSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		talk, frames := talkInto(t, audio.L16)
		delays := make(map[int]time.Duration)
		for i := range 300 {
			delays[i] = 12 * time.Millisecond
		}
		if err := talk.play(t.Context(), source(300*480, delays), nil); err != nil {
			t.Fatal(err)
		}
		got := frames()
		for i, f := range got {
			if late := f.at - got[0].at - samplesToTime(int64(f.ts)); late > sourceLate {
				t.Fatalf("frame %d is sent %v after its time", i, late)
			}
		}
	})
}

// When this program itself is held up the source is not to blame: what it has kept is sent at once, without a pause.
func TestPlayCatchesUpWithAStallOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		talk, frames := talkInto(t, audio.L16)
		calls := 0
		err := talk.play(t.Context(), source(100*480, nil), func(Progress) {
			if calls++; calls == 20 {
				<-time.After(600 * time.Millisecond) // of the bubble's clock
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		got := frames()
		for i, f := range got {
			if f.ts != uint32(480*i) {
				t.Fatalf("frame %d has timestamp %d: a pause was made up", i, f.ts)
			}
		}
		if last := got[len(got)-1]; last.at != 990*time.Millisecond {
			t.Errorf("the last frame goes at %v, want 990 ms", last.at)
		}
	})
}

// A source that blocks does not keep Play from ending.
func TestPlayEndsAtOnceWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		talk, frames := talkInto(t, audio.L16)
		ctx, cancel := context.WithTimeout(t.Context(), 95*time.Millisecond)
		defer cancel()
		unblock := make(chan struct{})
		reads := 0
		err := talk.play(ctx, func(b []int16) (int, []byte, error) {
			if reads++; reads > 5 {
				<-unblock
				return 0, nil, io.EOF
			}
			return len(b), nil, nil
		}, nil)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if got := frames(); len(got) != 5 {
			t.Errorf("%d frames", len(got))
		}
		close(unblock)
		synctest.Wait()
	})
}

func TestPlayGivesTheErrorOfTheSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		talk, frames := talkInto(t, audio.L16)
		broken := errors.New("broken")
		if err := talk.play(t.Context(), func([]int16) (int, []byte, error) { return 0, nil, broken }, nil); !errors.Is(err, broken) {
			t.Error(err)
		}
		frames()
	})
}
