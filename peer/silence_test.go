package peer

import (
	"fmt"
	"testing"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
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

// A daemon that is started again between the handshake and Welcome is noticed by its hints.
func TestARestartBeforeWelcome(t *testing.T) {
	inSim(t, func(t *testing.T, n *simNet) {
		c := n.client(t, true).join()
		after(time.Second)
		n.set(func() {
			n.tap = func(up bool, _ *simConn, b []byte) bool { return up && wire.KindOf(b) == wire.KindRTP } // no Hello comes through
		})
		n.daemon.restart()
		p := c.begin("b")
		after(4 * time.Second)
		n.daemon.look(func() {
			if n.daemon.handshakes != 2 {
				t.Errorf("%d handshakes, want 2", n.daemon.handshakes)
			}
		})
		n.daemon.restart()
		n.set(func() { n.tap = nil })
		start := time.Now()
		if _, err := p.Receipt(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 4*time.Second {
			t.Errorf("the receipt came after %v", took)
		}
		c.close()
	})
}

// Hints of somebody else do not keep a session from beginning.
func TestForgedHintsBeforeWelcome(t *testing.T) {
	inSim(t, func(t *testing.T, n *simNet) {
		hint := secure.NewValidator().Hint(nil, make([]byte, 100), simServer, time.Now())
		n.set(func() {
			n.tap = func(up bool, conn *simConn, b []byte) bool {
				if up && wire.KindOf(b) == wire.KindRTP {
					conn.in <- hint
				}
				return false
			}
		})
		c := n.client(t, true).join()
		n.daemon.look(func() {
			if n.daemon.handshakes != 1 {
				t.Errorf("%d handshakes", n.daemon.handshakes)
			}
		})
		n.set(func() { n.tap = nil })
		c.close()
	})
}

// Who sees the path requests, sends hints, and answers 401 in the daemon's place and sooner, does not end the session.
func TestAnotherThatSaysTheSessionIsUnknown(t *testing.T) {
	inSim(t, func(t *testing.T, n *simNet) {
		c := n.client(t, true).join()
		after(time.Second)
		said := 0
		n.set(func() {
			n.tap = func(up bool, conn *simConn, b []byte) bool {
				if up && wire.KindOf(b) == wire.KindSTUN {
					said++
					conn.in <- secure.AppendPathUnknown(nil, [12]byte(b[8:20]))
				}
				return false
			}
		})
		var conn *simConn
		n.set(func() {
			for _, c := range n.conns {
				conn = c
			}
		})
		hint := secure.NewValidator().Hint(nil, make([]byte, 100), simServer, time.Now())
		for range 10 {
			conn.in <- hint
			c.publish("x")
			after(1100 * time.Millisecond)
		}
		n.daemon.look(func() {
			if n.daemon.handshakes != 1 {
				t.Errorf("%d handshakes", n.daemon.handshakes)
			}
		})
		n.set(func() {
			if n.tap = nil; said < 10 {
				t.Errorf("401 was said %d times", said)
			}
		})
		if events := c.close(); count[*Lost](events) > 0 {
			t.Errorf("%d times lost", count[*Lost](events))
		}
	})
}

// Who answers each request with a nonce that is none, sooner than the daemon, does not keep the session from moving.
func TestAnotherThatGivesFalseNonces(t *testing.T) {
	inSim(t, func(t *testing.T, n *simNet) {
		c := n.client(t, true).join()
		after(time.Second)
		false438 := secure.NewValidator()
		n.set(func() {
			n.tap = func(up bool, conn *simConn, b []byte) bool {
				if up && wire.KindOf(b) == wire.KindSTUN {
					conn.in <- false438.Hint(nil, append(append([]byte(nil), b[8:20]...), make([]byte, 100)...), simServer, time.Now())
				}
				return false
			}
		})
		for range 3 {
			n.rebind()
			start := time.Now()
			c.publish(long)
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("it took %v", took)
			}
			after(3 * time.Second)
		}
		n.set(func() { n.tap = nil })
		n.daemon.look(func() {
			if n.daemon.handshakes != 1 || n.daemon.moves != 3 {
				t.Errorf("%d handshakes, %d moves", n.daemon.handshakes, n.daemon.moves)
			}
		})
		if events := c.close(); count[*Lost](events) > 0 {
			t.Errorf("%d times lost", count[*Lost](events))
		}
	})
}
