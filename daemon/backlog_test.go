package daemon

import (
	"fmt"
	"testing"
	"time"

	"yodel/wire"
)

// While too much waits for the disk a session is asked for little more, and yet all that it has published is stored.
func TestPublishesWaitForTheDisk(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		const n = 200
		h, s := a.w.server.hub, a.w.session(a)
		h.plane.tell.add(func(time.Time) { h.unstored += maxUnstored })
		a.run(func(time.Time) {
			for i := range n {
				m := wire.Encode(&wire.Message_Publish{Publish: &wire.Publish{Room: "lobby", Id: uint64(i + 1), Body: fmt.Appendf(nil, "%0900d", i)}})
				if err := a.stream.Send(m); err != nil {
					t.Error(err)
				}
			}
		})
		for range 100 {
			a.w.pass(50 * time.Millisecond)
		}
		if got := len(all(b, (*wire.Message).GetEntry)); got != n {
			t.Errorf("%d of %d messages were stored", got, n)
		}
		if a.w.dropped(dropUnstored) == 0 {
			t.Error("none had to wait")
		}
		if s.unstored != 0 || h.unstored != maxUnstored {
			t.Errorf("%d and %d bytes wait for nothing", s.unstored, h.unstored-maxUnstored)
		}
	})
}

// A panic while a message is taken leaves nothing that waits for an outcome.
func TestNothingWaitsForTheDiskAfterAPanic(t *testing.T) {
	for name, c := range map[string]struct {
		transient bool
		broken    func(h *hub, bob *session) (mend func())
	}{
		"stored": {false, func(h *hub, _ *session) func() {
			log := h.messages
			h.messages = nil
			return func() { h.messages = log }
		}},
		"transient": {true, func(_ *hub, bob *session) func() {
			held := bob.stream
			bob.stream = nil
			return func() { bob.stream = held }
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inRoom(t, Config{}, func(t *testing.T, a, b *client) {
				a.w.panics = true
				h, s, bob := a.w.server.hub, a.w.session(a), a.w.session(b)
				m := wire.Encode(&wire.Message_Publish{Publish: &wire.Publish{Room: "lobby", Id: 1, Body: []byte("x"), Transient: c.transient}})
				h.plane.tell.add(func(now time.Time) {
					defer c.broken(h, bob)()
					s.message(now, m)
				})
				a.w.pass(time.Second)
				r := h.rooms["lobby"]
				if !s.gone || a.w.dropped(dropPanic) != 1 {
					t.Errorf("the session has ended: %v; %d panics", s.gone, a.w.dropped(dropPanic))
				}
				if h.unstored != 0 || r.appends != r.outcomes || len(r.later) != 0 {
					t.Errorf("%d bytes, %d messages, %d transient ones wait", h.unstored, r.appends-r.outcomes, len(r.later))
				}
				b.publish("lobby", 1, "bob goes on")
				a.w.pass(time.Second)
				if len(b.texts()) != 1 || h.unstored != 0 {
					t.Errorf("bob read %q, %d bytes wait", b.texts(), h.unstored)
				}
			})
		})
	}
}
