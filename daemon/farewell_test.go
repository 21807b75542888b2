package daemon

import (
	"bytes"
	"testing"
	"time"

	"yodel/wire"
)

// A session that the daemon ends is told three times within 100 ms, in different packets, and is gone at once.
func TestByeComesThreeTimes(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		var got [][]byte
		var at []time.Duration
		began := time.Now()
		a.w.deliver = func(to *client, d []byte) {
			if to == a && wire.KindOf(d) == wire.KindRTCP {
				got, at = append(got, d), append(at, time.Since(began))
			}
			to.arrives(d)
		}
		a.run(func(time.Time) {}) // the loop is idle
		s := a.w.session(a)
		a.w.server.hub.plane.tell.add(func(now time.Time) { s.end(now, wire.ByeSlow) })
		a.w.pass(10 * time.Millisecond)
		if e := last(b, (*wire.Message).GetPresence).GetEvents()[0]; e.GetJoined() || e.GetReason() != wire.ByeSlow {
			t.Errorf("bob saw %v", e)
		}
		a.w.pass(time.Second)
		if a.byes != wire.ByeTimes || a.bye != wire.ByeSlow || len(got) != wire.ByeTimes {
			t.Fatalf("%d BYEs in %d packets: %q", a.byes, len(got), a.bye)
		}
		if at[2] > 100*time.Millisecond || bytes.Equal(got[0], got[1]) || bytes.Equal(got[1], got[2]) {
			t.Errorf("at %v", at)
		}
		if len(a.w.server.hub.farewells) != 0 {
			t.Error("a farewell is left")
		}
	})
}

func TestSilentPeerIsToldOfItsEnd(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		a.send = func([]byte) {}
		for range 4 {
			a.w.pass(8 * time.Second)
			b.ping()
		}
		if a.bye != wire.ByeTimeout || a.byes != wire.ByeTimes {
			t.Errorf("%d times %q", a.byes, a.bye)
		}
	})
}

// When the daemon stops just after it has ended a session, that one is told three times as well.
func TestFarewellsAreFinishedAtTheEnd(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, _ *client) {
		s := a.w.session(a)
		a.w.server.hub.plane.tell.add(func(now time.Time) { s.end(now, wire.ByeSlow) })
		a.w.pass(10 * time.Millisecond)
		a.w.server.hub.stop(time.Now(), wire.ByeStopping) // the loop is idle
		a.w.server.hub.stop(time.Now(), wire.ByeStopping)
		a.run(func(time.Time) {})
		if a.byes != wire.ByeTimes || a.bye != wire.ByeSlow {
			t.Errorf("%d times %q", a.byes, a.bye)
		}
	})
}
