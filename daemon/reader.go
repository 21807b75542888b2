package daemon

import (
	"net/netip"

	"yodel/wire"
)

// readBatch holds the datagrams of one read. It is for one socket and belongs to the goroutine that reads it.
type readBatch struct {
	buffers [readAtOnce][wire.MaxDatagram + 1]byte // one byte more, so that what is too long shows
	in      incoming

	plain bool // the last read was readPlain's; then its datagram is buffers[0][:size]
	from  netip.AddrPort
	size  int
}

// newReadBatch makes a batch for as many reads of a socket as are wanted.
func newReadBatch() *readBatch {
	b := new(readBatch)
	b.in.point(b)
	return b
}

// readPlain takes one datagram, by what every system has.
func (s *socket) readPlain(b *readBatch) (n int, err error) {
	size, from, err := s.conn.ReadFromUDPAddrPort(b.buffers[0][:])
	if err != nil {
		return 0, err
	}
	b.plain, b.size, b.from = true, size, netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	return 1, nil
}
