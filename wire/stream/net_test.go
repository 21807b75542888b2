package stream

import (
	"container/heap"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"yodel/wire"
)

// ipUDP is the size of the headers of IPv4 and UDP.
const ipUDP = 28

// t0 is when every test begins.
var t0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// conditions of a simulated network, the same both ways.
type conditions struct {
	loss, dup     float64
	delay, jitter time.Duration // each datagram takes delay ± jitter, so that they overtake each other
	firstSeq      uint64
	seed          uint64 // 0: a random one
	// A link that carries rate bit/s, IP and UDP headers included, behind a queue that takes a datagram while less than so long is
	// before it. 0: no limit.
	rate  int
	queue time.Duration
}

// network joins two streams, a peer and a daemon, in simulated time.
type network struct {
	t      testing.TB
	random *rand.Rand
	c      conditions
	now    time.Time
	ends   [2]*end
	flying deliveries
	free   [2]time.Time // when the link from this end has sent all that waits
	count  int
	black  bool                                 // loses everything
	drop   func(from int, datagram []byte) bool // loses what it says
	tap    func(from int, datagram []byte)
}

// end is one side with what its application saw.
type end struct {
	*Stream
	sent, got int // messages
	bytes     int
	pause     bool // the application takes no messages
	latency   []time.Duration
	sentAt    []time.Time
	datagrams int
	buf       []byte
}

type delivery struct {
	at    time.Time
	order int
	to    int
	data  []byte
}

type deliveries []delivery

func (d deliveries) Len() int { return len(d) }
func (d deliveries) Less(i, j int) bool {
	if !d[i].at.Equal(d[j].at) {
		return d[i].at.Before(d[j].at)
	}
	return d[i].order < d[j].order
}
func (d deliveries) Swap(i, j int) { d[i], d[j] = d[j], d[i] }
func (d *deliveries) Push(x any)   { *d = append(*d, x.(delivery)) }
func (d *deliveries) Pop() any {
	last := (*d)[len(*d)-1]
	*d = (*d)[:len(*d)-1]
	return last
}

func newNetwork(t testing.TB, c conditions) *network {
	t.Helper()
	if c.seed == 0 {
		c.seed = rand.Uint64()
	}
	t.Logf("seed %d", c.seed)
	n := &network{t: t, c: c, now: t0, random: rand.New(rand.NewPCG(c.seed, 1))}
	n.ends[0] = &end{Stream: New(Config{Local: 1, Remote: 2, FirstSeq: c.firstSeq}, n.now)}
	n.ends[1] = &end{Stream: New(Config{Local: 2, Remote: 1, FirstSeq: c.firstSeq}, n.now)}
	return n
}

// message makes the i-th message of an end: its number, then bytes that follow from it.
func message(i, size int) []byte {
	msg := make([]byte, size)
	for j := range msg {
		msg[j] = byte(i*31 + j*7)
	}
	if size >= 8 {
		binary.BigEndian.PutUint64(msg, uint64(i))
	}
	return msg
}

// send lets one end send a message of at least 8 bytes.
func (n *network) send(from, size int) {
	n.t.Helper()
	e := n.ends[from]
	if err := e.Send(message(e.sent, size)); err != nil {
		n.t.Fatal(err)
	}
	e.sent++
	e.sentAt = append(e.sentAt, n.now)
	n.flush(from)
}

// flush sends what an end has to send now.
func (n *network) flush(from int) {
	e := n.ends[from]
	for {
		out, kind, _ := e.AppendPacket(n.now, e.buf[:0])
		e.buf = out
		if kind == None {
			break
		}
		e.datagrams++
		if limit := map[Kind]int{RTP: wire.MaxDatagram - 16, RTCP: wire.MaxDatagram - 20}[kind]; len(out) > limit {
			n.t.Fatalf("datagram of %d bytes > %d", len(out), limit)
		}
		n.transmit(from, out)
	}
}

func (n *network) transmit(from int, datagram []byte) {
	if n.tap != nil {
		n.tap(from, datagram)
	}
	copies := 1
	if n.random.Float64() < n.c.dup {
		copies = 2
	}
	for range copies {
		lost := n.random.Float64() < n.c.loss
		delay := n.c.delay
		if n.c.jitter > 0 {
			delay += time.Duration(n.random.Int64N(int64(2*n.c.jitter))) - n.c.jitter
		}
		wait, room := n.pass(from, len(datagram)+overhead)
		delay += wait
		if lost || !room || n.black || n.drop != nil && n.drop(from, datagram) {
			continue
		}
		n.count++
		heap.Push(&n.flying, delivery{n.now.Add(delay), n.count, 1 - from, append([]byte(nil), datagram...)})
	}
}

