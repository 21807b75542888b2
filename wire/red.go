package wire

import (
	"encoding/binary"
	"fmt"
)

const (
	// MaxCopies is how many copies of earlier payloads a packet carries at most.
	MaxCopies = 2
	// MaxCopy is the most bytes of one copy: its length has 10 bits.
	MaxCopy = 1<<10 - 1
	// MaxCopyOffset is the most ticks that a copy's timestamp is before the packet's: the offset has 14 bits.
	MaxCopyOffset = 1<<14 - 1
	// CopyHeader is what a copy takes beside its bytes.
	CopyHeader = 4
	// REDHeader is what the packet's own payload takes beside its bytes.
	REDHeader = 1
)

// Copy is the payload of an earlier packet, carried again by a later one.
type Copy struct {
	Offset  uint32 // ticks by which its timestamp is before that of the packet that carries it: 1 to MaxCopyOffset
	Payload []byte // 1 to MaxCopy bytes
}

// Redundant is the payload of a PayloadRED packet (RFC 2198, 3): its own payload, and copies of those of the packets directly before it. All have
// one payload type. Its methods allocate nothing once Copies has room for MaxCopies.
type Redundant struct {
	PayloadType uint8  // of each payload in it
	Copies      []Copy // the oldest first: the last one is of the packet before, with a sequence number one lower, and so on
	Primary     []byte // the packet's own payload, not empty
}

// Append appends the payload as it travels. The error is ErrRED, and dst as it was.
func (r *Redundant) Append(dst []byte) ([]byte, error) {
	if err := r.check(); err != nil {
		return dst, err
	}
	for i := range r.Copies {
		c := &r.Copies[i]
		dst = append(dst, r.PayloadType|moreBlocks)
		dst = append(dst, byte(c.Offset>>6), byte(c.Offset<<2)|byte(len(c.Payload)>>8), byte(len(c.Payload)))
	}
	dst = append(dst, r.PayloadType)
	for i := range r.Copies {
		dst = append(dst, r.Copies[i].Payload...)
	}
	return append(dst, r.Primary...), nil
}

// moreBlocks is the bit F of a block's header: another one follows (RFC 2198, 3).
const moreBlocks = 1 << 7

// Parse reads a payload as it came; what it reads points into b. The error is ErrRED.
func (r *Redundant) Parse(b []byte) error {
	r.Copies, r.Primary = r.Copies[:0], nil
	var lengths [MaxCopies]int
	rest := b
	for len(rest) > CopyHeader && rest[0]&moreBlocks != 0 {
		if len(r.Copies) == MaxCopies {
			return fmt.Errorf("%w: more than %d copies", ErrRED, MaxCopies)
		}
		if len(r.Copies) > 0 && rest[0]&^moreBlocks != r.PayloadType {
			return fmt.Errorf("%w: payload types %d and %d", ErrRED, r.PayloadType, rest[0]&^moreBlocks)
		}
		fields := binary.BigEndian.Uint32(rest)
		r.PayloadType = rest[0] &^ moreBlocks
		lengths[len(r.Copies)] = int(fields & MaxCopy)
		r.Copies = append(r.Copies, Copy{Offset: fields >> 10 & MaxCopyOffset})
		rest = rest[CopyHeader:]
	}
	if len(rest) == 0 || rest[0]&moreBlocks != 0 {
		return fmt.Errorf("%w: %d bytes end in the headers", ErrRED, len(b))
	}
	if len(r.Copies) > 0 && rest[0] != r.PayloadType {
		return fmt.Errorf("%w: payload types %d and %d", ErrRED, r.PayloadType, rest[0])
	}
	r.PayloadType, rest = rest[0], rest[REDHeader:]
	for i := range r.Copies {
		if lengths[i] > len(rest) {
			return fmt.Errorf("%w: a copy of %d bytes, %d are left", ErrRED, lengths[i], len(rest))
		}
		r.Copies[i].Payload, rest = rest[:lengths[i]], rest[lengths[i]:]
	}
	r.Primary = rest
	return r.check()
}

// check tells what is wrong with a payload.
func (r *Redundant) check() error {
	if r.PayloadType >= moreBlocks || len(r.Primary) == 0 || len(r.Copies) > MaxCopies {
		return fmt.Errorf("%w: payload type %d, %d bytes, %d copies", ErrRED, r.PayloadType, len(r.Primary), len(r.Copies))
	}
	after := uint32(MaxCopyOffset + 1)
	for i := range r.Copies {
		c := &r.Copies[i]
		if len(c.Payload) == 0 || len(c.Payload) > MaxCopy {
			return fmt.Errorf("%w: a copy of %d bytes", ErrRED, len(c.Payload))
		}
		if c.Offset == 0 || c.Offset >= after {
			return fmt.Errorf("%w: a copy %d ticks before, behind one of %d", ErrRED, c.Offset, after)
		}
		after = c.Offset
	}
	return nil
}
