package repair

const (
	// maxResends is how often one packet is resent.
	maxResends = 8
	// maxCredit is how many resends may come in one burst: all that a Requester can miss at once, so that the end of a voice which a black-out
	// of a second has swallowed is not spoilt by the resends that went into it.
	maxCredit = 512
	// spare is how many resends there may be beyond the packets of the stream: else a talk of one packet had one.
	spare = maxResends
)

// Resender limits the resends of one stream to one receiver: each packet at most 8 times, and all resends together to 8 more than
// the packets that the stream itself has sent. The zero value is ready.
type Resender struct {
	credit int // packets sent less resends, from -spare to maxCredit
	tries  map[uint64]uint8
	sweep  int // how many tries there may be before those that are over are looked for
}

// Sent tells that a packet of the stream has been sent for the first time.
func (r *Resender) Sent() {
	if r.credit < maxCredit {
		r.credit++
	}
}

// Allow tells whether the packet may be resent now, and counts it if so.
func (r *Resender) Allow(seq uint64) bool {
	if r.credit == -spare || r.tries[seq] >= maxResends {
		return false
	}
	if r.tries == nil {
		r.tries = make(map[uint64]uint8)
	}
	r.credit--
	r.tries[seq]++
	return true
}

// minSweep is from how many packets on those that are over are looked for.
const minSweep = 64

// Forget says that packets before seq are not resent any more. They are dropped when they could be half of what is
// remembered, so that calling it often costs nothing.
func (r *Resender) Forget(before uint64) {
	if len(r.tries) < max(r.sweep, minSweep) {
		return
	}
	for seq := range r.tries {
		if seq < before {
			delete(r.tries, seq)
		}
	}
	r.sweep = 2 * len(r.tries)
}