// pass sends a protected datagram over the link: how long that takes, or that the queue has no room.
func (n *network) pass(from, size int) (wait time.Duration, room bool) {
	if n.c.rate == 0 {
		return 0, true
	}
	n.free[from] = later(n.free[from], n.now)
	if n.free[from].Sub(n.now) > n.c.queue {
		return 0, false
	}
	n.free[from] = n.free[from].Add(time.Duration(size+ipUDP) * 8 * time.Second / time.Duration(n.c.rate))
	return n.free[from].Sub(n.now), true
}

// deliver hands a datagram to an end as its caller would.
func (n *network) deliver(to int, datagram []byte) {
	n.t.Helper()
	if err := handle(n.ends[to].Stream, n.now, datagram); err != nil && !errors.Is(err, ErrFull) && !errors.Is(err, ErrDead) {
		n.t.Fatalf("at %v: end %d refused: %v", n.now.Sub(t0), to, err)
	}
	n.take(to)
	n.flush(to)
}

// handle is what a caller does with a plaintext datagram.
func handle(s *Stream, now time.Time, datagram []byte) error {
	switch wire.KindOf(datagram) {
	case wire.KindRTCP:
		packets, err := wire.ParseRTCP(datagram)
		if err != nil || len(packets) == 0 {
			return err
		}
		report, ok := packets[0].(*rtcp.CCFeedbackReport)
		if !ok {
			return wire.ErrFeedback
		}
		return s.HandleReport(now, report)
	case wire.KindRTP:
		var h rtp.Header
		size, err := h.Unmarshal(datagram)
		if err != nil {
			return err
		}
		return s.HandlePacket(now, &h, datagram[size:])
	}
	return wire.ErrPayload
}

// take lets the application of an end take what came: exactly the next messages in order.
func (n *network) take(to int) {
	n.t.Helper()
	e := n.ends[to]
	if e.pause {
		return
	}
	for msg, ok := e.Receive(); ok; msg, ok = e.Receive() {
		if want := message(e.got, len(msg)); string(msg) != string(want) {
			n.t.Fatalf("end %d: message %d (%d bytes) is wrong", to, e.got, len(msg))
		}
		e.bytes += len(msg)
		if other := n.ends[1-to]; e.got < len(other.sentAt) {
			e.latency = append(e.latency, n.now.Sub(other.sentAt[e.got]))
		}
		e.got++
	}
}

// step goes to the next event, but not after limit. It tells if there was one.
func (n *network) step(limit time.Time) bool {
	n.t.Helper()
	next := limit
	for _, e := range n.ends {
		if d := e.Deadline(); !d.IsZero() && d.Before(next) {
			next = d
		}
	}
	if len(n.flying) > 0 && !n.flying[0].at.After(next) {
		d := heap.Pop(&n.flying).(delivery)
		n.now = later(n.now, d.at)
		n.deliver(d.to, d.data)
		return true
	}
	n.now = later(n.now, next)
	for i, e := range n.ends {
		for turns := 0; ; turns++ {
			d := e.Deadline()
			if d.IsZero() || d.After(n.now) {
				break
			}
			if turns == 3 {
				n.t.Fatalf("at %v: deadline %v again and again", n.now.Sub(t0), d.Sub(t0))
			}
			e.Advance(n.now)
			n.flush(i)
		}
	}
	return next.Before(limit)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// run lets time pass.
func (n *network) run(d time.Duration) {
	n.t.Helper()
	for limit := n.now.Add(d); n.step(limit); {
		continue
	}
}

// until runs until the condition holds, or fails after d.
func (n *network) until(d time.Duration, what string, condition func() bool) {
	n.t.Helper()
	for limit := n.now.Add(d); !condition(); {
		if !n.step(limit) && !condition() {
			n.t.Fatalf("not within %v: %s\npeer   %+v\ndaemon %+v", d, what, n.ends[0].Stats(), n.ends[1].Stats())
		}
	}
}

// settled tells that everything was delivered both ways and acknowledged.
func (n *network) settled() bool {
	a, b := n.ends[0], n.ends[1]
	return a.got == b.sent && b.got == a.sent && a.Idle() && b.Idle()
}
