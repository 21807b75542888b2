//go:build !linux

package daemon

import (
	"net"
	"net/netip"
	"time"
)

// readAtOnce is how many datagrams a read takes.
const readAtOnce = 1

// incoming and outgoing are of use on Linux only.
type (
	incoming struct{}
	outgoing struct{}
)

func (incoming) point(*readBatch) {}
func (outgoing) point(*writer)    {}

// share opens no more sockets: SO_REUSEPORT divides nothing here.
func share(*net.UDPConn, netip.Addr, int) ([]*net.UDPConn, error) { return nil, nil }

// setBuffers asks for as much as the system gives: too much is refused.
func (s *socket) setBuffers(bool) (err error) {
	for s.buffer = wantReceive; s.buffer > 64<<10; s.buffer /= 2 {
		if err = s.conn.SetReadBuffer(s.buffer); err == nil {
			break
		}
	}
	for size := wantSend; size > 64<<10 && s.conn.SetWriteBuffer(size) != nil; size /= 2 {
	}
	return err
}

// probe finds nothing.
func (s *socket) probe(bool) error { return nil }

// detach has nothing to do.
func (s *socket) detach() error { return nil }

// readNow and watch are not reached: no socket here is batched.
func (s *socket) readNow(*readBatch) (n int, err error) { return 0, nil }
func (s *socket) watch(bool)                            {}

// target is where datagrams go.
type target struct {
	addr netip.AddrPort
}

func newTarget(addr netip.AddrPort, _ bool) target { return target{addr: addr} }

// read waits until a datagram is there. The error is net.ErrClosed after the port's close, else a transient one.
func (s *socket) read(b *readBatch) (n int, err error) { return s.readPlain(b) }

// datagram gives that of the last read: the sender (of IPv4, when it is that) and the payload, up to wire.MaxDatagram+1 bytes of it.
func (b *readBatch) datagram(int) (from netip.AddrPort, data []byte) {
	return b.from, b.buffers[0][:b.size]
}

// arrived is now: it is not told.
func (b *readBatch) arrived(_ int, now time.Time) time.Time { return now }

// overflow is not known here.
func (b *readBatch) overflow() uint32 { return 0 }

// space is where the next datagram is built: of length 0, with room for maxSpace bytes.
func (w *writer) space() []byte { return w.buf[:0] }

// gather is not reached: no socket here is batched.
func (w *writer) gather(to *target, datagram []byte) { w.write(to, datagram) }

// flush has nothing to do.
func (w *writer) flush() {}
