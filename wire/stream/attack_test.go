package stream

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtp"

	"yodel/wire"
)

// A receiver that acknowledges what it was not given is found out before it has been sent firstSkips packets more, however it does it; one that is honest
// never is.
func TestOptimisticAcknowledgementIsFoundOut(t *testing.T) {
	for name, upTo := range map[string]int{"what was sent": 0, "more than was sent": 1} {
		t.Run(name, func(t *testing.T) {
			s := New(Config{Local: 2, Remote: 1, FirstSeq: 7, Random: rand.Uint64}, t0)
			next, sent := uint16(7), 0
			for now := t0; ; now = now.Add(time.Millisecond) {
				if err := s.Send(make([]byte, 1000)); err != nil {
					t.Fatal(err)
				}
				for _, kind, number := s.AppendPacket(now, nil); kind == RTP; _, kind, number = s.AppendPacket(now, nil) {
					sent++
					for ; next != uint16(number)+uint16(1+upTo); next++ { // he does not look at what came
						r := report(1, 2, next, 1)
						if err := s.HandleReport(now, &r); errors.Is(err, ErrUnsent) {
							return
						}
					}
				}
				if sent > firstSkips {
					t.Fatalf("not found out after %d packets, window %d", sent, s.reno.window)
				}
			}
		})
	}
}

// Numbers that are skipped cost an honest receiver nothing: all messages come, and nothing is sent again for them.
func TestSkippedNumbersAreNoLosses(t *testing.T) {
	n := newNetwork(t, conditions{delay: 10 * time.Millisecond, firstSeq: 1<<15 - 1})
	n.ends[1].skips.init(rand.Uint64, n.ends[1].Stream.sent.first)
	numbers := uint64(0)
	n.tap = func(from int, b []byte) {
		if from == 1 && wire.KindOf(b) == wire.KindRTP {
			numbers = uint64(binary.BigEndian.Uint16(b[2:]))
		}
	}
	for range 5000 {
		n.send(1, 1000)
		n.run(time.Millisecond)
	}
	n.until(time.Minute, "all messages", n.settled)
	s := n.ends[1].Stats()
	skipped := (numbers - (1<<15 - 1) + 1) - s.PacketsSent
	if skipped < 2 || skipped > 6 {
		t.Errorf("%d numbers were skipped in %d packets", skipped, s.PacketsSent)
	}
	if s.PacketsLost != 0 || s.Spurious != 0 || s.ChunksResent != 0 {
		t.Errorf("%+v", s)
	}
}

