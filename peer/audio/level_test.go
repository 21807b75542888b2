package audio

import (
	"math"
	"testing"
)

func TestLevels(t *testing.T) {
	square := make([]int16, 960)
	for i := range square {
		square[i] = int16(32767 * (1 - 2*(i/24%2)))
	}
	for name, c := range map[string]struct {
		frame       []int16
		level, peak float64
	}{
		"square":     {square, 0, 0},
		"sine":       {sine(960, 1000, 48000, 1), -3.01, 0},
		"half":       {sine(960, 1000, 48000, 0.5), -9.03, -6.02},
		"most":       {[]int16{-32768}, 0, 0},
		"silence":    {make([]int16, 960), Silence, Silence},
		"nothing":    {nil, Silence, Silence},
		"one in all": {append(make([]int16, 959), 1), Silence, -90.31},
	} {
		if l, p := Level(c.frame), Peak(c.frame); math.Abs(l-c.level) > 0.01 || math.Abs(p-c.peak) > 0.01 {
			t.Errorf("%s: level %.2f, peak %.2f", name, l, p)
		}
	}
}
