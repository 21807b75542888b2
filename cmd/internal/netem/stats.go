package netem

import "sync/atomic"

// A Traffic is a count of IP packets.
type Traffic struct {
	Packets, Bytes int64
}

// Stats is what has happened to the packets from one side of a link since it was made.
type Stats struct {
	Received     Traffic // from the side's kernel
	Delivered    Traffic // to the other side's kernel, copies included
	Lost         int64   // dropped by Loss
	Duplicated   int64   // delivered twice by Dup
	Early        int64   // sent without delay by Reorder
	Corrupted    int64   // with flipped bits
	BlackedOut   int64   // dropped by the black-out
	Overflowed   int64   // dropped because too many waited
	TooLong      int64   // dropped by MTU
	Untranslated int64   // dropped by the NAT: no mapping, or not UDP
	WriteFailed  int64   // not taken by the other side's kernel: its device is down
}

// counters are the live form of Stats; any goroutine may add.
type counters struct {
	received, delivered                traffic
	lost, duplicated, early, corrupted atomic.Int64
	blackedOut, overflowed, tooLong    atomic.Int64
	untranslated, writeFailed          atomic.Int64
}

type traffic struct{ packets, bytes atomic.Int64 }

func (t *traffic) add(n int) {
	t.packets.Add(1)
	t.bytes.Add(int64(n))
}

func (t *traffic) load() Traffic { return Traffic{t.packets.Load(), t.bytes.Load()} }

func (c *counters) stats() Stats {
	return Stats{
		Received: c.received.load(), Delivered: c.delivered.load(),
		Lost: c.lost.Load(), Duplicated: c.duplicated.Load(), Early: c.early.Load(), Corrupted: c.corrupted.Load(),
		BlackedOut: c.blackedOut.Load(), Overflowed: c.overflowed.Load(), TooLong: c.tooLong.Load(),
		Untranslated: c.untranslated.Load(), WriteFailed: c.writeFailed.Load(),
	}
}
