package stream

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

// slowLink is a run of 1000 messages of 200 bytes over a link that repeats would choke.
type slowLink struct {
	rate      int
	queue     time.Duration
	perSecond int
	loss      float64
	jitter    time.Duration
	drops     bool    // the link has 1 Mbit/s for the first 300 messages and the last 300
	worse     float64 // bound of p50 and p99, as a multiple of those without repeats
}

func (l slowLink) String() string {
	return fmt.Sprintf("%d bit_s, queue %v, %d_s, loss %v, jitter %v, drops %v", l.rate, l.queue, l.perSecond, l.loss, l.jitter, l.drops)
}

// run gives the latencies, sorted, and the bytes both ways of ten runs.
func (l slowLink) run(t *testing.T, repeats bool) (latency []time.Duration, size int) {
	for seed := range uint64(10) {
		n := newNetwork(discardLogs{t}, conditions{loss: l.loss, delay: 30 * ms, jitter: l.jitter, seed: seed + 1, rate: l.rate, queue: l.queue})
		n.tap = func(_ int, datagram []byte) { size += len(datagram) + overhead }
		if !repeats {
			n.ends[0].brake.resume = math.MaxInt64
		}
		for i := range 1000 {
			n.c.rate = l.rate
			if l.drops && (i < 300 || i >= 700) {
				n.c.rate = 1_000_000
			}
			n.send(0, 200)
			n.run(time.Second / time.Duration(l.perSecond))
		}
		n.until(time.Minute, "all messages", n.settled)
		latency = append(latency, n.ends[1].latency...)
	}
	slices.Sort(latency)
	return latency, size
}

// Repeats do not choke a slow link, whatever its queue: messages take about as long as without repeats, but for a few at the start, until the queue is noticed. Where nothing is lost but what the
// sender itself causes, there are hardly more bytes either.
func TestSlowLinks(t *testing.T) {
	t.Parallel()
	for _, link := range []slowLink{
		{rate: 64_000, queue: 50 * ms, perSecond: 20, worse: 1.8},
		{rate: 64_000, queue: 100 * ms, perSecond: 20, worse: 1.8},
		{rate: 64_000, queue: 250 * ms, perSecond: 20, worse: 1.8},
		{rate: 64_000, queue: time.Second, perSecond: 20, worse: 1.8},
		{rate: 64_000, queue: 100 * ms, perSecond: 20, jitter: 10 * ms, worse: 1.8},
		{rate: 32_000, queue: 100 * ms, perSecond: 10, worse: 1.1},
		{rate: 64_000, queue: 100 * ms, perSecond: 20, loss: .05, worse: 1.3},
		{rate: 64_000, queue: 250 * ms, perSecond: 20, loss: .05, worse: 1.8},
		{rate: 64_000, queue: 100 * ms, perSecond: 20, loss: .05, jitter: 10 * ms, worse: 1.3},
		{rate: 64_000, queue: 100 * ms, perSecond: 10, loss: .05, worse: 1.3},
		{rate: 64_000, queue: 100 * ms, perSecond: 20, loss: .20, worse: 1.5},
		{rate: 32_000, queue: 100 * ms, perSecond: 10, loss: .05, worse: 1.3},
		{rate: 64_000, queue: 100 * ms, perSecond: 20, drops: true, worse: 1.1},
		{rate: 64_000, queue: 100 * ms, perSecond: 20, loss: .05, drops: true, worse: 1.3},
	} {
		t.Run(link.String(), func(t *testing.T) {
			plain, plainSize := link.run(t, false)
			latency, size := link.run(t, true)
			for _, part := range []int{50, 99} {
				worse := link.worse
				if part == 50 {
					worse = 1.2
				}
				got, bound := latency[len(latency)*part/100], time.Duration(worse*float64(plain[len(plain)*part/100]))
				t.Logf("p%d %v, without repeats %v", part, got, plain[len(plain)*part/100])
				if got > bound {
					t.Errorf("p%d is %v > %v", part, got, bound)
				}
			}
			if link.loss == 0 && size > plainSize*105/100 {
				t.Errorf("%d bytes, without repeats %d", size, plainSize)
			}
		})
	}
}

// On a link that is almost full without repeats, a few at the start must not make a queue that stays.
func TestAlmostFullLink(t *testing.T) {
	t.Parallel()
	for _, queue := range []time.Duration{100 * ms, 250 * ms} {
		latency, _ := slowLink{rate: 64_000, queue: queue, perSecond: 30}.run(t, true)
		if p50, p99 := latency[len(latency)/2], latency[len(latency)*99/100]; p50 > 100*ms || p99 > 300*ms {
			t.Errorf("queue %v: p50 %v, p99 %v", queue, p50, p99)
		}
	}
}

// The brake lets go after the path has become longer for good, and its holds double while the trials fail.
func TestBrake(t *testing.T) {
	var b brake
	b.init(0)
	for range 100 {
		b.sample(t0, 60*ms, true, false)
	}
	for i := range 3 {
		b.sample(t0, 100*ms, false, false)
		if b.late != i+1 || b.allowed(1000) != 0 {
			t.Fatalf("after %d late round trips: %d, %d repeats allowed", i+1, b.late, b.allowed(1000))
		}
	}
	for i, hold := range []int64{64, 128, 256, 512, 1024, 2048, 4096, 4096} {
		next := b.resume + 10
		if i == 0 {
			next = 1000
		}
		if b.pull(next); b.resume != next+hold {
			t.Fatalf("hold %d of %d packets, want %d", i, b.resume-next, hold)
		}
	}
	for range minHold {
		b.sample(t0, 100*ms, true, false)
	}
	if got := b.allowed(b.resume); got != 1 {
		t.Errorf("%d repeats allowed after the hold", got)
	}
	if got := b.allowed(b.resume + 3*brakeRamp); got != maxRepeats {
		t.Errorf("%d repeats allowed after a while", got)
	}
	next := b.resume + holdProven + 1
	if b.pull(next); b.resume != next+minHold {
		t.Errorf("hold of %d packets after a long time without", b.resume-next)
	}
}
