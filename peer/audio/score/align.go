package score

import (
	"math"
	"math/cmplx"
)

// align finds by how many samples deg lags ref, with the cross-correlation there, normalised to −1 … 1.
func align(ref, deg []float64) (lag int, correlation float64) {
	c := correlate(ref, deg)
	at := c.best()
	return c.lag(at), c.at(at) / math.Sqrt(energy(ref)*energy(deg)+tiny)
}

// alignNear is align, but of the peaks that are nearly as high as the highest one it takes that whose lag is nearest to 0.
func alignNear(ref, deg []float64) (lag int, correlation float64) {
	c := correlate(ref, deg)
	at := c.best()
	least := nearly * c.at(at)
	for i := range c {
		near := max(c.lag(i), -c.lag(i)) < max(c.lag(at), -c.lag(at))
		if v := c.at(i); near && v >= least && v >= c.at(i-1) && v >= c.at(i+1) {
			at = i
		}
	}
	return c.lag(at), c.at(at) / math.Sqrt(energy(ref)*energy(deg)+tiny)
}

// nearly is the height of a peak, of the highest one's, from which on it may be the one that is looked for.
const nearly = 0.95

// correlations are the cross-correlation for each lag, times their number, which is a power of two; negative lags are at the end.
type correlations []complex128

func correlate(ref, deg []float64) correlations {
	f := newFFT(powerOfTwo(len(ref) + len(deg)))
	c := crossSpectrum(f, ref, deg)
	f.forward(c)
	return c
}

// at is the correlation at a place, or at one beyond the first or the last one.
func (c correlations) at(i int) float64 { return real(c[i&(len(c)-1)]) / float64(len(c)) }

// lag is the lag of a place.
func (c correlations) lag(i int) int {
	if i > len(c)/2 {
		i -= len(c)
	}
	return i
}

// best is the place of the highest one.
func (c correlations) best() (at int) {
	best := math.Inf(-1)
	for i, v := range c {
		if real(v) > best {
			best, at = real(v), i
		}
	}
	return at
}

// crossSpectrum returns X·conj(Y) of the spectra X of ref and Y of deg, filled up with zeros: its forward transform is n times the
// cross-correlation. Both are real, so one transform of ref + i·deg gives both.
func crossSpectrum(f *fft, ref, deg []float64) []complex128 {
	z := make([]complex128, f.n)
	for i, v := range ref {
		z[i] = complex(v, 0)
	}
	for i, v := range deg {
		z[i] += complex(0, v)
	}
	f.forward(z)
	cross := make([]complex128, f.n)
	for k := range z {
		mirrored := cmplx.Conj(z[(f.n-k)%f.n])
		x, y := (z[k]+mirrored)/2, (z[k]-mirrored)/2i
		cross[k] = x * cmplx.Conj(y)
	}
	return cross
}

func energy(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return sum
}

// overlap cuts both to what they have in common once deg is taken lag samples earlier.
func overlap(ref, deg []float64, lag int) (commonRef, commonDeg []float64) {
	if lag >= 0 {
		deg = deg[min(lag, len(deg)):]
	} else {
		ref = ref[min(-lag, len(ref)):]
	}
	n := min(len(ref), len(deg))
	return ref[:n], deg[:n]
}
