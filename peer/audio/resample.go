package audio

import (
	"math"
	"sync"
)

// The resampling filter: a sinc under a Kaiser window, stored at filterPhases positions between two input samples;
// between two stored positions the coefficients are interpolated linearly, so one table serves every rate. The
// interpolation's error is (π/512)²/8, −106 dB. Only upsampling is needed, so the cut-off is below the input's half rate.
const (
	filterHalf   = 48 // input samples on each side
	filterTaps   = 2 * filterHalf
	filterPhases = 512
	filterBeta   = 8.96 // Kaiser's beta for 90 dB in the stop band: 0.1102 (90 − 8.7)
	filterCutoff = 0.47 // of the input rate: the transition, 0.06 wide with 96 taps at 90 dB, ends at half the rate
)

// filterTable gives the filter: [phase][tap], one phase more than filterPhases for the interpolation.
var filterTable = sync.OnceValue(makeFilter)

func makeFilter() [][filterTaps]float32 {
	table := make([][filterTaps]float32, filterPhases+1)
	for p := range table {
		var taps [filterTaps]float64
		sum := 0.0
		for j := range taps {
			d := float64(j-filterHalf+1) - float64(p)/filterPhases
			taps[j] = sinc(2*filterCutoff*d) * kaiser(d/filterHalf)
			sum += taps[j]
		}
		for j := range taps {
			table[p][j] = float32(taps[j] / sum)
		}
	}
	return table
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is the window at x in −1 … 1.
func kaiser(x float64) float64 {
	return bessel0(filterBeta*math.Sqrt(max(0, 1-x*x))) / bessel0(filterBeta)
}

// bessel0 is the modified Bessel function of the first kind and order zero.
func bessel0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-12; k++ {
		term *= x / (2 * k) * x / (2 * k)
		sum += term
	}
	return sum
}

// resampler turns samples at rate (8000 up to SampleRate) into samples at SampleRate. Output n is the input at the
// instant n·rate/SampleRate; so it needs filterHalf input samples beyond that instant.
type resampler struct {
	table [][filterTaps]float32
	rate  int
	buf   []float32 // input around the next output
	at    int       // index in buf of the input sample at or before the next output
	frac  int       // how far the next output is behind it, in 1/SampleRate of an input sample
}

func newResampler(rate int) *resampler {
	return &resampler{table: filterTable(), rate: rate, buf: make([]float32, filterHalf-1, 4096), at: filterHalf - 1}
}

// need returns how many input samples must be pushed before n outputs can be produced.
func (r *resampler) need(n int) int {
	if n == 0 {
		return 0
	}
	last := r.at + (r.frac+(n-1)*r.rate)/SampleRate
	return max(0, last+filterHalf+1-len(r.buf))
}

// push appends input.
func (r *resampler) push(x []float32) { r.buf = append(r.buf, x...) }

// pad appends n samples of silence.
func (r *resampler) pad(n int) {
	for range n {
		r.buf = append(r.buf, 0)
	}
}

// produce fills dst; need(len(dst)) must be 0. Input that is no longer needed is dropped.
func (r *resampler) produce(dst []int16) {
	for i := range dst {
		dst[i] = clip16(r.value())
		r.frac += r.rate
		if r.frac >= SampleRate { // rate ≤ SampleRate: at most one input sample a step
			r.frac -= SampleRate
			r.at++
		}
	}
	drop := min(r.at-filterHalf+1, len(r.buf))
	r.buf = r.buf[:copy(r.buf, r.buf[drop:])]
	r.at -= drop
}

// value is the input at the instant of the next output.
func (r *resampler) value() float32 {
	phase := r.frac * filterPhases
	between := float32(phase%SampleRate) / SampleRate
	a, b := &r.table[phase/SampleRate], &r.table[phase/SampleRate+1]
	x := r.buf[r.at-filterHalf+1:][:filterTaps]
	var va, vb float32
	for i, v := range x {
		va += v * a[i]
		vb += v * b[i]
	}
	return va + between*(vb-va)
}
