package peer

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

const (
	// readQueue is how many datagrams wait between the reader and the loop; what does not fit waits in the socket.
	readQueue = 256
	// socketBuffer is the size that is asked for of the socket's receive buffer: 1 s of fifty voices.
	socketBuffer = 1 << 20
)

// datagram is one that was read, or with err the end of reading. Its buffer goes back with release.
type datagram struct {
	bytes   []byte
	arrived time.Time
	err     error
	buffer  *[wire.MaxDatagram + 1]byte
}

// buffers are for reading. One byte more than is accepted shows a datagram that is too long.
var buffers = sync.Pool{New: func() any { return new([wire.MaxDatagram + 1]byte) }}

func (d *datagram) release() {
	if d.buffer != nil {
		buffers.Put(d.buffer)
		d.buffer = nil
	}
}

// link is a connected socket, its reader, and from the handshake on its keys. The reader's goroutine ends with close.
type link struct {
	conn   net.Conn
	addr   netip.AddrPort // of the daemon
	local  netip.Addr     // of the socket
	in     chan datagram
	stop   chan struct{}
	once   sync.Once
	reader sync.WaitGroup

	tooLong atomic.Int64 // datagrams that the path does not take

	daemon secure.Fingerprint
	tx     *secure.Tx
	rx     *secure.Rx
	path   secure.PathKey
	due    time.Time // when the session must be welcome
}

// newLink starts the reader of a connection.
func newLink(conn net.Conn, addr netip.AddrPort) *link {
	l := &link{conn: conn, addr: addr, local: localOf(conn), in: make(chan datagram, readQueue), stop: make(chan struct{})}
	l.reader.Go(l.read)
	return l
}

// localOf is the address that a connection is bound to.
func localOf(conn net.Conn) netip.Addr {
	if a, ok := conn.LocalAddr().(*net.UDPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// read hands over what comes, until an error; that it hands over too. That a datagram sent before was too long for the path, or found no
// way, is no end: anyone can forge it (RFC 8899, 4.6.1), and where it is true the silence that follows is the end.
func (l *link) read() {
	for {
		b, _ := buffers.Get().(*[wire.MaxDatagram + 1]byte)
		n, err := l.conn.Read(b[:])
		if isTooLong(err) {
			l.tooLong.Add(1)
			buffers.Put(b)
			continue
		}
		d := datagram{bytes: b[:n], arrived: time.Now(), err: err, buffer: b}
		select {
		case l.in <- d:
		case <-l.stop:
			return
		}
		if err != nil && (!isPathError(err) || errors.Is(err, syscall.EINVAL)) {
			return
		}
	}
}

// write sends a datagram.
func (l *link) write(b []byte) error {
	_, err := l.conn.Write(b)
	if isTooLong(err) {
		l.tooLong.Add(1)
	}
	return err
}

// close ends the reader and returns when it has ended. It may be called more than once.
func (l *link) close() {
	if l.conn == nil {
		return // it has been keys alone
	}
	l.once.Do(func() {
		close(l.stop)
		_ = l.conn.Close() // nothing is to be saved
	})
	l.reader.Wait()
}

// isTooLong tells that the path takes no datagram of the size that was sent (ICMP "fragmentation needed", "packet too big").
func isTooLong(err error) bool { return errors.Is(err, syscall.EMSGSIZE) }

// isRefused tells that nothing listens at the other end.
func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
