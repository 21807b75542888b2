package stream

import (
	"math"
	"time"

	"yodel/wire"
)

// Between two numbers that are skipped there are skipLeast packets and up to skipLeast more, the first among the first firstSkips. A report covers at most
// wire.MaxInFlight numbers, so that only the latest skipped one can be in it.
const (
	firstSkips = 64
	skipLeast  = 1024
)

// skips are the packet numbers that are never sent. RFC 9000, 21.4: "An endpoint that acknowledges packets it has not received might cause a
// congestion controller to permit sending at rates beyond what the network supports. An endpoint MAY skip packet numbers when sending packets to
// detect this behavior."
type skips struct {
	random     func() uint64
	last, next int64 // numbers; last is math.MinInt64 / 2 when none was skipped yet
}

func (k *skips) init(random func() uint64, first int64) {
	k.random, k.last, k.next = random, math.MinInt64/2, math.MaxInt64
	if random != nil {
		k.next = first + 1 + int64(random()%firstSkips)
	}
}

// skip leaves out the number of the next packet when its turn is. It counts as one that has arrived and carried nothing.
func (s *Stream) skip(now time.Time) {
	k := &s.skips
	if s.sent.end() < k.next || s.sent.n+1 >= wire.MaxInFlight {
		return
	}
	k.last = s.sent.end()
	k.next = k.last + skipLeast + int64(k.random()%skipLeast)
	slot := s.sent.push()
	*slot = sentPacket{at: now, fate: arrived, refs: slot.refs[:0]}
}
