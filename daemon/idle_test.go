package daemon

import (
	"testing"
	"time"

	"yodel/wire"
)

// What keeps the path to an idle session open is the answer to its Ping; who says nothing that is answered gets reports.
func TestIdleSessionsGetReportsUnlessTheyGetAnswers(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		asks, silent := w.connect("10.0.0.1:1", newID(t)), w.connect("10.0.0.2:1", newID(t))
		asks.enter("alice", "lobby", nil)
		silent.enter("bob", "lobby", nil)
		begin := time.Since(bubbleStart)
		for range 8 {
			pass(wire.PingEvery)
			asks.ping()
			silent.run(func(time.Time) {
				plain, err := wire.AppendReceiverReport(nil, wire.SSRCPeer, nil)
				if err != nil {
					t.Error(err)
				}
				silent.sendRTCP(plain)
			})
		}
		pass(time.Second)
		if len(asks.reports) > 0 {
			t.Errorf("%d reports beside the answers", len(asks.reports))
		}
		const most = wire.KeepaliveEvery + 2*time.Second
		for _, at := range append(silent.reports, time.Since(bubbleStart)) {
			if at-begin > most {
				t.Errorf("nothing for %v", at-begin)
			}
			begin = at
		}
		if asks.bye != "" || silent.bye != "" {
			t.Errorf("ended: %q, %q", asks.bye, silent.bye)
		}
	})
}
