package audio

import "sync"

// The interpolation filter: a sinc under the Kaiser window of the resampling filter, stored at varispeedPhases positions between two samples, and
// linear between these. With 32 taps the transition is 0.18 of the rate wide, so what is below 19.7 kHz comes out within 80 dB.
const (
	varispeedTaps   = 32
	varispeedHalf   = varispeedTaps / 2
	varispeedPhases = 256
	varispeedBlock  = 512 // outputs at a time
)

var varispeedTable = sync.OnceValue(func() [][varispeedTaps]float32 {
	table := make([][varispeedTaps]float32, varispeedPhases+1)
	for p := range table {
		var taps [varispeedTaps]float64
		sum := 0.0
		for j := range taps {
			d := float64(j-varispeedHalf+1) - float64(p)/varispeedPhases
			taps[j] = sinc(d) * kaiser(d/varispeedHalf)
			sum += taps[j]
		}
		for j := range taps {
			table[p][j] = float32(taps[j] / sum)
		}
	}
	return table
})

// varispeed plays sound a little faster or slower than it was recorded. While the rate is 0 it is off: the sound passes bit by
// bit. It begins and ends where an output is a sample, so without a step.
type varispeed struct {
	on   bool
	rate float64 // how many samples more than one are used for each that is made
	frac float64 // how far the next output is behind the sample at
	back bool    // the rate is 0 again: it goes on slightly faster, until an output is a sample, and then is off
}

// leaveRate is how much faster that is: at most a sample in a second.
const leaveRate = 30e-6

// set changes the rate from the next sample on.
func (v *varispeed) set(rate float64) {
	v.back = rate == 0
	switch {
	case rate != 0:
		v.rate, v.on = rate, true
	case v.frac == 0:
		v.on = false
	default:
		v.rate = leaveRate
	}
}

// ready reports whether there is an output to be had of the samples that are next.
func (v *varispeed) ready(next int) bool {
	if v.on {
		return next > varispeedHalf
	}
	return next > 0
}

// varispeedScratch is what run works with.
type varispeedScratch struct {
	in  [2*varispeedBlock + varispeedTaps]float32
	out [varispeedBlock]int16
}

// run makes up to n samples from those around buf[at] on, which has half the filter's length before it. It returns how many samples were used up.
func (v *varispeed) run(x *varispeedScratch, buf []int16, at, n int) (out []int16, used int) {
	table := varispeedTable()
	n = min(n, varispeedBlock)
	from := buf[at-varispeedHalf+1:]
	from = from[:min(len(from), len(x.in))]
	for i, s := range from {
		x.in[i] = float32(s)
	}
	k := 0
	for ; k < n && used+varispeedTaps <= len(from); k++ {
		phase := v.frac * varispeedPhases
		p := int(phase)
		x.out[k] = clip16(interpolate((*[varispeedTaps]float32)(x.in[used:]), &table[p], &table[p+1], float32(phase-float64(p))))
		v.frac += 1 + v.rate
		step := int(v.frac)
		v.frac -= float64(step)
		used += step
		if v.back && step == 2 {
			v.on, v.frac = false, 0
			k++
			break
		}
	}
	return x.out[:k], used
}

// interpolate weighs x with a filter between a and b.
func interpolate(x, a, b *[varispeedTaps]float32, between float32) float32 {
	var a0, a1, b0, b1 float32
	for i := 0; i < varispeedTaps; i += 2 {
		a0 += x[i] * a[i]
		b0 += x[i] * b[i]
		a1 += x[i+1] * a[i+1]
		b1 += x[i+1] * b[i+1]
	}
	return a0 + a1 + between*(b0+b1-a0-a1)
}
