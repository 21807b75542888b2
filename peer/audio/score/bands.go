package score

import (
	"math"
	"math/cmplx"
)

const (
	size     = 2048 // of the transform of one frame
	numBands = 25
	topMel   = 2840.0 // 8 kHz
	weight   = 0.2    // exponent of a band's weight
)

// meter compares frames in mel bands. It reuses its buffers.
type meter struct {
	fft    *fft
	window [frame]float64
	edges  [numBands + 1]int // transform bins
	buf    []complex128
}

func newMeter() *meter {
	m := &meter{fft: newFFT(size), buf: make([]complex128, size)}
	for i := range m.window {
		m.window[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/frame)
	}
	for b := range m.edges {
		hz := 700 * (math.Pow(10, topMel/numBands*float64(b)/2595) - 1)
		m.edges[b] = int(hz / rate * size)
	}
	return m
}

// bands returns the weighted mean of the bands' signal-to-noise ratios, and their root-mean-square distance, in dB.
func (m *meter) bands(ref, deg []float64, gain float64) (fw, lsd float64) {
	r, d := m.magnitudes(ref), m.magnitudes(deg)
	sum, weights := 0.0, 0.0
	for b := range numBands {
		x, y := gain*r[b], d[b]
		w := math.Pow(math.Abs(x)+1e-9, weight)
		sum += w * clamp(10*math.Log10(x*x/((x-y)*(x-y)+tiny)+tiny))
		weights += w
		distance := 20 * math.Log10((y+1e-4)/(math.Abs(x)+1e-4))
		lsd += distance * distance
	}
	return sum / weights, math.Sqrt(lsd / numBands)
}

// magnitudes sums the spectrum of one frame in each band.
func (m *meter) magnitudes(x []float64) (bands [numBands]float64) {
	clear(m.buf)
	for i, v := range x {
		m.buf[i] = complex(v*m.window[i], 0)
	}
	m.fft.forward(m.buf)
	for b := range bands {
		for k := m.edges[b]; k < max(m.edges[b+1], m.edges[b]+1); k++ {
			bands[b] += cmplx.Abs(m.buf[k])
		}
	}
	return bands
}
