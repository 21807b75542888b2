package daemon

import (
	"fmt"
	"testing"
)

// BenchmarkWriter tells what a datagram of 92 bytes (Opus, sealed) costs to 200 receivers in turn, of which each gets 1 or 8 in a row. The
// receivers' buffers are full, so that nobody is woken; of a datagram that is taken the kernel's price is higher.
// On a Xeon at 2.8 GHz, Linux 6.18: batched 1.6 µs, and 0.48 µs in eight segments; plain 2.4 µs either way. Of the batched 20 to 30 ns are the
// writer's, the rest the kernel's.
func BenchmarkWriter(b *testing.B) {
	for _, plain := range []bool{false, true} {
		for _, segments := range []int{1, 8} {
			b.Run(fmt.Sprintf("plain=%v/segments=%d", plain, segments), func(b *testing.B) {
				p := openPort(b, "127.0.0.1:0", plain)
				w, targets, one := newWriter(p.sockets[0]), unread(b, p, 200), filled(92, 1)
				b.ReportAllocs()
				for n := 0; b.Loop(); n++ {
					build(w, targets[n/segments%len(targets)], one)
				}
				w.flush()
			})
		}
	}
}

// unread gives targets whose sockets are full.
func unread(b *testing.B, p *port, n int) (targets []*target) {
	b.Helper()
	w := newWriter(p.sockets[0])
	for range n {
		c := newCaller(b, "127.0.0.1")
		_ = c.SetReadBuffer(1)
		targets = append(targets, p.to(c.at))
		for range 64 {
			build(w, targets[len(targets)-1], filled(92, 0))
		}
	}
	w.flush()
	return targets
}
