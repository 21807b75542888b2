package wire

import (
	"testing"
	"time"
)

func TestKeyLimits(t *testing.T) {
	if l := RekeyLimits.Beyond(); l != (KeyLimits{Age: 30 * time.Hour, Packets: 5 << 28, SSRCs: 5120}) {
		t.Errorf("the daemon's limits are %+v", l)
	}
	l := KeyLimits{Age: time.Hour, Packets: 1000, SSRCs: 10}
	for _, c := range []struct {
		name    string
		age     time.Duration
		packets uint64
		ssrcs   int
		reached bool
	}{
		{"just under all", time.Hour - 1, 999, 9, false},
		{"age", time.Hour, 0, 0, true},
		{"packets", 0, 1000, 0, true},
		{"SSRCs", 0, 0, 10, true},
	} {
		if got := l.Reached(c.age, c.packets, c.ssrcs); got != c.reached {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}
