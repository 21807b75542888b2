package score

import (
	"math"
	"math/cmplx"
)

// align finds by how many samples deg lags ref, with the cross-correlation there, normalised to −1 … 1.
func align(ref, deg []float64) (lag int, correlation float64) {
	n := powerOfTwo(len(ref) + len(deg))
	f := newFFT(n)
	a := crossSpectrum(f, ref, deg)
	f.forward(a)
	best, at := math.Inf(-1), 0
	for i, v := range a {
		if real(v) > best {
			best, at = real(v), i
		}
	}
	if at > n/2 {
		at -= n
	}
	return at, best / float64(n) / math.Sqrt(energy(ref)*energy(deg)+tiny)
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
