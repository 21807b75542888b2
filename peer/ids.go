package peer

import (
	"crypto/rand"
	"encoding/binary"
)

// counterBits of a publish id count; the 40 bits above them are random.
const counterBits = 24

// ids makes publish ids: 40 random bits, then 24 bits that count from 0; when they overflow the random bits are drawn
// anew. The zero value is ready.
type ids struct {
	next uint64
	left uint64 // ids before the random bits are drawn anew
}

// take gives the next id; it is never 0.
func (g *ids) take() uint64 {
	if g.left == 0 {
		g.next = random40() << counterBits
		g.left = 1 << counterBits
	}
	id := g.next
	g.next++
	g.left--
	if id == 0 {
		return g.take()
	}
	return id
}

func random40() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[3:]) // never fails: crypto/rand
	return binary.BigEndian.Uint64(b[:])
}
