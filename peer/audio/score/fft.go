package score

import (
	"math"
	"math/bits"
	"math/cmplx"
)

// fft is a plan for transforms of one size, a power of two.
type fft struct {
	n       int
	twiddle []complex128 // e^(−2πik/n), k < n/2
}

func newFFT(n int) *fft {
	f := &fft{n: n, twiddle: make([]complex128, n/2)}
	for k := range f.twiddle {
		f.twiddle[k] = cmplx.Rect(1, -2*math.Pi*float64(k)/float64(n))
	}
	return f
}

// forward transforms a, of length n, in place.
func (f *fft) forward(a []complex128) {
	shift := 64 - uint(bits.TrailingZeros(uint(f.n)))
	for i := range a {
		if j := int(bits.Reverse64(uint64(i)) >> shift); i < j {
			a[i], a[j] = a[j], a[i]
		}
	}
	for size := 2; size <= f.n; size *= 2 {
		half, stride := size/2, f.n/size
		for start := 0; start < f.n; start += size {
			for k := range half {
				u, v := a[start+k], a[start+k+half]*f.twiddle[k*stride]
				a[start+k], a[start+k+half] = u+v, u-v
			}
		}
	}
}

// powerOfTwo is the least power of two that is at least n, and at least 2.
func powerOfTwo(n int) int { return max(2, 1<<bits.Len(uint(n-1))) }
