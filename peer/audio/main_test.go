package audio

import (
	"math"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain runs the tests, or, when the test binary was started again by a test, that test's program.
func TestMain(m *testing.M) {
	if program := programs[os.Getenv("AUDIO_TEST_PROGRAM")]; program != nil {
		os.Exit(program())
	}
	goleak.VerifyTestMain(m)
}

// programs are what tests start as processes of their own.
var programs = map[string]func() int{}

// sine is n samples of a tone, of amplitude 0 to 1, at a rate.
func sine(n int, hz, rate, amplitude float64) []int16 {
	x := make([]int16, n)
	for i := range x {
		x[i] = int16(math.Round(amplitude * 32767 * math.Sin(2*math.Pi*hz*float64(i)/rate)))
	}
	return x
}

// toneRatio is how far a tone of known frequency stands above everything else in x, at 48 kHz, in dB, and its phase at
// the first sample against a sine.
func toneRatio(x []int16, hz float64) (db, phase float64) {
	w := 2 * math.Pi * hz / SampleRate
	// Least squares for x = a·sin + b·cos.
	var ss, sc, cc, xs, xc float64
	for i, v := range x {
		s, c := math.Sincos(w * float64(i))
		ss, sc, cc = ss+s*s, sc+s*c, cc+c*c
		xs, xc = xs+float64(v)*s, xc+float64(v)*c
	}
	det := ss*cc - sc*sc
	a, b := (xs*cc-xc*sc)/det, (xc*ss-xs*sc)/det
	var signal, rest float64
	for i, v := range x {
		s, c := math.Sincos(w * float64(i))
		y := a*s + b*c
		signal += y * y
		rest += (float64(v) - y) * (float64(v) - y)
	}
	return 10 * math.Log10(signal/(rest+1e-9)), math.Atan2(b, a)
}

// step is how far two samples are apart.
func step(a, b int16) int { return max(int(a)-int(b), int(b)-int(a)) }
