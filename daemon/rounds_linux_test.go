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
	all := newRounds(h.plane.shards)
	c := newCaller(t, "127.0.0.1")
	return &all, h, p, func() { c.say(p, filled(92, 20)) } // DTLS by its first byte
}

// waiting is how many datagrams wait for the hub.
func waiting(h *hub) (n int) {
	for _, sh := range h.plane.shards {
		n += len(sh.box.take(batch{}).entries)
	}
	return n
}

func TestRoundsAreMadeWhileMuchComesAndNobodyWaits(t *testing.T) {
	r, h, _, _ := newRoundsTest(t)
	now, arrived := time.Now(), uint64(0)
	r.pace(now, true, arrived, h.w)
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
		now, arrived = now.Add(step.after), arrived+step.more
		if r.pace(now, step.calm, arrived, h.w); r.on != step.on {
			t.Errorf("step %d: on is %v", i, r.on)
		}
	}
}

func TestRoundsAreOftenerWhileSomebodyJoins(t *testing.T) {
	r, h, _, _ := newRoundsTest(t)
	now := time.Now()
	r.on = true
	r.look(now, true, h.w)
	if r.due(now.Add(joinEvery-1)) || !r.due(now.Add(joinEvery)) {
		t.Error("not as often as somebody joins")
	}
	r.look(now, false, h.w)
	if r.due(now.Add(roundEvery-1)) || !r.due(now.Add(roundEvery)) {
		t.Error("not as seldom as nobody joins")
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
	now, arrived := time.Now(), uint64(0)
	r.pace(now, false, arrived, h.w)
	for turn := range 50 {
		now, arrived = now.Add(rateOver), arrived+manyArrive
		if r.pace(now, true, arrived, h.w); !r.on {
			t.Fatal("no rounds")
		}
		say()
		r.look(now, false, h.w)
		got := waiting(h)
		say()
		r.pace(now, false, arrived, h.w)
		say()
		for got += waiting(h); got < 3; got += waiting(h) {
			select {
			case <-h.plane.bell:
			case <-time.After(5 * time.Second):
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
