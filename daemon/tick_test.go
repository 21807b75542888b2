package daemon

import (
	"testing"
	"testing/synctest"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

// A member is told how far from its time a packet may come, never less.
func TestTickIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  Config
		want uint32
	}{
		"live":                {Config{Gather: 5 * time.Millisecond, Grid: 20 * time.Millisecond}, 5},
		"live, at once":       {Config{Grid: 20 * time.Millisecond}, 0},
		"echo":                {Config{Delay: time.Second, Gather: 5 * time.Millisecond, Grid: 20 * time.Millisecond}, 10},
		"echo, no grid":       {Config{Delay: time.Second, Gather: 5 * time.Millisecond}, 0},
		"half a step is 2.5":  {Config{Delay: time.Second, Grid: 5 * time.Millisecond}, 3},
		"less than one, live": {Config{Gather: time.Microsecond}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inRoom(t, c.cfg, func(t *testing.T, a, _ *client) {
				if got := last(a, (*wire.Message).GetJoined).GetTickMs(); got != c.want {
					t.Errorf("%d ms, want %d", got, c.want)
				}
			})
		})
	}
}

// On the grid only a turn starts a flight: a packet that comes when its time is there already waits for those of the other voices.
func TestOnTheGridATurnStartsTheFlight(t *testing.T) {
	p := &plane{validator: secure.NewValidator(), grid: grid{epoch, 20 * time.Millisecond}, shards: make([]*shard, 1)}
	p.shards[0] = newShard(p, 0, memorySocket(nil))
	r := newRelay(p, p.shards[0], time.Second)
	r.flight = new(flight)
	now := epoch.Add(7 * time.Millisecond)
	if f := r.start(now, false); f != nil || !r.timer.at.Equal(now) {
		t.Errorf("it starts without a turn, or there is none: %v", r.timer.at)
	}
	if f := r.start(now, true); f == nil {
		t.Error("a turn does not start it")
	}
}

// Voices that are heard after a second or more can wait for a round; others, and the answers to who has just written, cannot.
func TestCalmIsWhileNobodyWaits(t *testing.T) {
	for delay, calm := range map[time.Duration]bool{0: false, patient - time.Millisecond: false, patient: true} {
		t.Run(delay.String(), func(t *testing.T) {
			inRoom(t, Config{Delay: delay}, func(t *testing.T, a, _ *client) {
				want := func(when string, calm bool) {
					t.Helper()
					a.w.pass(5 * time.Second)
					synctest.Wait()
					a.w.server.hub.plane.tell.add(func(now time.Time) {
						if h := a.w.server.hub; h.calm(now) != calm {
							t.Errorf("%s: calm is %v", when, !calm)
						}
					})
					synctest.Wait()
				}
				want("silence", true)
				ssrc := a.talk("lobby", 0, 0)
				want("a voice", calm)
				a.speak(ssrc, 0, 0)
				a.endTalk(ssrc, 0)
				want("over", true)
				a.publish("lobby", 1, "hello")
				synctest.Wait()
				a.w.server.hub.plane.tell.add(func(now time.Time) {
					if a.w.server.hub.calm(now) {
						t.Error("calm after a message")
					}
				})
				want("later", true)
			})
		})
	}
}
