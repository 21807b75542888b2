package stream

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"yodel/wire"
)

const ms = time.Millisecond

// run of 1000 messages of 200 bytes, 100 a second, over 30 ± 10 ms each way.
func chat(t testing.TB, loss float64, seed uint64) *network {
	n := newNetwork(t, conditions{loss: loss, delay: 30 * ms, jitter: 10 * ms, seed: seed})
	for range 1000 {
		n.send(0, 200)
		n.run(10 * ms)
	}
	n.until(time.Minute, "all messages", n.settled)
	return n
}

// What is promised of a lossy path, over ten runs together.
func TestLossyPath(t *testing.T) {
	seed := rand.Uint64N(1 << 40)
	t.Logf("seeds from %d", seed)
	for _, test := range []struct {
		loss      float64
		p50, p99  time.Duration
		datagrams float64
	}{{0, 32 * ms, 45 * ms, 1.8}, {.05, 33 * ms, 60 * ms, 1.8}, {.20, 38 * ms, 100 * ms, 1.8}, {.40, 60 * ms, 400 * ms, 2.2}} {
		var latency []time.Duration
		datagrams := 0
		for i := range uint64(10) {
			n := chat(discardLogs{t}, test.loss, seed+i)
			latency = append(latency, n.ends[1].latency...)
			datagrams += n.ends[0].datagrams + n.ends[1].datagrams
		}
		slices.Sort(latency)
		p50, p99, each := latency[len(latency)/2], latency[len(latency)*99/100], float64(datagrams)/float64(len(latency))
		t.Logf("loss %v %%: p50 %v, p99 %v, %.2f datagrams a message", 100*test.loss, p50, p99, each)
		if p50 > test.p50 || p99 > test.p99 || each > test.datagrams {
			t.Errorf("loss %v %%: p50 %v > %v, p99 %v > %v or %.2f datagrams a message > %v",
				100*test.loss, p50, test.p50, p99, test.p99, each, test.datagrams)
		}
	}
}

type discardLogs struct{ testing.TB }

func (discardLogs) Logf(string, ...any) {}

// A path that only reorders counts as clean once it is known: repeats cost less than a tenth more bytes, those of the start included.
func TestRepeatsOnACleanPath(t *testing.T) {
	n := newNetwork(t, conditions{delay: 30 * ms, jitter: 10 * ms})
	size := 0
	n.tap = func(_ int, datagram []byte) { size += len(datagram) + overhead }
	for range 1000 {
		n.send(0, 200)
		n.run(10 * ms)
	}
	n.until(time.Minute, "all messages", n.settled)
	s := n.ends[0].Stats()
	repeated := int(s.Repeats+s.ChunksResent) * (wire.Chunk{Message: 999, Total: 200, Data: make([]byte, 200)}).Size()
	if 10*repeated > size-repeated {
		t.Errorf("%d of %d bytes are repeats: %+v", repeated, size, s)
	}
}

// lossy makes a stream that measured 20 % loss and nothing else unusual.
func lossy(t *testing.T) *script {
	x := newScript(t, Config{})
	x.warm()
	lose(&x.s.history, 600, 5)
	return x
}

func (x *script) sendSized(size int) {
	x.t.Helper()
	if err := x.s.Send(make([]byte, size)); err != nil {
		x.t.Fatal(err)
	}
	x.flush()
}

// Each packet repeats the latest four messages; when they all arrived in one packet, the loss of the others sends nothing again.
func TestRepeatsAreAcknowledged(t *testing.T) {
	x := lossy(t)
	for range 6 {
		x.sendSized(200)
		x.advance(5 * ms)
	}
	x.want(packet{10, 0, []int{10}}, packet{11, 1, []int{11, 10}}, packet{12, 2, []int{12, 11, 10}}, packet{13, 3, []int{13, 12, 11, 10}},
		packet{14, 4, []int{14, 13, 12, 11, 10}}, packet{15, 5, []int{15, 14, 13, 12, 11}})
	x.advance(rtt100 - 30*ms)
	x.mustAck(10, "....1.")
	x.advance(30 * ms)
	x.mustAck(10, "....11")
	x.want()
	if s := x.s.Stats(); s.ChunksResent != 0 || s.PacketsLost == 0 || !x.s.Idle() {
		t.Errorf("%+v, %d bytes queued", s, x.s.Queued())
	}
}

