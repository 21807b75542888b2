//go:build linux

package soundtest

import (
	"math"
	"math/cmplx"
	"time"

	"yodel/peer/audio"
)

const (
	block     = audio.SampleRate / 100       // 10 ms: what a phase is taken of
	shortest  = audio.SampleRate / 200       // 5 ms: what an edge is looked for with
	fineStep  = audio.SampleRate / 4000      // 0.25 ms: how exactly
	edge      = 30 * audio.SampleRate / 1000 // at both ends of a tone the codec is not steady
	phaseStep = 0.1                          // rad from one block to the next: more is a break
	opening   = 2 * audio.SampleRate         // of a talk on a network with jitter: it is played up to 1 % faster until it is as deep as it should be
)

// tone is a steady sine.
type tone struct {
	hz        float64
	amplitude float64 // of an int16
}

// samples is the tone for a time.
func (t tone) samples(d time.Duration) []int16 {
	x := make([]int16, d*audio.SampleRate/time.Second)
	for i := range x {
		x[i] = int16(math.Round(t.amplitude * math.Sin(2*math.Pi*t.hz*float64(i)/audio.SampleRate)))
	}
	return x
}

// at demodulates n samples of x from a place on by quadrature: the absolute value is the tone's amplitude there, 1 for its own, the phase is
// against a tone that begins with x.
func (t tone) at(x []int16, from, n int) complex128 {
	var sum complex128
	weights := 0.0
	for i := range n {
		weight := 0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/float64(n))
		sum += cmplx.Rect(weight*float64(x[from+i]), -2*math.Pi*t.hz*float64(from+i)/audio.SampleRate)
		weights += weight
	}
	return sum * complex(2/(weights*t.amplitude), 0)
}

// sounds tells whether the tone is there with more than half its amplitude.
func (t tone) sounds(x []int16, from, n int) bool { return cmplx.Abs(t.at(x, from, n)) > 0.5 }

// span is where the tone begins and ends in x; equal where it is not.
func (t tone) span(x []int16) (first, last int) {
	for first = 0; first+shortest <= len(x) && !t.sounds(x, first, shortest); first += shortest {
	}
	if first+shortest > len(x) {
		return 0, 0
	}
	for last = len(x) - shortest; !t.sounds(x, last, shortest); last -= shortest {
	}
	for first > 0 && t.sounds(x, first, shortest) {
		first = max(0, first-fineStep)
	}
	for last+shortest < len(x) && t.sounds(x, last, shortest) {
		last = min(len(x)-shortest, last+fineStep)
	}
	return first + shortest/2, last + shortest/2
}

// steady follows the tone's phase in x: how often it breaks, or the tone is not there, and the greatest step between two blocks of 10 ms, in rad.
func (t tone) steady(x []int16) (breaks int, worst float64) {
	first, last := t.span(x)
	return t.steadyIn(x, first+edge, last-edge)
}

// steadyAfterOpening is steady from the end of the opening on.
func (t tone) steadyAfterOpening(x []int16) (breaks int) {
	first, last := t.span(x)
	breaks, _ = t.steadyIn(x, first+opening, last-edge)
	return breaks
}

// steadyIn is steady between two places.
func (t tone) steadyIn(x []int16, from, to int) (breaks int, worst float64) {
	before := complex128(0)
	for ; from+block <= to; from += block {
		now := t.at(x, from, block)
		if cmplx.Abs(now) < 0.5 {
			breaks++
			before = 0
			continue
		}
		if before != 0 {
			step := math.Abs(cmplx.Phase(now / before))
			worst = max(worst, step)
			if step > phaseStep {
				breaks++
			}
		}
		before = now
	}
	return breaks, worst
}

// missing is the share of the blocks between two places in which the tone is not there.
func (t tone) missing(x []int16, from, to int) float64 {
	all, gone := 0, 0
	for at := max(from, 0); at+2*block <= to; at += 2 * block {
		all++
		if at+2*block > len(x) || !t.sounds(x, at, 2*block) {
			gone++
		}
	}
	return float64(gone) / float64(max(all, 1))
}

// steepest is the greatest step between two samples of x, as a multiple of the tone's own.
func (t tone) steepest(x []int16) float64 {
	worst := 0
	for i := 1; i < len(x); i++ {
		worst = max(worst, int(x[i])-int(x[i-1]), int(x[i-1])-int(x[i]))
	}
	return float64(worst) / (t.amplitude * 2 * math.Sin(math.Pi*t.hz/audio.SampleRate))
}

// loudness is the mean amplitude of the tone in x, 1 for its own.
func (t tone) loudness(x []int16) float64 {
	sum, n := 0.0, 0
	for at := 0; at+4*block <= len(x); at += 4 * block {
		sum += cmplx.Abs(t.at(x, at, 4*block))
		n++
	}
	return sum / float64(max(n, 1))
}
