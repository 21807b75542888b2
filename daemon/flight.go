package daemon

import (
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"yodel/wire/repair"
	"yodel/wire/secure"
)

const (
	// handOver is from how many datagrams on another shard's part of a flight is worth waking its pump. Below it, whoever has the flight does
	// the work under the shard's lock: a wake-up costs as much as sending two to four datagrams, so this is about latency and cores, not about CPU time.
	handOver = 1024
	// sealAtOnce is for how many listeners a shard's lock is held at once: some 40 µs.
	sealAtOnce = 128
)

// listener is a member that hears, as its relay sees it.
type listener struct {
	link  *link   // never changes
	feeds []feed  // by the voices' slots; link.shard.mu guards them
	first [1]feed // the room for feeds while one talks
}

func newListener(l *link) *listener {
	e := &listener{link: l}
	e.feeds = e.first[:0]
	return e
}

// feed is a voice on its way to one listener.
type feed struct {
	voice    *voice
	stream   *secure.TxStream
	ssrc     uint32 // the voice's, or a later one for this listener alone
	sent     bool
	last     uint64 // sequence number of the newest packet, when one was sent
	resender repair.Resender
}

// feed gives the listener's feed of a voice.
func (e *listener) feed(v *voice) *feed {
	if v.slot >= len(e.feeds) {
		e.feeds = slices.Grow(e.feeds, v.slot+1-len(e.feeds))[:v.slot+1]
	}
	f := &e.feeds[v.slot]
	if f.voice != v {
		*f = feed{voice: v, ssrc: v.ssrc, stream: e.link.tx.Stream(v.ssrc)}
	}
	return f
}

// flight is packets whose turn has come, on their way to all who hear the room.
type flight struct {
	items []item
	ears  [][]*listener // by shard
	parts atomic.Int32  // that are not done; the last one gives the packets back
}

// item is one packet of a flight. A flight is sorted by size, so that what goes to one listener makes segments.
type item struct {
	voice  *voice
	packet *packet
	seq    uint64
}

var flights = sync.Pool{New: func() any { return new(flight) }}

// add puts a packet in its place.
func (f *flight) add(it item) {
	f.items = append(f.items, it)
	for i := len(f.items) - 1; i > 0 && len(f.items[i-1].packet.data) < len(it.packet.data); i-- {
		f.items[i], f.items[i-1] = f.items[i-1], f.items[i]
	}
}

// fly sends the flight: what is for a few of another shard, and all for those of the shard own, by this writer; the rest goes to the pumps. No lock
// may be held. A shard whose queue is full drops its part.
func (f *flight) fly(own *shard, w *writer) {
	f.parts.Store(1)
	for i, ears := range f.ears {
		if len(ears) == 0 {
			continue
		}
		sh := ears[0].link.shard
		if sh == own || len(ears)*len(f.items) < handOver {
			sh.send(f, i, w)
			continue
		}
		f.parts.Add(1)
		select {
		case sh.parts <- f:
			sh.alarm.ring()
		default:
			sh.plane.drops.add(dropCrossing, len(ears)*len(f.items))
			f.done()
		}
	}
	f.done()
}

// done tells that one part has been sent.
func (f *flight) done() {
	if f.parts.Add(-1) > 0 {
		return
	}
	for _, it := range f.items {
		it.packet.release()
	}
	clear(f.items)
	f.items, f.ears = f.items[:0], nil
	flights.Put(f)
}

// send sends a shard's part of a flight.
func (sh *shard) send(f *flight, part int, w *writer) {
	for ears := f.ears[part]; len(ears) > 0; {
		n := min(len(ears), sealAtOnce)
		sh.mu.Lock()
		for _, e := range ears[:n] {
			e.send(f, w)
		}
		sh.mu.Unlock()
		ears = ears[n:]
	}
}

// send protects the packets of a flight for the listener.
func (e *listener) send(f *flight, w *writer) {
	defer e.link.shard.plane.contain(choreListener, e.link)
	for i := range f.items {
		it := &f.items[i]
		to := e.feed(it.voice)
		err := e.seal(w, to, it)
		if errors.Is(err, secure.ErrNewSSRCNeeded) {
			e.renew(to, it)
			err = e.seal(w, to, it)
		}
		if err != nil {
			e.link.shard.plane.drops.count(why(err))
			continue
		}
		if !to.sent || it.seq > to.last {
			to.sent, to.last = true, it.seq
		}
		to.resender.Sent()
	}
}

// seal protects a packet under the SSRC of its feed.
func (e *listener) seal(w *writer, to *feed, it *item) error {
	if e.link.nowhere {
		return errNowhere
	}
	plain, dst := it.packet.data, w.space()
	if to.ssrc != it.voice.source {
		plain = append(dst, plain...)
		binary.BigEndian.PutUint32(plain[8:], to.ssrc)
	}
	sealed, err := to.stream.Seal(dst, plain, it.seq)
	if err == nil {
		e.link.put(w, sealed)
	}
	return err
}

// renew has a listener who has missed so much of a voice that it could not decrypt what follows hear it under a new SSRC, from
// a packet on.
func (e *listener) renew(to *feed, it *item) {
	v, old, before := it.voice, to.ssrc, it.seq-min(it.seq, 1)
	if to.sent {
		before = to.last
	}
	to.ssrc, to.sent = v.relay.plane.newSSRC(), false
	to.stream = e.link.tx.Stream(to.ssrc)
	r := renewal{ear: e, voice: v, old: old, before: before, ssrc: to.ssrc, first: it.seq, timestamp: timestampOf(it.packet.data)}
	v.relay.plane.notice(r.tell)
}

// resend sends a packet again, byte for byte as it was: the same bytes under the same SRTP index give the same ciphertext, and a
// keystream is never used for two texts. kept is the oldest packet that can still be asked for.
func (e *listener) resend(w *writer, ssrc uint32, it *item, kept uint64) (ok bool) {
	sh := e.link.shard
	sh.mu.Lock()
	defer sh.mu.Unlock()
	f := e.feed(it.voice)
	f.resender.Forget(kept)
	if f.ssrc != ssrc || !f.resender.Allow(it.seq) {
		return false
	}
	if err := e.seal(w, f, it); err != nil {
		sh.plane.drops.count(why(err))
	}
	return true
}

// why is the reason for which a packet was not protected.
func why(err error) drop {
	switch {
	case errors.Is(err, errNowhere):
		return dropDisplaced
	case errors.Is(err, secure.ErrBeforeFirst), errors.Is(err, secure.ErrTooOld):
		return dropLate
	}
	return dropSeal
}

// timestampOf reads the timestamp of an RTP packet (RFC 3550, 5.1).
func timestampOf(packet []byte) uint32 { return binary.BigEndian.Uint32(packet[4:]) }

// renewal is what the hub is to tell a member that hears a voice under a new SSRC.
type renewal struct {
	ear           *listener
	voice         *voice
	old, ssrc     uint32
	before, first uint64
	timestamp     uint32
}
