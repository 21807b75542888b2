package score

import (
	"math"
	"math/rand/v2"
	"testing"
)

// chirps is sound that is nowhere like itself: tones of changing frequency, two seconds.
func chirps(n int) []int16 {
	x := make([]int16, n)
	phase := 0.0
	for i := range x {
		phase += 2 * math.Pi * (200 + 3000*float64(i)/float64(n)) / rate
		x[i] = int16(9000 * math.Sin(phase) * (0.6 + 0.4*math.Sin(float64(i)/5000)))
	}
	return x
}

// delayed puts lag zeros before x.
func delayed(x []int16, lag int) []int16 { return append(make([]int16, lag), x...) }

func TestIdenticalSoundHasTheCapAndItsDelay(t *testing.T) {
	ref := chirps(rate)
	for _, lag := range []int{0, 1, 480, 123456} {
		s := Compare(ref, delayed(ref, lag))
		if s.Lag != lag || s.FwSNRseg < 34.9 || s.Lost != 0 || s.Active != 50 || math.Abs(s.Gain-1) > 1e-6 {
			t.Errorf("lag %d: %v", lag, s)
		}
	}
}

func TestARecordingThatBeginsLaterHasNegativeLag(t *testing.T) {
	ref := chirps(rate)
	if s := Compare(ref, ref[4800:]); s.Lag != -4800 || s.FwSNRseg < 34.9 {
		t.Error(s)
	}
}

func TestGainIsNotNoise(t *testing.T) {
	ref := chirps(rate)
	half := make([]int16, len(ref))
	for i, v := range ref {
		half[i] = v / 2
	}
	if s := Compare(ref, half); math.Abs(s.Gain-0.5) > 0.001 || s.SegSNR < 34.9 || s.Lost != 0 {
		t.Error(s)
	}
}

func TestNoiseIsMeasured(t *testing.T) {
	t.Logf("seed %d", 7)
	rng := rand.New(rand.NewPCG(7, 7))
	ref := chirps(rate)
	previous := math.Inf(1)
	for _, amplitude := range []float64{30, 300, 3000} {
		deg := make([]int16, len(ref))
		for i, v := range ref {
			deg[i] = v + int16(rng.NormFloat64()*amplitude)
		}
		s := Compare(ref, deg)
		want := 20 * math.Log10(rms(ref)/amplitude)
		if math.Abs(s.SNR-want) > 0.5 {
			t.Errorf("noise of %v: SNR %.1f dB, want %.1f", amplitude, s.SNR, want)
		}
		if s.FwSNRseg >= previous {
			t.Errorf("noise of %v: fwSNRseg %.1f dB does not fall from %.1f", amplitude, s.FwSNRseg, previous)
		}
		previous = s.FwSNRseg
	}
}

func rms(x []int16) float64 { return math.Sqrt(energy(toFloat(x))/float64(len(x))) * 32768 }

func TestLostFramesAreCounted(t *testing.T) {
	ref := chirps(2 * rate)
	deg := append([]int16(nil), ref...)
	for _, f := range []int{3, 20, 21, 77} {
		clear(deg[f*frame : (f+1)*frame])
	}
	if s := Compare(ref, deg); s.Lost != 4 || s.Active != 100 {
		t.Error(s)
	}
}

func TestSilenceAndNothingDoNotFail(t *testing.T) {
	sound := chirps(rate)
	for name, c := range map[string]struct {
		ref, deg     []int16
		active, lost int
	}{
		"nothing":            {nil, nil, 0, 0},
		"no recording":       {sound, nil, 0, 0},
		"no reference":       {nil, sound, 0, 0},
		"silent recording":   {sound, make([]int16, rate), 50, 50},
		"silent reference":   {make([]int16, rate), sound, 0, 0},
		"less than a frame":  {sound[:10], sound[:10], 0, 0},
		"shorter than a lag": {sound, sound[:100], 0, 0},
	} {
		seconds, _ := CompareSeconds(c.ref, c.deg)
		for _, s := range []Score{Compare(c.ref, c.deg), seconds} {
			sum := s.FwSNRseg + s.SNR + s.LSD + s.Correlation
			if s.Active != c.active || s.Lost != c.lost || math.IsNaN(sum) {
				t.Errorf("%s: %v", name, s)
			}
		}
	}
}
