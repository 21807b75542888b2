package secure

import (
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of one handshake. A handshake takes about 5 datagrams and 900 bytes each way, a few times over
// when many are lost.
const (
	// maxQueued is how many datagrams wait for the DTLS library.
	maxQueued = 16
	// maxFedDatagrams and maxFedBytes bound what one handshake may receive in all: the library buffers up
	// to 10 MB per connection otherwise.
	maxFedDatagrams = 64
	maxFedBytes     = 16 << 10
)

// MemConn is the net.PacketConn of one handshake: it reads what Feed was given, and writes by the send
// function. It stands between goroutines of the DTLS library and the owner's read loop, and is therefore one of
// the few places with a lock. Feed is for one goroutine at a time, all else for any.
type MemConn struct {
	send   func(datagram []byte)
	in     chan []byte
	muted  atomic.Bool
	closed chan struct{}
	once   sync.Once
	done   atomic.Pointer[Responder] // of a finished handshake: Feed gives it what still comes

	fed budget

	readDeadline deadline
}

// NewMemConn makes the conn of a handshake with one address. send is given every datagram for it, one at a time,
// by goroutines of the DTLS library; it must not block nor keep the slice.
func NewMemConn(send func(datagram []byte)) *MemConn {
	return &MemConn{
		send:         send,
		in:           make(chan []byte, maxQueued),
		closed:       make(chan struct{}),
		readDeadline: newDeadline(),
	}
}

// Feed gives the handshake a copy of a datagram that came from its address. What is dropped instead says why:
// ErrNotDTLS for what is no DTLS or could only disturb (an alert or data in the clear, which anyone can forge),
// ErrBudget after 64 datagrams or 16 KiB, ErrQueueFull, net.ErrClosed.
func (c *MemConn) Feed(datagram []byte) error {
	if err := c.fed.admit(datagram); err != nil {
		return err
	}
	select {
	case <-c.closed:
		return net.ErrClosed
	default:
	}
	if finished := c.done.Load(); finished != nil {
		return finished.Feed(time.Now(), datagram)
	}
	select {
	case c.in <- append([]byte(nil), datagram...):
		return nil
	default:
		return ErrQueueFull
	}
}

// budget is what one handshake has received so far.
type budget struct {
	datagrams, bytes int
}

// admit counts a datagram, or says why it is dropped.
func (b *budget) admit(datagram []byte) error {
	if !acceptable(datagram) {
		return ErrNotDTLS
	}
	if b.datagrams+1 > maxFedDatagrams || b.bytes+len(datagram) > maxFedBytes {
		return ErrBudget
	}
	b.datagrams++
	b.bytes += len(datagram)
	return nil
}

// Mute makes all further writes vanish.
func (c *MemConn) Mute() { c.muted.Store(true) }

// ReadFrom waits for the next datagram that was fed; os.ErrDeadlineExceeded and net.ErrClosed end it.
func (c *MemConn) ReadFrom(p []byte) (int, net.Addr, error) {
	expired := c.readDeadline.done()
	select {
	case <-expired:
		return 0, nil, os.ErrDeadlineExceeded
	case <-c.closed:
		return 0, nil, net.ErrClosed
	default:
	}
	select {
	case datagram := <-c.in:
		return copy(p, datagram), memAddr{}, nil
	case <-expired:
		return 0, nil, os.ErrDeadlineExceeded
	case <-c.closed:
		return 0, nil, net.ErrClosed
	}
}

// WriteTo sends the datagram; there is only one address to send to.
func (c *MemConn) WriteTo(p []byte, _ net.Addr) (int, error) {
	select {
	case <-c.closed:
		return 0, net.ErrClosed
	default:
	}
	if !c.muted.Load() {
		c.send(p)
	}
	return len(p), nil
}

// Close ends a blocked ReadFrom and everything after it.
func (c *MemConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

// LocalAddr gives an address without meaning.
func (c *MemConn) LocalAddr() net.Addr { return memAddr{} }

// SetReadDeadline ends a ReadFrom, also one that is blocked now; the zero time takes the deadline away again. The DTLS
// library cancels its reads so.
func (c *MemConn) SetReadDeadline(t time.Time) error {
	c.readDeadline.set(t)
	return nil
}

// SetWriteDeadline does nothing: writes do not block.
func (c *MemConn) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline is SetReadDeadline.
func (c *MemConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// memAddr is the address of the other end of every MemConn: the owner of the socket knows the real one.
type memAddr struct{}

func (memAddr) Network() string { return "memory" }
func (memAddr) String() string  { return "memory" }
