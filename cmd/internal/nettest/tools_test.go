//go:build linux

package nettest

import (
	"testing"
	"time"

	"yodel/peer/audio/score"
)

// An outcome fails by its bars, one by one.
func TestBars(t *testing.T) {
	good := outcome{frames: 1000, framesLost: 1, gap: 20 * time.Millisecond, score: score.Score{FwSNRseg: 18}}
	tests := []struct {
		name   string
		change func(*outcome)
	}{
		{"frames", func(o *outcome) { o.framesLost = 2 }},
		{"gap", func(o *outcome) { o.gap = 2 * time.Second }},
		{"session", func(o *outcome) { o.sessionsLost = 1 }},
		{"presence", func(o *outcome) { o.presence = 1 }},
		{"quality", func(o *outcome) { o.score.FwSNRseg = 11 }},
		{"back", func(o *outcome) { o.back = 6 * time.Second }},
	}
	bar := bars{lost: 0.001, back: 5 * time.Second}.withDefaults()
	if good.judge(bar); len(good.faults) > 0 {
		t.Errorf("a good outcome: %v", good.faults)
	}
	for _, tt := range tests {
		bad := good
		tt.change(&bad)
		if bad.judge(bar); len(bad.faults) != 1 {
			t.Errorf("%s: faults %v, want one", tt.name, bad.faults)
		}
	}
	bad := outcome{frames: 1000, framesLost: 51, gap: 0}
	if bad.judge(bars{holes: true, gap: time.Second}); len(bad.faults) != 1 {
		t.Errorf("a voice that never came back: faults %v, want one", bad.faults)
	}
}
