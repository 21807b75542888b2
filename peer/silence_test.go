package peer

import (
	"fmt"
	"testing"
	"time"

	"yodel/wire"
)

// A line that is too short for a hint is followed by a report, which is not.
func TestAShortLineAfterTheNATForgot(t *testing.T) {
	inSim(t, func(t *testing.T, n *simNet) {
		c := n.client(t, false).join()
		after(17 * time.Second)
		for range 2 { // also the second time
			n.rebind()
			start := time.Now()
			c.publish("b")
			if took := time.Since(start); took > time.Second {
				t.Errorf("it took %v", took)
			}
			after(time.Minute + 7*time.Second)
		}
		n.daemon.look(func() {
			if n.daemon.hints < 2 || n.daemon.moves != 2 {
				t.Errorf("%d hints, %d moves", n.daemon.hints, n.daemon.moves)
			}
		})
		c.close()
	})
}

// While nothing comes the reports become fewer.
func TestReportsIntoSilence(t *testing.T) {
	inSim(t, func(t *testing.T, n *simNet) {
		c := n.client(t, false).join()
		after(time.Second)
		var reports []time.Duration
		start := time.Now()
		n.set(func() {
			n.tap = func(up bool, _ *simConn, b []byte) bool {
				if up && wire.KindOf(b) == wire.KindRTCP && len(b) >= 68 {
					reports = append(reports, time.Since(start))
				}
				return true
			}
		})
		c.begin("b")
		after(wire.DoubtAfter)
		n.set(func() {
			if got := fmt.Sprint(reports); got != "[500ms 1s 2s 4s]" {
				t.Errorf("reports after %s", got)
			}
			n.tap = nil
		})
		c.close()
	})
}
