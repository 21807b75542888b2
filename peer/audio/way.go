package audio

// What the last packets say of their way, in samples of sound or of time.
const (
	wayPackets  = 512
	waySound    = 4 * SampleRate  // how much sound is looked at
	wayRecent   = 2 * SampleRate  // and how much for what is true now
	wayAge      = 20 * SampleRate // what is older says nothing, because clocks drift
	wayExcepted = 100             // one packet in so many may be slower than the rest
	wayAstray   = 32              // fewer than one in so many that come behind later ones were resent on another hop: they say nothing of the way
)

// passage is how one packet came.
type passage struct {
	at  int64 // position at which it was there
	rel int64 // that, less its timestamp
	dur int64

	astray bool // behind one that was sent after it, and no copy
}

// way is what is known of the way of a talk's packets. A packet that a copy or a resend brought came when that did.
type way struct {
	ring []passage // made for the first packet
	n    int       // that were ever noted

	floor   int64 // least rel of the last seconds
	recent  int64 // the same of the last two
	slow    int64 // the rel that all but one in 100 kept to, and always but one
	covered int64 // how much sound was looked at
}

// note takes a packet into account, and looks at all again.
func (w *way) note(p passage) {
	if w.ring == nil {
		w.ring = make([]passage, wayPackets)
	}
	w.ring[w.n%wayPackets] = p
	w.n++
	var all, straight slowest
	w.floor, w.recent, w.covered = p.rel, p.rel, 0
	seen, astray := 0, 0
	for seen < min(w.n, wayPackets) && w.covered < waySound {
		q := &w.ring[(w.n-1-seen)%wayPackets]
		if p.at-q.at > wayAge {
			break
		}
		w.floor = min(w.floor, q.rel)
		if w.covered < wayRecent {
			w.recent = w.floor
		}
		w.covered += q.dur
		all.rank(q.rel, seen)
		if q.astray {
			astray++
		} else {
			straight.rank(q.rel, seen-astray)
		}
		seen++
	}
	if astray*wayAstray > seen || astray == seen {
		w.slow = all.but(seen)
	} else {
		w.slow = straight.but(seen - astray)
	}
}

// slowest is the greatest rel of some packets, the greatest first.
type slowest [1 + wayPackets/wayExcepted]int64

// but is the rel that all but one in 100 of n kept to, and always but one.
func (top *slowest) but(n int) int64 { return top[min(max(1, n/wayExcepted), n-1)] }

// rank puts rel in its place among the greatest of the n before it.
func (top *slowest) rank(rel int64, n int) {
	i := min(n, len(top))
	for ; i > 0 && top[i-1] < rel; i-- {
		if i < len(top) {
			top[i] = top[i-1]
		}
	}
	if i < len(top) {
		top[i] = rel
	}
}
