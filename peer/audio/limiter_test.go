package audio

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// limit runs a mix through a limiter in blocks.
func limit(mix []int32, block int) []int16 {
	l := limiter{gain: 1}
	out := make([]int16, len(mix))
	for at := 0; at < len(mix); at += block {
		end := min(at+block, len(mix))
		l.run(out[at:end], mix[at:end])
	}
	return out
}

func TestOneVoicePassesBitByBit(t *testing.T) {
	t.Log("seed 5")
	rng := rand.New(rand.NewPCG(5, 5))
	mix, want := make([]int32, 6000), make([]int16, 6000)
	for i := range mix {
		want[i] = int16(rng.Uint32())
		mix[i] = int32(want[i])
	}
	mix[7], want[7], mix[8], want[8] = math.MinInt16, math.MinInt16, math.MaxInt16, math.MaxInt16
	for _, block := range []int{1, 100, 480, 960, 2880} {
		if diff := cmp.Diff(want, limit(mix, block)); diff != "" {
			t.Errorf("blocks of %d: %s", block, diff)
		}
	}
}

func TestALoudMixIsTurnedDownNotClipped(t *testing.T) {
	for _, voices := range []int{2, 5, 50} {
		mix := make([]int32, 96000)
		for i, v := range sine(len(mix), 400, 48000, 0.9) {
			if i >= 24000 && i < 72000 {
				v = clip16(float32(v)) // the loud part
				mix[i] = int32(voices) * int32(v)
			} else {
				mix[i] = int32(v) / 2
			}
		}
		out := limit(mix, 960)
		if db, _ := toneRatio(out[30000:66000], 400); db < 40 {
			t.Errorf("%d voices: %.1f dB: it is distorted", voices, db)
		}
		if p := Peak(out[30000:66000]); p < -1 {
			t.Errorf("%d voices: the peak is at %.1f dB", voices, p)
		}
		before, after := Level(out[:24000-960]), Level(out[72000:73000])
		if after > before || voices == 2 && after < before-6.5 {
			t.Errorf("%d voices: %.1f dB before, %.1f dB after the loud part", voices, before, after)
		}
	}
}

func TestTheGainComesBack(t *testing.T) {
	mix := make([]int32, 48000*5)
	for i := range mix {
		mix[i] = 1000
	}
	mix[0] = 100_000
	out := limit(mix, 480)
	if out[0] < 32766 || out[1000] > 500 || out[len(out)-1] != 1000 {
		t.Error(out[0], out[1000], out[len(out)-1])
	}
	for i := 200; i < len(out)-1; i++ {
		if out[i+1] < out[i]-1 {
			t.Fatalf("the gain falls at %d", i)
		}
	}
}

// The gain follows no single peaks of a steady sum of voices: that would be heard as pumping.
func TestASteadySumDoesNotPump(t *testing.T) {
	for _, voices := range []int{3, 10, 50} {
		rng := seeded(t, uint64(voices))
		l := limiter{gain: 1}
		mix, out := make([]int32, 960), make([]int16, 960)
		var gains []float64
		for range 400 {
			for i := range mix {
				mix[i] = 0
				for range voices {
					mix[i] += int32(rng.NormFloat64() * 6000)
				}
			}
			l.run(out, mix)
			gains = append(gains, decibel(float64(l.gain)*-math.MinInt16))
		}
		for i := 50; i+10 <= len(gains); i++ { // 200 ms
			if swing := slices.Max(gains[i:i+10]) - slices.Min(gains[i:i+10]); swing > 3 {
				t.Errorf("%d voices: the gain moves by %.1f dB in 200 ms", voices, swing)
			}
		}
	}
}

// After one loud millisecond others are soon as loud as they were.
func TestALoudMomentIsSoonOver(t *testing.T) {
	for _, voices := range []int32{2, 20, 64} {
		mix := make([]int32, 3*SampleRate)
		for i := range mix {
			mix[i] = 1000
			if i < SampleRate/1000 {
				mix[i] = voices * 32767
			}
		}
		if out := limit(mix, 960); out[5*SampleRate/2] < 700 {
			t.Errorf("%d voices: %d of 1000 after 2.5 s", voices, out[5*SampleRate/2])
		}
	}
}
