package stream

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"

	"yodel/wire"
)

// BenchmarkPath sends 1000 messages of 200 bytes at 100 a second over a path of 30 ± 10 ms each way and reports the latency
// from Send to Receive in simulated time and the datagrams a message both ways.
func BenchmarkPath(b *testing.B) {
	for _, loss := range []float64{0, .05, .20, .40} {
		b.Run(fmt.Sprintf("loss=%v%%", 100*loss), func(b *testing.B) {
			var latency []time.Duration
			datagrams, size, messages := 0, 0, 0
			for i := range b.N {
				n := newNetwork(b, conditions{loss: loss, delay: 30 * time.Millisecond, jitter: 10 * time.Millisecond, seed: uint64(i + 1)})
				n.tap = func(_ int, datagram []byte) { size += len(datagram) + overhead }
				for range 1000 {
					n.send(0, 200)
					n.run(10 * time.Millisecond)
				}
				n.until(time.Minute, "all messages", n.settled)
				latency = append(latency, n.ends[1].latency...)
				datagrams += n.ends[0].datagrams + n.ends[1].datagrams
				messages += n.ends[0].sent
			}
			slices.Sort(latency)
			b.ReportMetric(latency[len(latency)/2].Seconds()*1000, "p50-ms")
			b.ReportMetric(latency[len(latency)*99/100].Seconds()*1000, "p99-ms")
			b.ReportMetric(float64(datagrams)/float64(messages), "datagrams/message")
			b.ReportMetric(float64(size)/float64(messages), "bytes/message")
		})
	}
}

// BenchmarkMessage is the processor time of one message from Send to Receive with its share of the reports, without a network between.
func BenchmarkMessage(b *testing.B) {
	e := newExchange()
	msg := make([]byte, 200)
	b.ReportAllocs()
	for b.Loop() {
		e.message(b, msg)
	}
}

// exchange passes datagrams between two streams at once, as a caller that reuses its buffers does.
type exchange struct {
	now  time.Time
	ends [2]*Stream
	buf  []byte
	h    rtp.Header
}

func newExchange() *exchange {
	return &exchange{
		now:  t0,
		ends: [2]*Stream{New(Config{Local: 1, Remote: 2}, t0), New(Config{Local: 2, Remote: 1}, t0)},
		buf:  make([]byte, 0, wire.MaxDatagram),
	}
}

func (e *exchange) message(t testing.TB, msg []byte) {
	t.Helper()
	e.now = e.now.Add(time.Millisecond)
	if err := e.ends[0].Send(msg); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		from := e.ends[i%2]
		out, kind, _ := from.AppendPacket(e.now, e.buf[:0])
		if kind == None {
			continue
		}
		if err := e.pass(e.ends[1-i%2], out, kind); err != nil {
			t.Fatal(err)
		}
	}
	e.ends[1].Receive()
}

func (e *exchange) pass(to *Stream, datagram []byte, kind Kind) error {
	if kind == RTCP {
		return handle(to, e.now, datagram)
	}
	size, err := e.h.Unmarshal(datagram)
	if err != nil {
		return err
	}
	return to.HandlePacket(e.now, &e.h, datagram[size:])
}

// A message costs its own copy, and every second one the parsing of a report by pion/rtcp.
func TestSteadyStateAllocations(t *testing.T) {
	e := newExchange()
	msg := make([]byte, 200)
	for range 100 {
		e.message(t, msg)
	}
	if n := testing.AllocsPerRun(1000, func() { e.message(t, msg) }); n > 3 {
		t.Errorf("%v allocations a message", n)
	}
}
