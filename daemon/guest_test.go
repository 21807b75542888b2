package daemon

import (
	"testing"
	"time"

	"yodel/wire"
)

// What comes from a session that has ended, at an address at which it was only recognised, is told that nobody is there.
func TestGuestThatHasEndedGetsAHint(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		w := a.w
		h := w.server.hub
		left := w.outpost("10.7.7.7:7")
		s := w.session(a)
		w.server.hub.plane.tell.add(func(now time.Time) {
			p := h.place(now, h.plane.shards[1], left.addr)
			p.admit(s, now.Add(recognisedFor))
			h.routed(left.addr, p)
		})
		report, err := wire.AppendReceiverReport(nil, wire.SSRCPeer, nil)
		if err != nil {
			t.Fatal(err)
		}
		one := func() []byte {
			var sealed []byte
			a.run(func(time.Time) {
				if sealed, err = a.tx.SealRTCP(nil, report); err != nil {
					t.Error(err)
				}
			})
			return sealed
		}
		if got := left.send(one()); len(got) != 0 {
			t.Errorf("%d answers to a session that is there", len(got))
		}
		before := one()
		w.server.hub.plane.tell.add(func(now time.Time) { s.remove(now, wire.ByeLeft) })
		if got := left.send(before); len(got) != 1 || wire.KindOf(got[0]) != wire.KindSTUN {
			t.Errorf("%d answers to a session that has ended", len(got))
		}
		b.ping()
	})
}
