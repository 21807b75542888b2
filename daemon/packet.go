package daemon

import (
	"sync"
	"sync/atomic"
)

// packet is the plaintext of one RTP packet on its way through the daemon. It is shared by reference and not changed; who gives up the
// last reference gives it back to its pool.
type packet struct {
	refs atomic.Int32
	pool *sync.Pool
	data []byte
}

// packetSizes: a 20 ms Opus packet at 32 kbit/s is 92 bytes, at 96 kbit/s 252, with two copies three times as much; PCMU 172, L16 972.
var packetSizes = [...]int{128, 256, 512, 1216}

var packetPools [len(packetSizes)]sync.Pool

// newPacket copies b, of at most wire.MaxDatagram bytes, into a packet with one reference.
func newPacket(b []byte) *packet {
	i := 0
	for len(b) > packetSizes[i] {
		i++
	}
	p, ok := packetPools[i].Get().(*packet)
	if !ok {
		p = &packet{pool: &packetPools[i], data: make([]byte, 0, packetSizes[i])}
	}
	p.refs.Store(1)
	p.data = append(p.data[:0], b...)
	return p
}

// hold adds a reference.
func (p *packet) hold() *packet {
	p.refs.Add(1)
	return p
}

// release gives one up.
func (p *packet) release() {
	if p.refs.Add(-1) == 0 {
		p.pool.Put(p)
	}
}
