package daemon

import (
	"encoding/binary"
	"testing"
	"time"
)

// key is one of many identities.
func key(n int) (who [32]byte) {
	binary.BigEndian.PutUint32(who[:], uint32(n))
	return who
}

// When a daemon was started again all who talk come back at once, with two talks each.
func TestAllWhoComeBackMayTalk(t *testing.T) {
	r := newRelay(new(plane), nil, 0)
	for i := range maxVoices {
		if !r.admits(epoch, key(i/2)) {
			t.Fatalf("talk %d is refused", i)
		}
	}
}

// Those who begin talks without end have a rate, in all, and who talks now and then is never refused because of them.
func TestSomeWhoBeginTalksDoNotSilenceARoom(t *testing.T) {
	const keys, seconds, every = 64, 300, 100 * time.Millisecond
	r := newRelay(new(plane), nil, 0)
	begun := 0
	for at := time.Duration(0); at < seconds*time.Second; at += every {
		now := epoch.Add(at)
		for i := range keys {
			if r.admits(now, key(i)) {
				begun++
			}
		}
		if at%(3*time.Second) == 0 && !r.admits(now, key(keys)) {
			t.Fatalf("who talks every 3 s is refused after %v", at)
		}
	}
	rested := seconds*keys*int(time.Second)/int(startRest) + keys
	if most := startBurstAll + seconds*startRateAll + rested; begun > most || begun < startBurstAll {
		t.Errorf("%d talks in %d s, at most %d", begun, seconds, most)
	}
	if len(r.starts.each) > maxVoices {
		t.Errorf("%d identities are remembered", len(r.starts.each))
	}
}

// Identities that have begun nothing lately are forgotten.
func TestStartsAreForgotten(t *testing.T) {
	r := newRelay(new(plane), nil, 0)
	for i := range 10 * maxVoices {
		r.admits(epoch.Add(time.Duration(i)*10*time.Millisecond), key(i))
	}
	if n := len(r.starts.each); n > maxVoices {
		t.Errorf("%d identities are remembered", n)
	}
}

// A jump that finds no room is counted once, and is no start.
func TestAJumpWithoutRoomIsNoStart(t *testing.T) {
	r := newRelay(new(plane), nil, 0)
	v := &voice{relay: r, who: key(1), begun: true}
	for range maxDraining {
		r.voices = append(r.voices, v)
	}
	if v.split(epoch, nil, &arrival{voice: v}) != nil {
		t.Fatal("there is one more")
	}
	if n, jumps := r.plane.drops.now[dropTalks].Load(), r.plane.drops.now[dropJump].Load(); n != 1 || jumps != 0 || len(r.starts.each) != 0 {
		t.Errorf("%d and %d counted, %d have begun", n, jumps, len(r.starts.each))
	}
}
