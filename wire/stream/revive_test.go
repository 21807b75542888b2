package stream

import (
	"testing"
	"time"

	"yodel/wire"
)

// After a long black-out what waits is probed at once, and again after the timeout without backoff.
func TestRevive(t *testing.T) {
	x := newScript(t, Config{})
	x.warm()
	x.send(1)
	x.advance(20*time.Second + 50*time.Millisecond)
	seq := x.sent[len(x.sent)-1].seq + 1
	x.sent = nil
	x.s.Revive(x.now)
	x.flush()
	x.want(packet{seq, int(seq - 10), []int{10}}, packet{seq + 1, int(seq - 9), []int{10}})
	x.wantDeadline(x.s.rtt.backedOff(0))
	x.mustAck(seq, "1")
	if !x.s.Idle() {
		t.Error("not idle")
	}
}

func TestReviveDoesNothingToAHealthyStream(t *testing.T) {
	x := newScript(t, Config{})
	x.warm()
	x.s.Revive(x.now)
	x.flush()
	x.want() // idle
	x.send(1)
	x.advance(rtt100 / 2)
	before := x.s.Deadline()
	x.s.Revive(x.now)
	x.flush()
	x.want(packet{10, 0, []int{10}})
	if got := x.s.Deadline(); !got.Equal(before) {
		t.Errorf("deadline %v, was %v", got, before)
	}
}

// Revive is a sign of life, but a dead stream stays dead.
func TestReviveAndDeath(t *testing.T) {
	x := newScript(t, Config{})
	x.warm()
	x.advance(wire.DeadAfter - time.Second)
	x.s.Revive(x.now)
	x.advance(wire.DeadAfter - time.Second)
	if err := x.s.Err(); err != nil {
		t.Fatal(err)
	}
	x.advance(2 * time.Second)
	x.s.Revive(x.now)
	if x.s.Err() == nil || !x.s.Deadline().IsZero() {
		t.Error("a dead stream lives again")
	}
}

// After a move to a longer path the new round-trip time is no queue.
func TestReviveOnALongerPath(t *testing.T) {
	for _, revived := range []bool{false, true} {
		x := newScript(t, Config{})
		x.warm()
		if revived {
			x.s.Revive(x.now)
		}
		for range 30 {
			x.send(1)
			x.advance(500 * time.Millisecond)
			x.mustAck(x.sent[0].seq, "1")
			x.sent = nil
		}
		want := minWindow
		if revived {
			want = floorWindow
		}
		if got := x.s.reno.floor(&x.s.rtt); got != want {
			t.Errorf("revived %v: the floor is %d, want %d", revived, got, want)
		}
	}
}
