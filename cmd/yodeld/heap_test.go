package main

import "testing"

func TestGarbageIsBoundedByWhatLives(t *testing.T) {
	for _, c := range []struct {
		live uint64
		want int
	}{
		{0, 600}, {1 << 20, 600}, {6 << 20, 100}, {20 << 20, 30}, {1 << 30, 30},
	} {
		if got := gcPercent(c.live); got != c.want {
			t.Errorf("%d bytes live: %d %%, want %d %%", c.live, got, c.want)
		}
	}
}
