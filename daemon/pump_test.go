package daemon

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

// roomAt is the name of a room whose turns a shard gives.
func (w *world) roomAt(shard int) string {
	for i := 0; ; i++ {
		if name := fmt.Sprint("room", i); w.server.hub.home(name).index == shard {
			return name
		}
	}
}

// hear connects n clients, whose datagrams come to a shard, and has them hear a room.
func (w *world) hear(shard, n int, room string) []*client {
	w.t.Helper()
	cs := make([]*client, n)
	for i := range cs {
		cs[i] = w.connect(fmt.Sprintf("10.%d.0.%d:%d", 1+shard, i+1, 10+shard), newID(w.t))
		cs[i].enter(fmt.Sprintf("l%d-%d", shard, i), room, nil)
	}
	return cs
}

// sent counts the datagrams of RTP that go out by each shard's socket from now on, beside sending them.
func (w *world) sent() *[2]atomic.Int64 {
	synctest.Wait()
	var n [2]atomic.Int64
	for i, sh := range w.server.hub.plane.shards {
		write := sh.socket.write
		sh.socket.write = func(b []byte, to netip.AddrPort) error {
			if wire.KindOf(b) == wire.KindRTP {
				n[i].Add(1)
			}
			return write(b, to)
		}
	}
	w.server.hub.plane.tell.add(func(time.Time) {}) // what was changed here is the daemon's again
	return &n
}

// What is for a few of another shard is sent by whoever has it, and what is for many by that shard's own pump.
func TestManyDatagramsForAnotherShardAreItsOwnWork(t *testing.T) {
	const listeners, voices = 32, handOver / 32
	inWorld(t, Config{Delay: time.Second}, func(t *testing.T, w *world) {
		room := w.roomAt(0)
		var speak []func(seq uint16, timestamp uint32)
		var ssrcs []uint32
		for i := range voices / maxTalks {
			a := w.connect(fmt.Sprintf("10.0.0.%d:2", i+1), newID(t))
			a.enter(fmt.Sprint("talker", i), room, &wire.Join{})
			for range maxTalks {
				ssrc := a.talk(room, 0, 0)
				ssrcs = append(ssrcs, ssrc)
				speak = append(speak, func(seq uint16, timestamp uint32) { a.speak(ssrc, seq, timestamp) })
			}
		}
		cs := w.hear(1, listeners, room)
		w.pass(100 * time.Millisecond)

		n := w.sent()
		for _, f := range speak[1:] {
			f(0, 0)
		}
		w.pass(time.Second)
		if own, others := n[0].Load(), n[1].Load(); own < handOver-listeners || others >= listeners {
			t.Errorf("of a few datagrams the shard that has them sends %d, the other %d", own, others)
		}
		speak[0](0, 48_000)
		w.pass(time.Second)
		n = w.sent()
		for _, f := range speak {
			f(1, 96_000)
		}
		w.pass(time.Second)
		if own, others := n[0].Load(), n[1].Load(); own >= listeners || others < handOver {
			t.Errorf("of many datagrams the shard that has them sends %d, the other %d", own, others)
		}
		for _, c := range cs {
			for _, ssrc := range ssrcs {
				if n := len(c.seqs(ssrc)); n != 2 {
					t.Errorf("%d of 2 packets of a voice were heard", n)
				}
			}
		}
	})
}

// What a shard has no room for is counted, and nobody keeps its packets.
func TestPartsThatAShardHasNoRoomForAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &plane{validator: secure.NewValidator(), tell: notices{bell: make(bell, 1)}}
		none := memorySocket(func([]byte, netip.AddrPort) error { return nil })
		for i := range 2 {
			p.shards = append(p.shards, newShard(p, i, none))
		}
		far := &link{shard: p.shards[1], nowhere: true}
		ears := make([]*listener, handOver)
		for i := range ears {
			ears[i] = &listener{link: far}
		}
		var packets []*packet
		for range maxParts + 3 {
			f, one := new(flight), newPacket(make([]byte, 92))
			f.add(item{packet: one.hold()})
			f.ears = [][]*listener{nil, ears}
			f.fly(p.shards[0], p.shards[0].w)
			packets = append(packets, one)
		}
		if n := p.drops.now[dropCrossing].Load(); n != 3*handOver {
			t.Errorf("%d datagrams were dropped, want %d", n, 3*handOver)
		}
		for i, one := range packets {
			want := int32(2)
			if i >= maxParts {
				want = 1
			}
			if n := one.refs.Load(); n != want {
				t.Errorf("packet %d: %d references, want %d", i, n, want)
			}
		}
	})
}

// A shard to which others hand over more than it can send still gives its rooms their turns.
func TestPumpThatAlwaysHasPartsGivesTurns(t *testing.T) {
	const enough = 10 * maxParts
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		sh, name := w.server.hub.plane.shards[1], w.roomAt(1)
		a := w.hear(1, 1, name)[0]
		a.talk(name, 0, 0)
		v := w.server.hub.rooms[name].voices[0]
		seq := 0
		refill := func() {
			f := new(flight)
			plain := make([]byte, 92)
			plain[0], plain[2], plain[3] = 0x80, byte(seq>>8), byte(seq)
			binary.BigEndian.PutUint32(plain[8:], v.ssrc)
			f.add(item{voice: v, packet: newPacket(plain), seq: uint64(seq)})
			f.ears = v.relay.ears
			f.parts.Store(1)
			sh.parts <- f
			seq++
		}
		synctest.Wait()
		turnAt := 0
		sh.socket.write = func([]byte, netip.AddrPort) error { // the pump is sending: before it is done there is more
			if seq < enough && turnAt == 0 {
				refill()
			}
			return nil
		}
		sh.mu.Lock()
		for range 3 {
			refill()
		}
		sh.schedule(&timer{run: func(time.Time) { turnAt = seq }}, time.Now())
		sh.mu.Unlock()
		synctest.Wait()
		if turnAt == 0 || turnAt > maxParts {
			t.Errorf("a turn that was due came after %d parts, of %d", turnAt, seq)
		}
	})
}
