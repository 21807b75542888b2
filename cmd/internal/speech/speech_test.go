package speech

import (
	"testing"
	"time"
)

// A gap is seen with its length, and none where there is none: the voice has no pauses of its own.
func TestGapsAreFound(t *testing.T) {
	voice, err := New(4*time.Second, 3)
	if err != nil {
		t.Fatal(err)
	}
	if gap, sound := LongestGap(voice); gap != 0 || !sound {
		t.Errorf("a gap of %v in the voice itself", gap)
	}
	clear(voice[50*Frame : 50*Frame+7*Frame])
	clear(voice[120*Frame : 120*Frame+3*Frame])
	if gap, _ := LongestGap(voice); gap != 7*FrameTime {
		t.Errorf("a gap of %v, want %v", gap, 7*FrameTime)
	}
	if _, sound := LongestGap(make([]int16, 10*Frame)); sound {
		t.Error("sound in silence")
	}
}
