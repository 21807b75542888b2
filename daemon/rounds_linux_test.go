package daemon

import (
	"testing"
	"time"
)

// newRoundsTest gives rounds over the sockets of a real port, and who sends to it.
func newRoundsTest(t *testing.T) (r *rounds, h *hub, p *port, say func()) {
	t.Helper()
	p = openPort(t, "127.0.0.1:0", false)
	h = newHub(Config{}, p.sockets)
	r = newRounds(h.plane.shards)
	c := newCaller(t, "127.0.0.1")
	for _, sh := range h.plane.shards {
		sh.route(c.at, route{pending: true})
	}
	return r, h, p, func() { c.say(p, filled(92, 20)) } // DTLS by its first byte
}

// waiting is how many datagrams wait for the hub.
func waiting(h *hub) (n int) {
	for _, sh := range h.plane.shards {
		n += len(sh.box.take(batch{}).entries)
	}
	return n
}

func TestRoundsAreMadeWhileMuchComesAndNobodyWaits(t *testing.T) {
	r, _, _, _ := newRoundsTest(t)
	now, arrived := time.Now(), &r.by.arrived
	r.pace(now, true, false)
	for i, step := range []struct {
		after time.Duration
		more  uint64
		calm  bool
		on    bool
	}{
		{rateOver, manyArrive - 1, true, false},
		{rateOver, manyArrive, false, false},
		{0, 0, true, true}, // the rate is as it was
		{rateOver, fewArrive, true, true},
		{time.Millisecond, 0, false, false}, // at once
		{rateOver, 2 * manyArrive, true, true},
		{rateOver, fewArrive - 1, true, false},
		{10 * rateOver, manyArrive, true, false}, // in a second
	} {
		now = now.Add(step.after)
		arrived.Add(step.more)
		if r.pace(now, step.calm, false); r.on.Load() != step.on {
			t.Errorf("step %d: on is %v", i, r.on.Load())
		}
	}
}

// wantRound wants the next round to come after a time.
func wantRound(t *testing.T, r *rounds, now time.Time, after time.Duration) {
	t.Helper()
	if got := r.timer.at.Sub(now); got != after {
		t.Errorf("the next round comes after %v, want %v", got, after)
	}
}

func TestRoundsAreOftenerWhileSomebodyJoins(t *testing.T) {
	r, h, _, _ := newRoundsTest(t)
	now := h.plane.grid.origin.Add(time.Hour)
	r.pace(now, true, false)
	r.by.arrived.Add(2 * manyArrive)
	now = now.Add(rateOver + time.Millisecond)
	r.pace(now, true, false)
	wantRound(t, r, now, 0)
	r.by.advance(now)
	wantRound(t, r, now, roundEvery-time.Millisecond) // on the grid
	r.pace(now, true, true)
	wantRound(t, r, now, joinEvery)
	now = now.Add(joinEvery)
	r.by.advance(now)
	wantRound(t, r, now, joinEvery)
	r.pace(now, true, false)
	now = now.Add(joinEvery)
	r.by.advance(now)
	wantRound(t, r, now, roundEvery-2*joinEvery-time.Millisecond)
}

// While the sockets are read in rounds somebody has to come for the next one, or the pump that makes them is stuck.
func TestRoundsThatDoNotGoOnAreNotAlive(t *testing.T) {
	r, h, _, _ := newRoundsTest(t)
	s := &server{hub: h, rounds: r}
	pumpIs := func(well bool, when string) {
		t.Helper()
		for _, p := range s.probes() {
			if p.name == "pump 0" && p.passes() != well {
				t.Errorf("%s: the pump is well: %v", when, !well)
			}
		}
	}
	pumpIs(true, "without rounds")
	r.on.Store(true)
	pumpIs(false, "with rounds that nobody makes")
	r.by.schedule(&r.timer, time.Now().Add(time.Hour))
	pumpIs(true, "with a round to come")
}

// A round in which nothing has come asks the loop whether there are to be more.
func TestAnEmptyRoundRings(t *testing.T) {
	r, h, _, _ := newRoundsTest(t)
	r.on.Store(true)
	r.turn(time.Now())
	select {
	case <-h.plane.bell:
	default:
		t.Error("the loop is not asked")
	}
}

// What comes in rounds is taken by them, what comes around their end by either, and afterwards the readers are woken as before.
func TestNothingIsLostBetweenRoundsAndReaders(t *testing.T) {
	r, h, p, say := newRoundsTest(t)
	done := make(chan struct{})
	ended := make(chan struct{}, len(h.plane.shards))
	for _, sh := range h.plane.shards {
		go func() {
			sh.read(done)
			ended <- struct{}{}
		}()
	}
	now := time.Now()
	r.pace(now, false, false)
	for turn := range callsOf / 3 {
		now = now.Add(rateOver)
		r.by.arrived.Add(manyArrive)
		if r.pace(now, true, false); !r.on.Load() {
			t.Fatal("no rounds")
		}
		say()
		r.turn(now)
		got := waiting(h)
		say()
		r.pace(now, false, false)
		r.turn(now) // as the pump, which was told
		say()
		for got += waiting(h); got < 3; got += waiting(h) {
			select {
			case <-h.plane.bell:
			case <-time.After(patience):
				t.Fatalf("turn %d: %d of 3 came", turn, got)
			}
		}
	}
	close(done)
	_ = p.close()
	for range h.plane.shards {
		<-ended
	}
}
