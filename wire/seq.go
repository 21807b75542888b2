package wire

import (
	"crypto/rand"
	"encoding/binary"
)

// FirstSeq is a random sequence number to begin a stream with (RFC 3550, 5.1), below MaxFirstSeq.
func FirstSeq() uint64 {
	var b [2]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand
	return uint64(binary.BigEndian.Uint16(b[:]) % MaxFirstSeq)
}

// Nearest extends a 16-bit sequence number to the number that is nearest to reference and has seq in its low 16 bits
// (the idea of RFC 9000, A.3, and RFC 3711, 3.3.1). Exactly half a cycle away counts as behind.
// The result may be negative when reference is below 2^15.
func Nearest(reference int64, seq uint16) int64 {
	return reference + int64(int16(seq-uint16(reference)))
}

// Unwrapper extends the 16-bit sequence numbers of one stream (RFC 3550, A.1) to 64 bits. The first number is
// taken as it is; every later one is taken nearest to the highest so far, so that a packet
// which comes late, even from before a wrap, does not move anything. The zero value is ready. Not safe for concurrent use.
type Unwrapper struct {
	highest int64
	started bool
}

// Unwrap gives the extended number of seq. ok is false, and nothing is changed, when it would lie before number 0:
// half a cycle or less behind a stream that began less than that above it.
func (u *Unwrapper) Unwrap(seq uint16) (extended uint64, ok bool) {
	if !u.started {
		u.started = true
		u.highest = int64(seq)
		return uint64(seq), true
	}
	n := Nearest(u.highest, seq)
	if n < 0 {
		return 0, false
	}
	u.highest = max(u.highest, n)
	return uint64(n), true
}
