package secure

// WindowRTP and WindowRTCP are how many packets behind the newest one of an SSRC are still taken, once each
// (RFC 3711, 3.3.2 wants at least 64). 1024 packets are 20 s of Opus and 10 s of L16.
const (
	WindowRTP  = 1024
	WindowRTCP = 128
)

// MaxJump is how far a packet may be ahead of the newest one of its SSRC. The guess of a rollover counter goes wrong
// at 2^15 (RFC 3711, 3.3.1), seen from the newest packet that the receiver has: so a receiver may have lost
// 2^14 packets before such a jump, five minutes of Opus, and still guesses right.
const MaxJump = 1 << 14

// sent is what Tx knows about an SSRC: the extended indices of the caller's that were encrypted under it. All 0, nothing was.
type sent struct {
	base uint64 // where rollover counter 0 begins: the first index without its low 16 bits
	next uint64 // after the highest; 0 before the first
}

// check holds rules R1 and R6. The rollover counter of an index that passes is (index-base)>>16 at both ends:
// such indices are less than 2^15 away from the newest one, and none is before counter 0.
func (s *sent) check(index uint64) error {
	switch {
	case index>>63 != 0: // so that no sum here overflows
		return ErrIndex
	case s.next == 0:
		return nil
	case index < s.base:
		return ErrBeforeFirst
	case index+WindowRTP < s.next:
		return ErrTooOld
	case index >= s.next+MaxJump, index-s.base > maxIndexRTP:
		return ErrNewSSRCNeeded
	}
	return nil
}

// under is the index of SRTP, rollover counter and sequence number, under which an index that passes is encrypted.
func (s *sent) under(index uint64) uint64 {
	if s.next == 0 {
		return index & 0xffff
	}
	return index - s.base
}

// add enters an index that was encrypted.
func (s *sent) add(index uint64) {
	if s.next == 0 {
		s.base = index &^ 0xffff
	}
	s.next = max(s.next, index+1)
}
