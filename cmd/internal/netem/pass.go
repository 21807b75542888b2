//go:build linux

package netem

import (
	"errors"
	"os"
	"slices"
	"time"

	"yodel/cmd/internal/fates"
)

// read takes what a side sends, until the link is closed.
func (l *Link) read(from Side) {
	buf := make([]byte, maxPacket)
	for {
		n, err := l.ends[from].tun.Read(buf)
		if errors.Is(err, os.ErrClosed) {
			return
		}
		if err != nil {
			select {
			case <-l.done:
				return
			default:
				continue // the device is down
			}
		}
		l.pass(from, slices.Clone(buf[:n]))
	}
}

// pass decides about a packet and queues the copies that survive. The packet is its own from now on.
func (l *Link) pass(from Side, packet []byte) {
	w := l.way[from]
	w.count.received.add(len(packet))
	imp, departure, ok := l.admit(from, packet)
	if !ok {
		return
	}
	f := w.dice.Throw(&imp.Profile)
	if f.Copies == 0 {
		w.count.lost.Add(1)
		return
	}
	if f.Copies > 1 {
		w.count.duplicated.Add(1)
	}
	if f.Early {
		w.count.early.Add(1)
	}
	if f.Corrupt && corrupt(packet, f.Noise, imp.Rewrite) {
		w.count.corrupted.Add(1)
	}
	for _, delay := range f.Delays[:f.Copies] {
		if !w.queue.Push(fates.Item{Due: departure.Add(delay), Payload: packet, Deliver: func(b []byte) { l.deliver(from, b) }}) {
			w.count.overflowed.Add(1)
		}
	}
}

// admit takes a packet up to the bottleneck: when it leaves that, and what may happen to it then; ok is false when it was dropped.
func (l *Link) admit(from Side, packet []byte) (imp Impairment, departure time.Time, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.way[from]
	switch {
	case w.blackout:
		w.count.blackedOut.Add(1)
		return imp, departure, false
	case l.nat != nil && !l.nat.translate(from, packet):
		w.count.untranslated.Add(1)
		return imp, departure, false
	case w.imp.MTU > 0 && len(packet) > w.imp.MTU:
		w.count.tooLong.Add(1)
		return imp, departure, false
	}
	departure = time.Now()
	if w.imp.Rate > 0 {
		if departure, ok = w.bottleneck(departure, len(packet)); !ok {
			w.count.overflowed.Add(1)
			return imp, departure, false
		}
	}
	return w.imp, departure, true
}

// bottleneck tells when a packet of n bytes has passed it; ok is false when too many wait already.
func (w *way) bottleneck(now time.Time, n int) (departure time.Time, ok bool) {
	limit := w.imp.Queue
	if limit == 0 {
		limit = defaultQueue
	}
	if w.free.Before(now) {
		w.free = now
	}
	if w.free.Sub(now) > limit {
		return now, false
	}
	w.free = w.free.Add(time.Duration(float64(8*n) / w.imp.Rate * float64(time.Second)))
	return w.free, true
}

// deliver writes one copy to the other side, as the last step of its way.
func (l *Link) deliver(from Side, packet []byte) {
	count := &l.way[from].count
	if _, err := l.ends[1-from].tun.Write(packet); err != nil {
		count.writeFailed.Add(1)
		return
	}
	count.delivered.add(len(packet))
}
