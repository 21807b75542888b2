package daemon

import "time"

const (
	// roundEvery is how often the loop looks at the sockets when it makes rounds, and joinEvery while somebody joins, which takes four answers.
	roundEvery = 20 * time.Millisecond
	joinEvery  = 3 * time.Millisecond
	// joiningFor is how long after a STUN message somebody joins.
	joiningFor = 100 * time.Millisecond
	// rateOver is over how long the rate of datagrams is measured.
	rateOver = 100 * time.Millisecond
	// manyArrive and fewArrive are how many in that time begin and end the rounds: five times as many as there are rounds, and twice as many.
	manyArrive, fewArrive = 25, 10
	// stirredFor is how long after a message was published no rounds are made: its acknowledgements and the answers to it come now.
	stirredFor = 250 * time.Millisecond
	// maxReads bounds the reads of one socket in a round.
	maxReads = 16
)

// rounds is the other way to take what comes, while nobody talks or writes and much arrives nevertheless, as thousands of idle sessions
// and many who join at once make it: the readers are not woken, and the loop looks at all sockets at intervals. A thread's waking costs 20 to 30 µs
// of CPU, each datagram needs two or three, and five for what is to be done. The loop owns it.
type rounds struct {
	shards []*shard   // that have a reader
	in     *readBatch // nil: the sockets cannot do without their readers
	on     bool
	next   time.Time // round
	since  time.Time // when the rate was measured
	before uint64    // datagrams until then
	rate   int       // in rateOver
}

// newRounds makes rounds over the sockets of the shards; some may be of one socket, which the first of them reads.
func newRounds(shards []*shard) (r rounds) {
	for i, sh := range shards {
		if i == 0 || sh.socket != shards[0].socket {
			r.shards = append(r.shards, sh)
		}
	}
	if shards[0].socket.batched {
		r.in = newReadBatch()
	}
	return r
}

// due tells whether it is time for a round.
func (r *rounds) due(now time.Time) bool { return r.on && !now.Before(r.next) }

// look takes what has come to the sockets.
func (r *rounds) look(now time.Time, joining bool, w *writer) {
	r.next = now.Add(roundEvery)
	if joining {
		r.next = now.Add(joinEvery)
	}
	for _, sh := range r.shards {
		for range maxReads {
			n, err := sh.socket.readNow(r.in)
			if err != nil {
				break // of a peer (ICMP); the next round comes soon
			}
			sh.take(now, r.in, n, w)
			if n < readAtOnce {
				break
			}
		}
	}
}

// pace begins the rounds or ends them. calm: nobody waits for what comes; arrived: how many datagrams have come to the loop so far.
func (r *rounds) pace(now time.Time, calm bool, arrived uint64, w *writer) {
	if r.in == nil {
		return
	}
	if took := now.Sub(r.since); took >= rateOver {
		r.rate = int(float64(arrived-r.before) * float64(rateOver) / float64(took))
		r.since, r.before = now, arrived
	}
	on := calm && (r.rate >= manyArrive || r.on && r.rate >= fewArrive)
	if on == r.on {
		return
	}
	r.on = on
	for _, sh := range r.shards {
		sh.socket.watch(!on)
	}
	r.look(now, true, w) // what came before its socket was watched again wakes nobody
	w.flush()
}
