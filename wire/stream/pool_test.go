package stream

import (
	"errors"
	"testing"
	"time"

	"github.com/pion/rtp"

	"yodel/wire"
)

// give gives a stream one message, or its first bytes, that nobody takes.
func give(s *Stream, now time.Time, number, size, some int) error {
	p := wire.AppendChunk(wire.AppendDistance(nil, 0), wire.Chunk{Message: uint64(number), Total: size, Data: make([]byte, some)})
	h := &rtp.Header{Version: 2, PayloadType: wire.PayloadMessage, SSRC: wire.SSRCPeer, SequenceNumber: uint16(number)}
	return s.HandlePacket(now, h, p)
}

// fill gives a stream messages until it takes no more.
func fill(t *testing.T, s *Stream, now time.Time) {
	t.Helper()
	var err error
	for number := s.in.ready.n; err == nil; number++ {
		err = give(s, now, number, 1000, 1000)
	}
	if !errors.Is(err, ErrFull) {
		t.Errorf("%v with %d bytes held", err, s.in.held)
	}
}

// Streams with a common pool have half of what is left of it each, beside what each may hold alone, and give back what they had: so a few that take
// what they can get leave something to others.
func TestStreamsShareAPool(t *testing.T) {
	pool := &Pool{Size: 256 << 10}
	now := time.Unix(1, 0)
	each := heldFor(1000)
	var streams []*Stream
	for i := range 8 {
		s := New(Config{Local: wire.SSRCDaemon, Remote: wire.SSRCPeer, Pool: pool}, now)
		streams = append(streams, s)
		left := pool.Size - pool.held
		fill(t, s, now)
		if got := s.in.held - HeldAlone; got < left/2-2*each || got > left/2+each {
			t.Errorf("stream %d has %d bytes of %d that were left", i, got, left)
		}
	}
	total := 0
	for _, s := range streams {
		total += s.in.held
	}
	if most := pool.Size + len(streams)*HeldAlone; total > most {
		t.Errorf("%d bytes are held, at most %d", total, most)
	}
	before, freed := streams[7].in.held, streams[0].in.held-HeldAlone
	for _, ok := streams[0].Receive(); ok; _, ok = streams[0].Receive() {
	}
	if fill(t, streams[7], now); streams[7].in.held < before+freed/2-2*each {
		t.Errorf("%d bytes after %d were given back, %d before", streams[7].in.held, freed, before)
	}
	for _, s := range streams {
		s.Close()
	}
	if pool.held != 0 {
		t.Errorf("%d bytes are held by nobody", pool.held)
	}
	if err := give(streams[1], now, 0, 1, 1); !errors.Is(err, ErrDead) {
		t.Errorf("a closed stream: %v", err)
	}
}

// What is held incomplete is noticed, whatever is delivered besides, and who is only slow makes no long time of it.
func TestIncompleteMessages(t *testing.T) {
	type step struct {
		at                 int // seconds
		number, size, some int
		take               bool // what there is, afterwards
		want               int  // seconds
	}
	for name, steps := range map[string][]step{
		"in order":       {{0, 0, 10, 10, true, 0}, {50, 1, 10, 10, true, 0}},
		"not whole":      {{5, 0, 3000, 10, true, 0}, {50, 0, 3000, 1000, true, 45}, {100, 0, 3000, 3000, true, 0}},
		"a hole, filled": {{5, 1, 10, 10, true, 0}, {50, 0, 10, 10, true, 0}},
		"ahead of others that come one after another": {{0, 5, 10, 10, true, 0}, {20, 0, 10, 10, true, 20}, {40, 1, 10, 10, true, 40}, {60, 2, 10, 10, true, 60}},
		"always some, never for long":                 {{0, 1, 10, 10, true, 0}, {10, 2, 10, 10, true, 10}, {20, 4, 10, 10, true, 20}, {30, 0, 10, 10, true, 0}, {40, 3, 10, 10, true, 0}},
		"not taken":                                   {{0, 0, 10, 10, false, 0}, {1, 2, 10, 10, false, 0}, {90, 3, 10, 10, true, 0}, {100, 4, 10, 10, true, 10}},
	} {
		s := New(Config{Local: wire.SSRCDaemon, Remote: wire.SSRCPeer}, t0)
		for _, st := range steps {
			now := t0.Add(time.Duration(st.at) * time.Second)
			if err := give(s, now, st.number, st.size, st.some); err != nil {
				t.Fatal(err)
			}
			for ok := st.take; ok; _, ok = s.Receive() {
			}
			if got := s.Incomplete(now); got != time.Duration(st.want)*time.Second {
				t.Errorf("%s: %v at %d s, want %d s", name, got, st.at, st.want)
			}
		}
	}
}
