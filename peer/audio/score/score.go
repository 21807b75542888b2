package score

import (
	"fmt"
	"math"
	"time"
)

const (
	rate  = 48000
	frame = rate / 50 // 20 ms

	tiny        = 1e-12
	activeLevel = 1e-5 // mean square of a frame of the reference that counts: −50 dB
	lostRatio   = 1e-3 // a frame with less than this of the reference's energy is lost: −30 dB
	floor, roof = -10, 35
)

// Score says how a recording differs from its reference. Ratios are in dB.
type Score struct {
	Lag         int     // samples at 48 kHz by which the recording lags the reference
	Correlation float64 // at that lag; 1 is identical in shape, below about 0.3 it is another sound
	Gain        float64 // amplitude relative to the reference
	SNR         float64 // over everything; says little about codecs
	SegSNR      float64 // mean over active frames of 20 ms
	FwSNRseg    float64 // frequency-weighted; 35 is identical
	LSD         float64 // log-spectral distance; 0 is identical
	Active      int     // 20 ms frames of the reference with sound, within the overlap
	Lost        int     // of these, frames that are silent in the recording
}

// Delay is Lag as a duration.
func (s Score) Delay() time.Duration { return time.Duration(s.Lag) * time.Second / rate }

// String is one line for people.
func (s Score) String() string {
	return fmt.Sprintf("delay %.2f ms, correlation %.3f, gain %.3f, SNR %.1f dB, segSNR %.1f dB, fwSNRseg %.1f dB, LSD %.1f dB, lost %d of %d active frames",
		float64(s.Lag)*1000/rate, s.Correlation, s.Gain, s.SNR, s.SegSNR, s.FwSNRseg, s.LSD, s.Lost, s.Active)
}

// Compare measures deg against ref. Without sound in one of them the Score has no active frames, or all of them are lost.
func Compare(ref, deg []int16) Score { return compare(ref, deg, align) }

// CompareNear is Compare for a recording that begins about where the reference does. Sound that repeats fits at more than one lag, and best may
// fit a wrong one when a part is missing: of lags that fit nearly as well as the best it takes that nearest to 0.
func CompareNear(ref, deg []int16) Score { return compare(ref, deg, alignNear) }

func compare(ref, deg []int16, align func(ref, deg []float64) (int, float64)) Score {
	r, d := toFloat(ref), toFloat(deg)
	var s Score
	s.Lag, s.Correlation = align(r, d)
	s.compare(overlap(r, d, s.Lag))
	return s
}

// compare measures d against r, which are aligned and of the same length.
func (s *Score) compare(r, d []float64) {
	s.Gain = dot(r, d) / (energy(r) + tiny)
	signal, noise := s.Gain*s.Gain*energy(r), noise(r, d, s.Gain)
	s.SNR = 10 * math.Log10((signal+tiny)/(noise+tiny))
	s.frames(r, d)
}

// frames averages over the active frames.
func (s *Score) frames(r, d []float64) {
	m := newMeter()
	for i := 0; i+frame <= len(r); i += frame {
		rf, df := r[i:i+frame], d[i:i+frame]
		if energy(rf)/frame < activeLevel {
			continue
		}
		s.Active++
		if energy(df) < lostRatio*energy(rf) {
			s.Lost++
		}
		signal := s.Gain * s.Gain * energy(rf)
		s.SegSNR += clamp(10 * math.Log10(signal/(noise(rf, df, s.Gain)+tiny)))
		fw, lsd := m.bands(rf, df, s.Gain)
		s.FwSNRseg += fw
		s.LSD += lsd
	}
	n := float64(max(s.Active, 1))
	s.SegSNR, s.FwSNRseg, s.LSD = s.SegSNR/n, s.FwSNRseg/n, s.LSD/n
}

func toFloat(pcm []int16) []float64 {
	x := make([]float64, len(pcm))
	for i, v := range pcm {
		x[i] = float64(v) / 32768
	}
	return x
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

// noise is the energy of what d is beyond r times gain.
func noise(r, d []float64, gain float64) float64 {
	sum := 0.0
	for i, v := range r {
		e := d[i] - gain*v
		sum += e * e
	}
	return sum
}

func clamp(db float64) float64 { return max(floor, min(roof, db)) }
