package daemon

import (
	"testing"

	"golang.org/x/sys/unix"

	"yodel/wire"
)

// How datagrams become messages: what is gathered, and what closes a group.
func TestSegmentsAreOfOneTargetAndSize(t *testing.T) {
	p := openPort(t, "127.0.0.1:0", false)
	if !p.sockets[0].segments {
		t.Fatal("no UDP_SEGMENT here")
	}
	a, b := newCaller(t, "127.0.0.1"), newCaller(t, "127.0.0.1")
	toA, toB := p.to(a.at), p.to(b.at)
	times := func(n, size int) (out []int) {
		for range n {
			out = append(out, size)
		}
		return out
	}
	for _, c := range []struct {
		name     string
		sizes    []int // to a; to b where negative
		messages int
	}{
		{"one", []int{92}, 1},
		{"of one size", times(8, 92), 1},
		{"another target between", []int{92, 92, -92, 92, 92}, 3},
		{"the last is shorter", []int{92, 92, 60}, 1},
		{"a shorter one is the last", []int{92, 92, 60, 60, 60}, 2},
		{"a longer one begins anew", []int{92, 92, 93}, 2},
		{"one byte each", times(maxSegments, 1), 1},
		{"too many", times(2*maxSegments+2, 92), 3},
		{"too long", times(60, wire.MaxDatagram), 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWriter(p.sockets[0])
			for i, n := range c.sizes {
				if n < 0 {
					build(w, toB, filled(-n, i))
				} else {
					build(w, toA, filled(n, i))
				}
			}
			if w.out.count != c.messages {
				t.Errorf("%d messages, want %d", w.out.count, c.messages)
			}
			w.flush()
			for i, n := range c.sizes {
				if n < 0 {
					b.wantNext(filled(-n, i))
				} else {
					a.wantNext(filled(n, i))
				}
			}
			a.wantNothing()
			b.wantNothing()
			if n := w.failed(); n != 0 || !w.out.segments {
				t.Errorf("%d failed; still in segments: %v", n, w.out.segments)
			}
		})
	}
}

// Without checksums the kernel refuses segments (EINVAL), as a route through a tunnel does (EIO).
func TestSegmentsRefusedGoOneByOne(t *testing.T) {
	p := openPort(t, "127.0.0.1:0", false)
	setInt(t, p, unix.SOL_SOCKET, unix.SO_NO_CHECK, 1)
	a, b := newCaller(t, "127.0.0.1"), newCaller(t, "127.0.0.1")
	w := newWriter(p.sockets[0])
	var want [][]byte
	for i, n := range []int{92, 92, 92, 50, 1200, 1200} {
		want = append(want, filled(n, i))
		build(w, p.to(a.at), want[i])
		build(w, p.to(b.at), want[i])
	}
	toA := p.to(a.at)
	for i := range want {
		build(w, toA, want[i])
	}
	w.flush()
	a.wantNext(want...)
	a.wantNext(want...)
	b.wantNext(want...)
	if w.out.segments {
		t.Error("segments are still made")
	}
	for i := range want {
		build(w, toA, want[i])
	}
	if w.out.count != len(want) {
		t.Errorf("%d messages of %d datagrams", w.out.count, len(want))
	}
	w.flush()
	a.wantNext(want...)
	a.wantNothing()
	b.wantNothing()
	if n := w.failed(); n != 0 {
		t.Errorf("%d failed", n)
	}
}

// A datagram to where nobody listens any more makes the next call fail (here the socket is told of ICMP errors): that which is sent by it
// arrives nevertheless.
func TestPeerThatIsGoneCostsNoOther(t *testing.T) {
	onEachPath(t, func(t *testing.T, p *port) {
		setInt(t, p, unix.IPPROTO_IP, unix.IP_RECVERR, 1)
		gone := newCaller(t, "127.0.0.1")
		_ = gone.Close()
		a, w := newCaller(t, "127.0.0.1"), newWriter(p.sockets[0])
		toGone, toA := p.to(gone.at), p.to(a.at)
		var want [][]byte
		for i := range 50 {
			build(w, toGone, filled(92, i))
			for k := range 1 + i%3 {
				want = append(want, filled(92, 3*i+k))
				build(w, toA, want[len(want)-1])
			}
		}
		w.flush()
		a.wantNext(want...)
		a.wantNothing()
	})
}
