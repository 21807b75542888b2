//go:build linux

package soundtest

import (
	"errors"
	"io"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"yodel/peer/audio"
)

var a440 = tone{hz: 440, amplitude: 9000}

// between is a tone with silence around it.
func between(before int, t tone, d time.Duration) []int16 {
	x := append(make([]int16, before), t.samples(d)...)
	return append(x, make([]int16, audio.SampleRate/2)...)
}

func TestAToneIsFoundAndSteady(t *testing.T) {
	x := between(12345, a440, time.Second)
	first, last := a440.span(x)
	if off := max(first-12345, 12345-first, last-12345-audio.SampleRate, 12345+audio.SampleRate-last); off > audio.SampleRate/1000 {
		t.Errorf("the tone is found from %d to %d", first, last)
	}
	if breaks, worst := a440.steady(x); breaks != 0 || worst > 0.01 {
		t.Errorf("%d breaks, a step of %.3f rad", breaks, worst)
	}
	if steep := a440.steepest(x[12345 : 12345+audio.SampleRate]); math.Abs(steep-1) > 0.01 {
		t.Errorf("its greatest step is %.2f times its own", steep)
	}
	if first, last := a440.span(make([]int16, audio.SampleRate)); first != last {
		t.Error("a tone was found in silence")
	}
}

func TestBreaksOfAToneAreSeen(t *testing.T) {
	whole := between(4800, a440, time.Second)
	const middle = 4800 + audio.SampleRate/2
	tests := []struct {
		name string
		x    []int16
	}{
		{"five samples left out", slices.Delete(slices.Clone(whole), middle, middle+5)},
		{"five samples twice", slices.Insert(slices.Clone(whole), middle, whole[middle:middle+5]...)},
		{"10 ms of silence", slices.Insert(slices.Clone(whole), middle, make([]int16, 480)...)},
	}
	for _, tt := range tests {
		if breaks, worst := a440.steady(tt.x); breaks == 0 {
			t.Errorf("%s: no break, the greatest step is %.3f rad", tt.name, worst)
		}
	}
	gap := slices.Clone(whole)
	clear(gap[middle : middle+960])
	if share := a440.missing(gap, 4800, 4800+audio.SampleRate); share < 0.01 || share > 0.05 {
		t.Errorf("20 ms of a second are missing, measured are %.3f", share)
	}
	if other := (tone{hz: 740, amplitude: 9000}); other.missing(whole, 4800, 4800+audio.SampleRate) != 1 {
		t.Error("another tone was taken for this one")
	}
}

// A drift within what clocks do is no break.
func TestADriftOfAToneIsNoBreak(t *testing.T) {
	off := tone{hz: 440 * (1 + 500e-6), amplitude: 9000}
	if breaks, worst := a440.steady(between(100, off, 2*time.Second)); breaks != 0 {
		t.Errorf("%d breaks, a step of %.3f rad", breaks, worst)
	}
}

// A clock that is off gives that much more.
func TestAClockedPipeIsOffByItsDrift(t *testing.T) {
	r, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	pcm := a440.samples(500 * ms)
	fed := make(chan error, 1)
	began := time.Now()
	go func() {
		fed <- errors.Join(clock{ppm: 1e6}.feed(t.Context(), pipe, pcm), pipe.Close())
	}()
	data, err := io.ReadAll(r)
	if err := errors.Join(err, <-fed, r.Close()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); len(data) != 2*len(pcm) || took < 240*ms {
		t.Errorf("%d of %d bytes in %v, not in 250 ms", len(data), 2*len(pcm), took)
	}
	if got := (clock{ppm: 200}).at(300 * audio.SampleRate); got < 299939*ms || got > 299941*ms {
		t.Errorf("300 s of sound are over after %v", got)
	}
}

func TestFiguresAreHeldToTheirBars(t *testing.T) {
	var o outcome
	o.take(figure{what: "shown", value: 1e9}, figure{what: "good", value: 1, bar: most(1, 1)})
	if len(o.faults) != 0 {
		t.Errorf("faults %v, want none", o.faults)
	}
	o.take(figure{what: "bad", value: 2, bar: most(1, 1)}, figure{what: "none", value: math.NaN(), bar: most(1, 1)})
	if len(o.faults) != 2 {
		t.Errorf("faults %v, want two", o.faults)
	}
}
