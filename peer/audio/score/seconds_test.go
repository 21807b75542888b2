package score

import (
	"math"
	"math/rand/v2"
	"testing"
)

// stretched is x as a clock plays it that runs off by so many parts of a million: between samples it is linear.
func stretched(x []int16, ppm float64) []int16 {
	var y []int16
	for i := 0; ; i++ {
		at := float64(i) * (1 + ppm/1e6)
		k := int(at)
		if k+1 >= len(x) {
			return y
		}
		y = append(y, int16(math.Round(float64(x[k])+(at-float64(k))*float64(int(x[k+1])-int(x[k])))))
	}
}

// rumble is noise up to some kHz, whose pitch, unlike a chirp's, does not pass for a delay.
func rumble(n int) []int16 {
	rng := rand.New(rand.NewPCG(9, 9))
	x := make([]int16, n)
	var a, b float64
	for i := range x {
		a += 0.1 * (rng.NormFloat64() - a)
		b += 0.1 * (a - b)
		x[i] = int16(30000 * b)
	}
	return x
}

func TestADelayThatDriftsIsFollowed(t *testing.T) {
	ref := rumble(4 * rate)
	for _, ppm := range []float64{500, -500} {
		deg := delayed(stretched(ref, ppm), 960)
		s, seconds := CompareSeconds(ref, deg)
		if s.FwSNRseg < Compare(ref, deg).FwSNRseg+15 || s.Lost != 0 {
			t.Errorf("%v ppm: %v; with one delay %v", ppm, s, Compare(ref, deg))
		}
		for i, sec := range seconds[:3] {
			want := 960 - int(ppm*1e-6*(float64(i)+0.5)*rate)
			if !sec.Aligned || sec.Lag < want-6 || sec.Lag > want+6 {
				t.Errorf("%v ppm: second %d is %+v, want a lag of %d", ppm, i, sec, want)
			}
		}
	}
}

func TestADelayThatJumpsIsFollowed(t *testing.T) {
	for _, jump := range []int{1440, rate} {
		followsJump(t, jump)
	}
}

func followsJump(t *testing.T, jump int) {
	t.Helper()
	ref := chirps(4 * rate)
	const before = 4800
	deg := delayed(ref[:2*rate], before)
	deg = append(deg, make([]int16, jump)...)
	deg = append(deg, ref[2*rate:]...)
	s, seconds := CompareSeconds(ref, deg)
	if s.FwSNRseg < 34.9 || s.Active != 200 || s.Correlation < 0.999 {
		t.Error(s)
	}
	for i, sec := range seconds {
		want := before
		if i >= 2 {
			want += jump
		}
		if !sec.Aligned || sec.Lag != want {
			t.Errorf("a jump of %d: second %d is %+v, want a lag of %d", jump, i, sec, want)
		}
	}
}

func TestARecordingThatBeginsInTheMiddleIsComparedFromThere(t *testing.T) {
	ref := chirps(5 * rate)
	s, seconds := CompareSeconds(ref, ref[2*rate+480:])
	if s.Lag != -2*rate-480 || s.FwSNRseg < 34.9 || s.Lost != 0 || s.Active < 148 {
		t.Error(s)
	}
	if len(seconds) != 5 || seconds[0].Aligned || !seconds[4].Aligned {
		t.Errorf("seconds %+v", seconds)
	}
}

func TestAnotherSoundIsNotAligned(t *testing.T) {
	t.Logf("seed %d", 5)
	rng := rand.New(rand.NewPCG(5, 5))
	ref := chirps(3 * rate)
	deg := append([]int16(nil), ref...)
	for i := rate; i < 2*rate; i++ {
		deg[i] = int16(rng.NormFloat64() * 4000)
	}
	_, seconds := CompareSeconds(ref, deg)
	for i, aligned := range []bool{true, false, true} {
		if seconds[i].Aligned != aligned || seconds[i].Lag != 0 {
			t.Errorf("second %d is %+v, want one at lag 0, aligned: %v", i, seconds[i], aligned)
		}
	}
}
