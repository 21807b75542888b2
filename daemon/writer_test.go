package daemon

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"

	"yodel/wire"
)

// What a writer was given arrives, each datagram for itself and in order for each target, however sizes and targets are mixed.
func TestWriterDeliversEachDatagramInOrder(t *testing.T) {
	seed := rand.Uint64()
	onEachPath(t, func(t *testing.T, p *port) {
		t.Logf("seed %d", seed)
		r := rand.New(rand.NewPCG(seed, 0))
		var callers []*caller
		var targets []*target
		for i := range 6 {
			at := loopbacks(p)
			callers = append(callers, newCaller(t, at[i%len(at)]))
			targets = append(targets, p.to(callers[i].at))
		}
		w, number := newWriter(p.sockets[0]), 0
		for range 40 {
			sent := make([][][]byte, len(callers))
			for range 1 + r.IntN(10) {
				to, n := r.IntN(len(callers)), 1+r.IntN(wire.MaxDatagram)
				for range 1 + r.IntN(10) {
					if r.IntN(6) == 0 {
						n = 1 + r.IntN(wire.MaxDatagram)
					}
					b := filled(n, number)
					number++
					if r.IntN(8) == 0 {
						w.add(targets[to], b) // built elsewhere
					} else {
						build(w, targets[to], b)
					}
					sent[to] = append(sent[to], b)
				}
			}
			w.flush()
			for i, c := range callers {
				c.wantNext(sent[i]...)
			}
		}
		for _, c := range callers {
			c.wantNothing()
		}
		if n := w.failed(); n != 0 {
			t.Errorf("%d failed", n)
		}
	})
}

func TestWriterSendsByItselfWhenItIsFull(t *testing.T) {
	onEachPath(t, func(t *testing.T, p *port) {
		w := newWriter(p.sockets[0])
		a, b := newCaller(t, "127.0.0.1"), newCaller(t, "127.0.0.1")
		toA, toB := p.to(a.at), p.to(b.at)
		for i := range 150 { // more messages than it holds
			build(w, toA, filled(92, i))
			build(w, toB, filled(92, i))
		}
		for i := range 120 {
			a.wantNext(filled(92, i))
			b.wantNext(filled(92, i))
		}
		w.flush()
		for i := 120; i < 150; i++ {
			a.wantNext(filled(92, i))
			b.wantNext(filled(92, i))
		}
		for i := range 75 { // more bytes
			build(w, toA, filled(wire.MaxDatagram, i))
			build(w, toB, filled(wire.MaxDatagram, i))
		}
		for i := range 50 {
			a.wantNext(filled(wire.MaxDatagram, i))
			b.wantNext(filled(wire.MaxDatagram, i))
		}
		w.flush()
		for i := 50; i < 75; i++ {
			a.wantNext(filled(wire.MaxDatagram, i))
			b.wantNext(filled(wire.MaxDatagram, i))
		}
		a.wantNothing()
		b.wantNothing()
	})
}

func TestDatagramThatCannotBeSentCostsNoOther(t *testing.T) {
	onEachPath(t, func(t *testing.T, p *port) {
		w := newWriter(p.sockets[0])
		a, b := newCaller(t, "127.0.0.1"), newCaller(t, "127.0.0.1")
		nowhere := p.to(netip.MustParseAddrPort("127.0.0.1:0"))
		for i := range 3 { // in the beginning, in the middle, at the end, one and two in a row
			build(w, nowhere, filled(92, i))
			build(w, p.to(a.at), filled(92, i))
			build(w, nowhere, filled(92, i))
			build(w, nowhere, filled(92, i))
			build(w, p.to(b.at), filled(92, i))
			build(w, nowhere, nil) // is not sent, so does not fail
		}
		build(w, nowhere, filled(92, 9))
		w.flush()
		a.wantNext(filled(92, 0), filled(92, 1), filled(92, 2))
		b.wantNext(filled(92, 0), filled(92, 1), filled(92, 2))
		a.wantNothing()
		b.wantNothing()
		if got := w.failed(); got != 10 {
			t.Errorf("%d failed, want 10", got)
		}
		if got := w.failed(); got != 0 {
			t.Errorf("%d failed, want none again", got)
		}
	})
}

// A socket serves the writers of several goroutines, and they may share targets.
func TestWritersShareASocket(t *testing.T) {
	onEachPath(t, func(t *testing.T, p *port) {
		const writers, each = 4, 30
		c := newCaller(t, "127.0.0.1")
		to := p.to(c.at)
		var group sync.WaitGroup
		for i := range writers {
			group.Go(func() {
				w := newWriter(p.sockets[0])
				for k := range each {
					build(w, to, filled(92, i*each+k))
					if k%7 == 0 {
						w.flush()
					}
				}
				w.flush()
			})
		}
		group.Wait()
		next, buf := [writers]int{}, make([]byte, wire.MaxDatagram)
		for range writers * each {
			n, _, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				t.Fatal(err)
			}
			number := int(buf[0]) | int(buf[1])<<8
			i := number / each
			if want := filled(92, i*each+next[i]); !bytes.Equal(buf[:n], want) {
				t.Fatalf("writer %d: datagram %d, want %d", i, number%each, next[i])
			}
			next[i]++
		}
		c.wantNothing()
	})
}
