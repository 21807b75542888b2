package secure

// replays is a window of the indices that were received (RFC 3711, 3.3.2): a ring with a bit for each of the
// last 64*len(replays) indices up to the newest, which is kept beside it. All 0 with the newest 0, nothing was received.
type replays []uint64

func (r replays) size() uint64 { return 64 * uint64(len(r)) }

// has tells whether an index was received before or lies before the window.
func (r replays) has(newest, index uint64) bool {
	if index > newest {
		return false
	}
	return newest-index >= r.size() || r[index/64%uint64(len(r))]>>(index%64)&1 != 0
}

// add enters an index that is not before the window, and gives the newest.
func (r replays) add(newest, index uint64) uint64 {
	if index > newest+r.size() {
		clear(r)
	} else {
		for i := newest + 1; i <= index; i++ {
			r[i/64%uint64(len(r))] &^= 1 << (i % 64)
		}
	}
	r[index/64%uint64(len(r))] |= 1 << (index % 64)
	return max(newest, index)
}

// guess is the index of a packet, seen from the newest of its SSRC (RFC 3711, 3.3.1 and appendix A). Before rollover counter 0
// there is nothing, so from there no guess leads back.
func guess(newest uint64, sequence uint16) uint64 {
	counter, last := newest>>16, int(uint16(newest))
	switch {
	case last < 1<<15 && int(sequence)-last > 1<<15 && counter > 0:
		counter--
	case last-1<<15 > int(sequence):
		counter++
	}
	return (counter<<16 | uint64(sequence)) & maxIndexRTP // after the last counter comes 0, and that is a replay
}
