package daemon

import (
	"sync/atomic"
	"time"
)

const (
	// roundEvery is how often the sockets are looked at in rounds, and joinEvery while somebody joins, which takes four answers.
	roundEvery = 20 * time.Millisecond
	joinEvery  = 3 * time.Millisecond
	// joiningFor is how long after a STUN message somebody joins.
	joiningFor = 100 * time.Millisecond
	// rateOver is over how long, at least, the rate of datagrams is measured.
	rateOver = 100 * time.Millisecond
	// manyArrive and fewArrive are how many in that time begin and end the rounds: five times as many as there are rounds, and twice as many.
	manyArrive, fewArrive = 25, 10
	// flood is how many in that time end the rounds: the readers hardly sleep then, and a small receive buffer would run over between two rounds.
	flood = 500
	// askEvery is in how many rounds the loop is asked whether there are to be more.
	askEvery = 8
	// stirredFor is how long after a message was published no rounds are made: its acknowledgements and the answers to it come now.
	stirredFor = 250 * time.Millisecond
	// patient is from which delay on a room's voices can wait for a round.
	patient = time.Second
	// maxReads bounds the reads of one socket in a round.
	maxReads = 16
)

// rounds is the other way to take what comes, while nobody waits for it and much arrives nevertheless, as thousands of idle sessions, many who
// join at once, and voices of rooms with a delay make it: the readers are not woken, and one pump looks at all sockets at intervals. A thread's
// waking costs 20 to 60 µs of CPU, which is more than most of what it is woken for. The loop says when there are rounds.
type rounds struct {
	by     *shard     // whose pump makes them
	shards []*shard   // that have a reader
	in     *readBatch // nil: the sockets cannot do without their readers
	timer  timer      // by.ticks guards it
	at     grid       // the instants of the rounds: those of the plane's grid, as a rule

	on      atomic.Bool
	joining atomic.Bool // somebody joins
	turns   int         // the pump's

	since  time.Time // when the rate was measured
	before uint64    // datagrams until then
	rate   int       // in rateOver
}

// newRounds makes rounds over the sockets of the shards; some may be of one socket, which the first of them reads.
func newRounds(shards []*shard) *rounds {
	r := &rounds{by: shards[0], at: grid{shards[0].plane.grid.origin, roundEvery}}
	for i, sh := range shards {
		if i == 0 || sh.socket != shards[0].socket {
			r.shards = append(r.shards, sh)
		}
	}
	if shards[0].socket.batched {
		r.in = newReadBatch()
	}
	r.timer.run = r.turn
	return r
}

// turn makes a round, and one when they have ended. It is called by the pump.
func (r *rounds) turn(now time.Time) {
	n := r.look(r.by.w)
	if !r.on.Load() {
		return
	}
	next := r.at.nearest(now.Add(roundEvery))
	if r.joining.Load() {
		next = now.Add(joinEvery)
	}
	r.by.schedule(&r.timer, next)
	if r.turns++; n == 0 || r.turns%askEvery == 0 || r.joining.Load() {
		r.by.plane.bell.ring() // it may be time to end them
	}
}

// look takes what has come to the sockets; n is how many datagrams it was.
func (r *rounds) look(w *writer) (n int) {
	for _, sh := range r.shards {
		for range maxReads {
			got, err := sh.socket.readNow(r.in)
			if err != nil {
				sh.faults.failed(time.Now())
				break // of a peer (ICMP); the next round comes soon
			}
			sh.faults.succeeded()
			sh.take(time.Now(), r.in, got, w)
			if n += got; got < readAtOnce {
				break
			}
		}
	}
	return n
}

// goOn tells that the next round is to come, if there are rounds.
func (r *rounds) goOn() bool {
	r.by.ticks.Lock()
	defer r.by.ticks.Unlock()
	return !r.on.Load() || r.timer.index > 0
}

// pace begins the rounds or ends them. calm: nobody waits for what comes. It is called by the loop.
func (r *rounds) pace(now time.Time, calm, joining bool) {
	if r.in == nil {
		return
	}
	if took := now.Sub(r.since); took >= rateOver {
		arrived := uint64(0)
		for _, sh := range r.shards {
			arrived += sh.arrived.Load()
		}
		r.rate = int(float64(arrived-r.before) * float64(rateOver) / float64(took))
		r.since, r.before = now, arrived
	}
	r.joining.Store(joining)
	was := r.on.Load()
	on := calm && r.rate < flood && (r.rate >= manyArrive || was && r.rate >= fewArrive)
	switch {
	case on != was:
		r.on.Store(on)
		for _, sh := range r.shards {
			sh.socket.watch(!on)
		}
		r.by.schedule(&r.timer, now)
	case on && joining:
		r.by.schedule(&r.timer, now.Add(joinEvery))
	}
}
