package stream

import (
	"math/bits"
	"math/rand/v2"
	"testing"
	"time"
)

// On a path whose loss, delay, reordering and black-outs change all the time, with messages of all sizes both ways, every message arrives
// once and in order (network.take), no end dies, and the accounts of packets, bytes and fragments hold all along.
func TestChangingPath(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for i := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, i))
		n := newNetwork(t, conditions{delay: 30 * time.Millisecond, firstSeq: r.Uint64N(1 << 15), seed: seed + i})
		for range 40 {
			n.c.loss = []float64{0, 0, 0.02, 0.2, 0.4, 0.7}[r.IntN(6)]
			n.c.dup = []float64{0, 0, 0.2}[r.IntN(3)]
			n.c.delay = time.Duration(1+r.IntN(200)) * time.Millisecond
			n.c.jitter = time.Duration(r.Int64N(int64(n.c.delay)))
			n.black = r.IntN(8) == 0
			if r.IntN(4) == 0 {
				which := r.IntN(2)
				n.ends[which].Revive(n.now)
				n.flush(which)
			}
			for range r.IntN(40) {
				if from := r.IntN(2); n.ends[from].Queued() < 1<<18 {
					n.send(from, 8+[]int{r.IntN(300), r.IntN(300), r.IntN(3000), r.IntN(65000)}[r.IntN(4)])
				}
				n.run(time.Duration(r.IntN(60)) * time.Millisecond)
				n.audit()
			}
		}
		n.black, n.c.loss = false, 0
		n.until(30*time.Minute, "everything", n.settled)
	}
}

// audit counts again what both ends keep account of.
func (n *network) audit() {
	n.t.Helper()
	for i, e := range n.ends {
		if e.Err() != nil {
			n.t.Fatalf("end %d: %v", i, e.Err())
		}
		packets, size := 0, 0
		for number := e.Stream.sent.first; number < e.Stream.sent.end(); number++ {
			if p := e.Stream.sent.at(number); p.fate == inFlight {
				packets++
				size += p.size
			}
		}
		if s := e.Stream; packets != s.sent.inFlight || size != s.reno.inFlight {
			n.t.Fatalf("end %d: %d packets of %d bytes are in flight, it counts %d of %d", i, packets, size, s.sent.inFlight, s.reno.inFlight)
		}
		e.auditOutbox(n.t, i)
	}
}

// auditOutbox checks that each fragment that was sent is acknowledged, waits to be sent again, or is in a packet in flight.
func (e *end) auditOutbox(t testing.TB, i int) {
	t.Helper()
	flying := map[ref]bool{}
	for number := e.Stream.sent.first; number < e.Stream.sent.end(); number++ {
		if p := e.Stream.sent.at(number); p.fate == inFlight {
			for _, f := range p.refs {
				flying[f] = true
			}
		}
	}
	o, queued, lost := &e.out, 0, 0
	for number := o.messages.first; number < o.messages.end(); number++ {
		m := o.messages.at(number)
		queued += len(m.data)
		lost += bits.OnesCount64(m.lost)
		for k := 0; !m.done && k < fragments(len(m.data)); k++ {
			f := ref{number, uint8(k)}
			if f.before(o.fresh) && (m.acked|m.lost)>>k&1 == 0 && !flying[f] {
				t.Fatalf("end %d: fragment %v is forgotten", i, f)
			}
		}
	}
	if queued != o.bytes || lost > len(o.lost) {
		t.Fatalf("end %d: %d bytes queued, it counts %d; %d fragments lost, %d listed", i, queued, o.bytes, lost, len(o.lost))
	}
}
