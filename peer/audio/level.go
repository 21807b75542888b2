package audio

import "math"

// Silence is the level of a frame without sound, in dB relative to full scale: below what 16 bits can hold.
const Silence = -96.0

// Level returns the root-mean-square level of frame in dB relative to full scale: 0 for a square wave at full scale,
// −3 for such a sine, Silence for nothing.
func Level(frame []int16) float64 {
	sum := 0.0
	for _, v := range frame {
		sum += float64(v) * float64(v)
	}
	return level(sum, len(frame))
}

// level is that of n samples with a sum of squares.
func level(sum float64, n int) float64 {
	if sum == 0 {
		return Silence
	}
	return decibel(math.Sqrt(sum / float64(n)))
}

// Peak returns the level of the largest sample of frame in dB relative to full scale, Silence for nothing.
func Peak(frame []int16) float64 {
	peak := 0
	for _, v := range frame {
		peak = max(peak, int(v), -int(v))
	}
	if peak == 0 {
		return Silence
	}
	return decibel(float64(peak))
}

func decibel(v float64) float64 { return max(Silence, 20*math.Log10(v/-math.MinInt16)) }
