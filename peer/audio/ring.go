package audio

// ringSize is the number of packets a stream can hold: the deepest lead (1.5 s) and two seconds more in 10 ms packets
// are 350.
const ringSize = 512

// packet is one that waits to be played.
type packet struct {
	seq  int64 // extended sequence number
	ts   int64 // extended timestamp in samples at 48 kHz
	at   int64 // arrival on the timeline
	dur  int   // samples at 48 kHz
	data []byte
}

// end is the timestamp after the packet's last sample.
func (p *packet) end() int64 { return p.ts + int64(p.dur) }

// ring holds the packets of a window of ringSize sequence numbers, and remembers which ones came.
type ring struct {
	slots []slot // made for the first packet
	count int
}

type slot struct {
	came int64 // the extended sequence number that came last in this slot; 0 none
	pkt  *packet
}

// at returns the slot of a sequence number.
func (r *ring) at(seq int64) *slot {
	if r.slots == nil {
		r.slots = make([]slot, ringSize)
	}
	return &r.slots[seq%ringSize]
}

// came reports whether the packet seq came, as far as the ring remembers.
func (r *ring) came(seq int64) bool { return r.slots != nil && r.at(seq).came == seq }

// mark remembers that the packet seq came and was not put, unless its slot remembers one that is held.
func (r *ring) mark(seq int64) {
	if s := r.at(seq); s.pkt == nil {
		s.came = seq
	}
}

// put holds a packet whose slot is free: the caller keeps to the window, and has asked came.
func (r *ring) put(p *packet) {
	s := r.at(p.seq)
	s.came, s.pkt = p.seq, p
	r.count++
}

// first returns the packet with the lowest sequence number in from … to, or nil. All packets held are in a window of
// ringSize from from.
func (r *ring) first(from, to int64) *packet {
	if r.count == 0 {
		return nil
	}
	for seq := from; seq <= min(to, from+ringSize-1); seq++ {
		if p := r.slots[seq%ringSize].pkt; p != nil && p.seq == seq {
			return p
		}
	}
	return nil
}

func (r *ring) remove(p *packet) {
	r.slots[p.seq%ringSize].pkt = nil
	r.count--
}

// pool keeps packets for reuse, so that steady sound allocates nothing.
type pool struct{ free []*packet }

// get returns a packet with a copy of data.
func (l *pool) get(data []byte) *packet {
	var p *packet
	if n := len(l.free); n > 0 {
		p, l.free = l.free[n-1], l.free[:n-1]
	} else {
		p = &packet{}
	}
	p.data = append(p.data[:0], data...)
	return p
}

func (l *pool) put(p *packet) {
	if len(l.free) < 2*ringSize {
		l.free = append(l.free, p)
	}
}
