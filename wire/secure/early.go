package secure

// maxEarly is how many packets an EarlyQueue holds: the first flight of messages and some voice.
const maxEarly = 8

// EarlyQueue holds the SRTP and SRTCP packets of an address whose handshake is not quite finished: they may overtake
// its last flight, or the goroutine that waits for it. The zero value is ready. One goroutine owns it.
type EarlyQueue struct {
	held [][]byte
}

// Add keeps a copy of a packet; false when there are 8 already.
func (q *EarlyQueue) Add(packet []byte) bool {
	if len(q.held) >= maxEarly {
		return false
	}
	q.held = append(q.held, append([]byte(nil), packet...))
	return true
}

// Drain gives out what was kept, in the order in which it came, and is empty then.
func (q *EarlyQueue) Drain(deliver func(packet []byte)) {
	held := q.held
	q.held = nil
	for _, packet := range held {
		deliver(packet)
	}
}
