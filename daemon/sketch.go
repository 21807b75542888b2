package daemon

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"time"
)

// sketch counts within a second by key, in a fixed room: a count-min sketch of two rows (Cormode and Muthukrishnan, 2005). It never counts too few; it
// counts too many for a key that shares both its cells with others. One goroutine owns it.
type sketch struct {
	seed  maphash.Seed
	rows  [2][]uint16
	mask  uint64
	until time.Time // the end of the second
	used  bool
}

// newSketch makes a sketch with rows of so many cells, a power of two.
func newSketch(cells int) *sketch {
	s := &sketch{seed: maphash.MakeSeed(), mask: uint64(cells - 1)}
	for i := range s.rows {
		s.rows[i] = make([]uint16, cells)
	}
	return s
}

// cell is where a key is counted, valid within the same instant.
type cell [2]*uint16

// at finds the cell of a key.
func (s *sketch) at(now time.Time, key []byte) cell {
	if !now.Before(s.until) {
		s.until = now.Add(time.Second)
		if s.used {
			clear(s.rows[0])
			clear(s.rows[1])
			s.used = false
		}
	}
	h := maphash.Bytes(s.seed, key)
	return cell{&s.rows[0][h&s.mask], &s.rows[1][h>>32&s.mask]}
}

// count is how often the key was counted within the second.
func (c cell) count() int { return int(min(*c[0], *c[1])) }

// add counts the key once more.
func (s *sketch) add(c cell) {
	s.used = true
	for _, n := range c {
		if *n < 1<<16-1 {
			*n++
		}
	}
}

// addressKey is an address and port as a sketch's key: 16 and 2 bytes.
func addressKey(a netip.AddrPort) (key [18]byte) {
	b := a.Addr().As16()
	copy(key[:], b[:])
	binary.BigEndian.PutUint16(key[16:], a.Port())
	return key
}

// subnetLen is how many of the first bytes of an address's key are its subnet's.
func subnetLen(a netip.Addr) int {
	if a.Is4() || a.Is4In6() {
		return 16
	}
	return 8
}

// subnet is what one subscriber has: an IPv4 address or an IPv6 /64.
func subnet(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 64
	if a.Is4() {
		bits = 32
	}
	p, _ := a.Prefix(bits) // fails only for an invalid address
	return p
}