// The numbers that are waited for are never more than a report can tell of, also when one of them is skipped.
func TestSkippedNumberFindsRoom(t *testing.T) {
	s := New(Config{Local: 2, Remote: 1, Random: rand.Uint64}, t0)
	for n := 0; s.skips.last < 0; n++ {
		if n > firstSkips+1 {
			t.Fatalf("no number was skipped in %d packets", n)
		}
		if err := s.Send(make([]byte, 1100)); err != nil {
			t.Fatal(err)
		}
		s.reno.window = 1 << 30
		s.AppendPacket(t0, nil)
	}
	s.skips.next = s.sent.end() + wire.MaxInFlight - int64(s.sent.n) - 1
	for range 2 * wire.MaxInFlight {
		if err := s.Send(make([]byte, 1100)); err != nil {
			t.Fatal(err)
		}
		b, _, _ := s.AppendPacket(t0, nil)
		if len(b) > 0 {
			if _, err := wire.ParseMessagePayload(b[rtpHeader:]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if s.sent.n > wire.MaxInFlight {
		t.Errorf("%d are waited for", s.sent.n)
	}
}

// For how long the oldest message waits shows a receiver that acknowledges nothing, or not what is in its way.
func TestWaitingShowsWhoAcknowledgesNothing(t *testing.T) {
	s := New(Config{Local: 2, Remote: 1}, t0)
	if s.Waiting(t0.Add(time.Hour)) != 0 {
		t.Error("an idle stream waits")
	}
	for range 2 {
		if err := s.Send(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	if s.Waiting(t0.Add(time.Hour)) != 0 {
		t.Error("what was not sent waits for nobody")
	}
	for _, kind, _ := s.AppendPacket(t0, nil); kind != None; _, kind, _ = s.AppendPacket(t0, nil) {
	}
	later := t0.Add(20 * time.Second)
	r := report(1, 2, 1, 1)
	if err := s.HandleReport(later, &r); err != nil {
		t.Fatal(err)
	}
	if w := s.Waiting(later); w != 20*time.Second {
		t.Errorf("the first message waits for %v, and only the second has come", w)
	}
	r = report(1, 2, 0, 2)
	if err := s.HandleReport(later, &r); err != nil {
		t.Fatal(err)
	}
	if w := s.Waiting(later); w != 0 || s.Messages() != 0 {
		t.Errorf("%v, %d messages, and all has come", w, s.Messages())
	}
}

// chunks makes the payload of a message packet.
func chunks(cs ...wire.Chunk) []byte {
	b := wire.AppendDistance(nil, 0)
	for _, c := range cs {
		b = wire.AppendChunk(b, c)
	}
	return b
}

// Whatever chunks come, what is held is bounded, and a message that follows is delivered.
func TestChunkBombs(t *testing.T) {
	const n = 20_000
	for name, bomb := range map[string]func(i int) []byte{
		"never finished": func(i int) []byte {
			return chunks(wire.Chunk{Message: uint64(i) + 1, Total: wire.MaxMessage, Data: []byte{1}})
		},
		"complete, out of order": func(i int) []byte {
			return chunks(wire.Chunk{Message: uint64(i) + 1, Total: 1000, Data: make([]byte, 1000)})
		},
		"empty, out of order": func(i int) []byte {
			cs := make([]wire.Chunk, 200)
			for k := range cs {
				cs[k].Message = uint64(200*i+k) + 1
			}
			return chunks(cs...)
		},
		"overlapping": func(i int) []byte {
			return chunks(wire.Chunk{Message: 1, Offset: i % 1000, Total: 2000, Data: make([]byte, 900)})
		},
		"of another total": func(i int) []byte {
			return chunks(wire.Chunk{Message: 1, Total: 2000 + i, Data: []byte{1}})
		},
		"far ahead": func(i int) []byte {
			return chunks(wire.Chunk{Message: 1<<62 - 1 - uint64(i), Total: 1, Data: []byte{1}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := New(Config{Local: 2, Remote: 1}, t0)
			h := rtp.Header{Version: 2, PayloadType: wire.PayloadMessage, SSRC: 1}
			take := func(b []byte) {
				h.SequenceNumber++
				_ = s.HandlePacket(t0, &h, b)
				if s.in.held > MaxHeld+heldFor(wire.MaxMessage) || s.in.partial.n > sendWindow || s.acks.arrivals.n > wire.MaxInFlight {
					t.Fatalf("%d bytes held, %d messages, %d arrivals", s.in.held, s.in.partial.n, s.acks.arrivals.n)
				}
			}
			for i := range n {
				take(bomb(i))
			}
			take(chunks(wire.Chunk{Total: 2, Data: []byte("ok")}))
			if b, ok := s.Receive(); !ok || string(b) != "ok" {
				t.Errorf("the next message in order: %q", b)
			}
		})
	}
}

// Jumps of packet numbers, in any direction, are acknowledged in bounded reports, and nothing is lost by them.
func TestPacketNumberJumps(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	s := New(Config{Local: 2, Remote: 1}, t0)
	h := rtp.Header{Version: 2, PayloadType: wire.PayloadMessage, SSRC: 1}
	for i := range uint64(20_000) {
		h.SequenceNumber = uint16(random.Uint32())
		b := wire.AppendDistance(nil, random.IntN(wire.MaxInFlight))
		if err := s.HandlePacket(t0, &h, wire.AppendChunk(b, wire.Chunk{Message: i, Total: 1, Data: []byte{byte(i)}})); err != nil {
			t.Fatal(err)
		}
		if got, ok := s.Receive(); !ok || got[0] != byte(i) {
			t.Fatalf("message %d was lost", i)
		}
		for b, kind, _ := s.AppendPacket(t0, nil); kind != None; b, kind, _ = s.AppendPacket(t0, nil) {
			if len(b) > wire.MaxDatagram {
				t.Fatalf("a report of %d bytes", len(b))
			}
		}
	}
}
