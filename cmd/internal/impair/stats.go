package impair

import (
	"sync/atomic"

	"yodel/cmd/internal/fates"
)

// Stats counts datagrams since the proxy began.
type Stats struct {
	Clients int   // source addresses seen
	Refused int64 // datagrams of clients beyond the limit, or without a socket
	Up      Count // from the clients to the target
	Down    Count // from the target to the clients
}

// A Count is what happened to the datagrams of one direction.
type Count struct {
	Received    int64 // read from a socket
	Delivered   int64 // written to a socket, copies included
	Lost        int64 // dropped by Loss
	Duplicated  int64 // delivered twice by Dup
	Early       int64 // sent without delay by Reorder
	Blackholed  int64 // dropped while the black hole was open
	Overflowed  int64 // copies dropped because too many were on their way
	WriteFailed int64 // copies that the kernel did not take
}

// counters are the live form of Count; any goroutine may add.
type counters struct {
	received, delivered, lost, duplicated      atomic.Int64
	early, blackholed, overflowed, writeFailed atomic.Int64
}

func (c *counters) count() Count {
	return Count{
		Received:    c.received.Load(),
		Delivered:   c.delivered.Load(),
		Lost:        c.lost.Load(),
		Duplicated:  c.duplicated.Load(),
		Early:       c.early.Load(),
		Blackholed:  c.blackholed.Load(),
		Overflowed:  c.overflowed.Load(),
		WriteFailed: c.writeFailed.Load(),
	}
}

// add counts a fate that was thrown.
func (c *counters) add(f fates.Fate) {
	switch f.Copies {
	case 0:
		c.lost.Add(1)
	case 2:
		c.duplicated.Add(1)
	}
	if f.Early {
		c.early.Add(1)
	}
}
