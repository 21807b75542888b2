package stream

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtp"

	"yodel/wire"
)

// op codes of FuzzStreams.
const (
	opSendPeer = iota
	opSendDaemon
	opWait
	opDrop      // the next datagram is lost
	opSwap      // the next datagram overtakes the one before
	opDuplicate // the last datagram comes again
	opPause     // the daemon's application stops or goes on
	opPacket    // the peer hears an arbitrary packet
	opReport    // the peer hears an arbitrary report
	opMutate    // the peer hears its last datagram with a byte changed
	opCount
)

// FuzzStreams joins two streams over a network that does what the operations say: every message arrives once and in order. When
// the peer hears what no honest daemon sends, only that nothing panics and memory is bounded is left to hold.
func FuzzStreams(f *testing.F) {
	f.Add([]byte{opSendPeer, 10, opWait, 3, opSendDaemon, 200, opWait, 30})
	f.Add([]byte{opSendPeer, 255, opDrop, opSendPeer, 1, opWait, 10, opDrop, opWait, 255})
	f.Add([]byte{opSendPeer, 5, opSwap, opSendPeer, 6, opDuplicate, opPause, opSendPeer, 255, opPause, opWait, 200})
	f.Add([]byte{opPacket, 0, 9, 3, 0, 5, 0, 5, 1, opReport, 0, 3, 0, 200, opSendPeer, 1})
	f.Add([]byte{opSendDaemon, 3, opWait, 40, opMutate, 13, 7, opReport, 1, 1, 2, 3})
	seed := rand.New(rand.NewPCG(1, 2))
	for range 8 {
		ops := make([]byte, 200)
		for i := range ops {
			ops[i] = byte(seed.IntN(256)) % opMutate * byte(1+seed.IntN(20))
		}
		f.Add(ops)
	}
	f.Fuzz(func(t *testing.T, ops []byte) {
		x := newFuzzer(t, ops)
		for len(x.ops) > 0 && len(ops)-len(x.ops) < 2000 {
			x.step()
		}
		x.finish()
	})
}

type fuzzer struct {
	t       *testing.T
	n       *network
	ops     []byte
	hostile bool
	last    []byte // datagram that the peer heard
}

func newFuzzer(t *testing.T, ops []byte) *fuzzer {
	x := &fuzzer{t: t, ops: ops, n: newNetwork(t, conditions{delay: 20 * time.Millisecond, seed: 1, firstSeq: 1<<16 - 5})}
	x.n.tap = func(from int, datagram []byte) {
		if from == 1 {
			x.last = append(x.last[:0], datagram...)
		}
	}
	return x
}

// byte gives the next operand, 0 at the end.
func (x *fuzzer) byte() int {
	if len(x.ops) == 0 {
		return 0
	}
	b := x.ops[0]
	x.ops = x.ops[1:]
	return int(b)
}

func (x *fuzzer) step() {
	switch op := x.byte() % opCount; op {
	case opSendPeer, opSendDaemon:
		if from := op - opSendPeer; x.n.ends[from].Err() == nil && x.n.ends[from].Queued() < 1<<20 {
			size := x.byte()
			x.n.send(from, 8+size*size)
		}
	case opWait:
		x.wait(time.Duration(x.byte()*x.byte()) * time.Millisecond / 4)
	case opDrop:
		dropped := false
		x.n.drop = func(int, []byte) bool {
			drop := !dropped
			dropped = true
			return drop
		}
	case opSwap:
		if k := len(x.n.flying); k > 1 {
			x.n.flying[k-1].data, x.n.flying[k-2].data = x.n.flying[k-2].data, x.n.flying[k-1].data
			x.n.flying[k-1].to, x.n.flying[k-2].to = x.n.flying[k-2].to, x.n.flying[k-1].to
		}
	case opDuplicate:
		if len(x.last) > 0 {
			x.hear(x.last)
		}
	case opPause:
		x.n.ends[1].pause = !x.n.ends[1].pause
		x.n.take(1)
	case opPacket:
		x.hostile = true
		b, _ := (&rtp.Header{Version: 2, PayloadType: 100, SSRC: 2, SequenceNumber: uint16(x.byte()<<8 | x.byte())}).Marshal()
		x.hear(x.operands(b))
	case opReport:
		x.hostile = true
		r := report(2, 1, uint16(x.byte()<<8|x.byte()), x.byte()*2)
		for i := range r.ReportBlocks[0].MetricBlocks {
			r.ReportBlocks[0].MetricBlocks[i].Received = i%3 != x.byte()%3
		}
		_ = x.n.ends[0].HandleReport(x.n.now, &r)
		x.check()
	case opMutate:
		if len(x.last) > 0 {
			x.hostile = true
			b := append([]byte(nil), x.last...)
			b[x.byte()%len(b)] ^= byte(x.byte())
			x.hear(b)
		}
	}
}

// operands appends up to 40 bytes of the operations.
func (x *fuzzer) operands(b []byte) []byte {
	for range min(x.byte()%40, len(x.ops)) {
		b = append(b, byte(x.byte()))
	}
	return b
}

func (x *fuzzer) hear(datagram []byte) {
	_ = handle(x.n.ends[0].Stream, x.n.now, datagram)
	x.check()
}

// check takes what the peer got, whatever it is, when the network can not check it any more.
func (x *fuzzer) check() {
	peer := x.n.ends[0].Stream
	if !x.hostile {
		x.n.take(0)
	} else {
		for _, ok := peer.Receive(); ok; _, ok = peer.Receive() {
			continue
		}
	}
	x.n.flush(0)
	if peer.in.held > MaxHeld+heldFor(wire.MaxMessage) || peer.acks.arrivals.n > wire.MaxInFlight || peer.sent.n > wire.MaxInFlight {
		x.t.Fatalf("%d bytes held, %d arrivals, %d packets", peer.in.held, peer.acks.arrivals.n, peer.sent.n)
	}
	if peer.reno.inFlight < 0 || peer.out.bytes < 0 || peer.in.held < 0 {
		x.t.Fatalf("negative: %d in flight, %d queued, %d held", peer.reno.inFlight, peer.out.bytes, peer.in.held)
	}
}

// wait lets time pass. In a hostile world the ends only have to survive.
func (x *fuzzer) wait(d time.Duration) {
	if !x.hostile {
		x.n.run(d)
		return
	}
	x.n.flying = nil
	turns := 0
	for limit := x.n.now.Add(d); x.n.now.Before(limit); turns++ {
		if turns == 100_000 {
			x.t.Fatalf("100000 deadlines in %v", d-limit.Sub(x.n.now))
		}
		next := limit
		if deadline := x.n.ends[0].Deadline(); !deadline.IsZero() && deadline.Before(limit) {
			next = later(x.n.now.Add(time.Microsecond), deadline)
		}
		x.n.now = next
		x.n.ends[0].Advance(next)
		x.n.flush(0)
		x.n.flying = nil
	}
}

func (x *fuzzer) finish() {
	if x.hostile {
		x.wait(40 * time.Second)
		if err := x.n.ends[0].Err(); !errors.Is(err, ErrDead) {
			x.t.Fatalf("alive without an other side: %v", err)
		}
		return
	}
	x.n.drop = nil
	x.n.ends[1].pause = false
	x.n.take(1)
	x.n.until(5*time.Minute, "everything", func() bool {
		return x.n.settled() || x.n.ends[0].Err() != nil || x.n.ends[1].Err() != nil
	})
	if !x.n.settled() && x.n.now.Sub(t0) < wire.DeadAfter {
		x.t.Fatal(x.n.ends[0].Err(), x.n.ends[1].Err())
	}
}
