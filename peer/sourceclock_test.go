package peer

import (
	"encoding/binary"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"yodel/peer/audio"
)

// card is a sound card that gives a frame of 10 ms as often as its clock says, in pieces of several frames; noted is when each was there.
func card(frames, piece, ppm int, noted *[]time.Duration) readFunc {
	var start time.Time
	i := 0
	return func(b []int16) (int, []byte, error) {
		if i == 0 {
			start = time.Now()
		}
		if i == frames {
			return 0, nil, io.EOF
		}
		whole := i/piece*piece + piece
		there := time.Duration(whole) * 10 * time.Millisecond
		there -= there / 1_000_000 * time.Duration(ppm)
		if wait := time.Until(start.Add(there)); wait > 0 {
			<-time.After(wait) // of the bubble's clock
		}
		i++
		*noted = append(*noted, there)
		return len(b), nil, nil
	}
}

// The clock of a live source is the talk's: what is read is sent at once after ten minutes as in the first one, without a pause and in order.
func TestPlayFollowsTheClockOfALiveSource(t *testing.T) {
	for _, tt := range []struct {
		name               string
		frames, piece, ppm int
		most               time.Duration
	}{
		{"exact", 6_000, 1, 0, 5 * time.Millisecond},
		{"fast", 60_000, 1, 500, 10 * time.Millisecond},
		{"slow", 60_000, 1, -500, 10 * time.Millisecond},
		{"fast, in pieces of 120 ms", 18_000, 12, 500, 130 * time.Millisecond},
		{"slow, in pieces of 120 ms", 18_000, 12, -500, 130 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				talk, sent := talkInto(t, audio.L16)
				var there []time.Duration
				if err := talk.play(t.Context(), card(tt.frames, tt.piece, tt.ppm, &there), nil); err != nil {
					t.Fatal(err)
				}
				got := sent()
				if len(got) != tt.frames {
					t.Fatalf("%d frames", len(got))
				}
				for i, f := range got {
					if wait := f.at - there[i]; wait > tt.most {
						t.Fatalf("frame %d is sent %v after it was there", i, wait)
					}
					if f.ts != uint32(480*i) {
						t.Fatalf("frame %d has timestamp %d: there is a pause before it", i, f.ts)
					}
				}
			})
		})
	}
}

// What a live source has kept while it, or this program, was held up is left out, with a pause: what comes after is sent at once as before. Of a source
// that is not waited for all is sent.
func TestPlayLeavesOutWhatALiveSourceHasKept(t *testing.T) {
	for name, stall := range map[string]struct{ source, own time.Duration }{
		"the source is held up":    {source: 1500 * time.Millisecond},
		"this program is held up":  {own: 1500 * time.Millisecond},
		"for longer than a reader": {own: 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const frames = 1000
				talk, sent := talkInto(t, audio.L16)
				var there []time.Duration
				live := card(frames, 1, 0, &there)
				reads, calls := 0, 0
				err := talk.play(t.Context(), func(b []int16) (int, []byte, error) {
					if reads++; reads == 400 {
						<-time.After(stall.source) // of the bubble's clock
					}
					n, packet, err := live(b)
					b[0] = int16(reads - 1)
					return n, packet, err
				}, func(Progress) {
					if calls++; calls == 400 {
						<-time.After(stall.own)
					}
				})
				if err != nil {
					t.Fatal(err)
				}
				got := sent()
				for i, f := range got {
					n := int(binary.BigEndian.Uint16(f.payload))
					if wait := f.at - there[n]; i < 390 && n != i || n > 600 && wait > 10*time.Millisecond {
						t.Fatalf("packet %d is frame %d, %v after it was there", i, n, wait)
					}
					if late := f.at - samplesToTime(int64(f.ts)); late > there[0]+sourceLate {
						t.Fatalf("frame %d is sent %v after its time", n, late)
					}
				}
				if want := frames - int((stall.source+stall.own)/(10*time.Millisecond)); len(got) < want-readAhead || len(got) > want+readAhead {
					t.Errorf("%d frames are sent", len(got))
				}
			})
		})
	}
}

// A file that comes through a pipe is not waited for but now and then, and goes by our clock, exactly.
func TestPlayPacesAFileInAPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		delays := make(map[int]time.Duration)
		for i := 10; i < 30_000; i += 100 {
			delays[i] = 40 * time.Millisecond
		}
		talk, sent := talkInto(t, audio.L16)
		if err := talk.play(t.Context(), source(30_000*480, delays), nil); err != nil {
			t.Fatal(err)
		}
		for i, f := range sent() {
			if want := time.Duration(i) * 10 * time.Millisecond; f.at != want || f.ts != uint32(480*i) {
				t.Fatalf("frame %d at %v with timestamp %d", i, f.at, f.ts)
			}
		}
	})
}