// When the newest packet with a message is lost, too, the message goes again.
func TestAllCopiesLost(t *testing.T) {
	x := lossy(t)
	x.sendSized(200)
	x.sendSized(200)
	x.sendSized(1100) // no room for repeats
	x.sendSized(1100)
	x.sendSized(1100)
	x.sent = nil
	x.advance(rtt100)
	x.mustAck(10, "..111")
	x.want(packet{15, 5, []int{11, 10}})
}

// Small messages first, as many as fit.
func TestRepeatsFit(t *testing.T) {
	x := lossy(t)
	for _, size := range []int{100, 900, 50, 300} {
		x.sendSized(size)
	}
	x.sent = nil
	x.sendSized(200)
	x.want(packet{14, 4, []int{14, 12, 10, 13}})
}

func TestNoRepeats(t *testing.T) {
	for _, test := range []struct {
		name string
		make func(x *script)
	}{
		{"with a queue", func(x *script) { x.s.rtt.smoothed = 301 * ms }},
		{"after a late round trip", func(x *script) { x.s.brake.sample(t0, x.s.brake.calm+x.s.brake.jitter+21*ms, false, false) }},
		{"on hold", func(x *script) { x.s.brake.pull(x.s.sent.end()) }},
		{"in persistent congestion", func(x *script) { x.s.reno.persistentSince = x.now }},
		{"when the window is almost full", func(x *script) { x.s.reno.inFlight = x.s.window() - 2*wire.MaxDatagram }},
	} {
		t.Run(test.name, func(t *testing.T) {
			x := lossy(t)
			x.sendSized(200)
			test.make(x)
			x.sendSized(200)
			x.want(packet{10, 0, []int{10}}, packet{11, 1, []int{11}})
		})
	}
}

// On a lossy path the oldest message goes once more as soon as its acknowledgement is overdue and something else is sent.
func TestEarlyProbe(t *testing.T) {
	x := lossy(t)
	x.sendSized(200)
	x.sendSized(1100)
	x.sent = nil
	x.advance(rtt100 + maxAckDelay)
	x.sendSized(1100)
	x.want(packet{12, 2, []int{12}})
	x.advance(1)
	x.sendSized(1100)
	x.want(packet{13, 3, []int{13}}, packet{14, 4, []int{10}})
	x.sendSized(1100)
	x.want(packet{15, 5, []int{14}}) // not with every packet
}

// Reordering that made losses of what was only late is waited for from then on.
func TestReorderingIsLearned(t *testing.T) {
	n := newNetwork(t, conditions{delay: 30 * ms, jitter: 20 * ms})
	spurious := func() uint64 {
		before := n.ends[0].Stats().Spurious
		for range 900 {
			n.send(0, 1000)
			n.run(5 * ms)
		}
		return n.ends[0].Stats().Spurious - before
	}
	if first, then := spurious(), spurious(); then > 20 {
		t.Errorf("%d spurious losses of 900 packets, after %d", then, first)
	}
	n.until(time.Minute, "all messages", n.settled)
}

// Bursts of losses, black-outs included, both ways at once: every message once and in order (the network checks that).
func TestRepeatsInBursts(t *testing.T) {
	n := newNetwork(t, conditions{loss: .1, dup: .1, delay: 30 * ms, jitter: 25 * ms, firstSeq: 1<<16 - 500})
	for i := range 1500 {
		n.black = n.random.IntN(10) < 2
		n.send(i%2, 8+n.random.IntN(1300))
		n.run(time.Duration(n.random.IntN(20)) * ms)
	}
	n.black = false
	n.until(2*time.Minute, "all messages", n.settled)
}
