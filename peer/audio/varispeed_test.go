package audio

import (
	"math"
	"testing"
)

// A tone at a little more or less than its speed is that tone and nothing else, up to where speech and Opus end.
func TestVarispeedIsClean(t *testing.T) {
	for _, hz := range []float64{100, 1000, 6000, 15000, 19000} {
		for _, rate := range []float64{0.001, -0.001, 0.003} {
			var v varispeed
			v.set(rate)
			in := sine(60000, hz, SampleRate, 0.9)
			var out []int16
			var x varispeedScratch
			for at := varispeedHalf; at < 55000; {
				pcm, used := v.run(&x, in[:at+1000], at, 700)
				out = append(out, pcm...)
				at += used
			}
			if db, _ := toneRatio(out, hz*(1+rate)); db < 80 {
				t.Errorf("%v Hz at %v: %.1f dB", hz, rate, db)
			}
		}
	}
}

func TestVarispeedBeginsWithoutAStep(t *testing.T) {
	in := sine(3000, 500, SampleRate, 0.9)
	var v varispeed
	var x varispeedScratch
	v.set(0.001)
	out, _ := v.run(&x, in, 100, 1)
	if out[0] != in[100] {
		t.Errorf("%d, want %d", out[0], in[100])
	}
	all, used := v.run(&x, in, 101, 400)
	if len(all) != 400 || used < 400 || used > 401 {
		t.Errorf("%d samples of %d", len(all), used)
	}
	w := 2 * math.Pi * 500 / SampleRate
	for i := range all[:398] {
		if bend := float64(all[i]) - 2*float64(all[i+1]) + float64(all[i+2]); math.Abs(bend) > 0.9*32767*w*w*1.01+3 {
			t.Fatalf("bent by %v at %d", bend, i)
		}
	}
}
