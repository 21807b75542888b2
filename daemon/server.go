package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"yodel/wire"
)

const (
	// queued is how many datagrams may wait between the reader and the loop; more wait in the kernel.
	queued = 1024
	// batch is how many events the loop takes before it sends what they gave.
	batch = 64
	// receiveBuffer is what the kernel may hold for the loop: some 20 ms of a flood at full rate.
	receiveBuffer = 4 << 20
)

// arrival is one datagram on its way from the reader to the loop.
type arrival struct {
	from netip.AddrPort
	n    int
	buf  *[wire.MaxDatagram + 1]byte // one byte more, so that what is too long shows
}

// server is the daemon at work: the socket, its reader, and the loop that owns the hub.
type server struct {
	conn  *net.UDPConn
	hub   *hub
	in    chan arrival
	posts chan func(now time.Time)
	done  chan struct{} // closed when the loop has ended
	pool  sync.Pool
}

// Run serves until ctx ends, then tells all peers that the daemon is stopping. ready is called once, when the daemon can be
// used, with the address that it listens on. Run returns within a second of ctx's end; the error is of the
// configuration or the socket.
func Run(ctx context.Context, cfg Config, ready func(netip.AddrPort)) error {
	if err := cfg.check(); err != nil {
		return err
	}
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(cfg.Listen))
	if err != nil {
		return fmt.Errorf("listen on %s: %w", cfg.Listen, err)
	}
	if err := conn.SetReadBuffer(receiveBuffer); err != nil {
		cfg.Logger.Warn("receive buffer", "error", err)
	}
	if err := markSocket(conn); err != nil {
		cfg.Logger.Warn("socket options", "error", err)
	}
	s := newServer(cfg)
	s.conn = conn
	s.hub.out = s.write
	var reader sync.WaitGroup
	reader.Go(s.read)
	ready(conn.LocalAddr().(*net.UDPAddr).AddrPort())
	s.loop(ctx)
	_ = conn.Close() // ends the reader
	reader.Wait()
	s.finish()
	return nil
}

// newServer makes a server without a socket.
func newServer(cfg Config) *server {
	s := &server{
		hub: newHub(cfg),
		in:  make(chan arrival, queued), posts: make(chan func(time.Time), queued), done: make(chan struct{}),
	}
	s.pool.New = func() any { return new([wire.MaxDatagram + 1]byte) }
	s.hub.post = s.post
	return s
}

// write sends a datagram. It is called by the loop and by the handshakes' goroutines.
func (s *server) write(to netip.AddrPort, b []byte) error {
	_, err := s.conn.WriteToUDPAddrPort(b, to)
	return err
}

// post gives the loop something to run; after the loop's end it does nothing.
func (s *server) post(f func(now time.Time)) {
	select {
	case s.posts <- f:
	case <-s.done:
	}
}

// read hands datagrams to the loop until the socket is closed.
func (s *server) read() {
	for {
		buf := s.pool.Get().(*[wire.MaxDatagram + 1]byte)
		n, from, err := s.conn.ReadFromUDPAddrPort(buf[:])
		if err != nil {
			s.pool.Put(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if !s.pause() {
				return
			}
			continue // an ICMP error of one peer is no reason to stop
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		select {
		case s.in <- arrival{from: from, n: n, buf: buf}:
		case <-s.done:
			return
		}
	}
}

// pause keeps an error that lasts from turning the reader round and round; false when the loop has ended.
func (s *server) pause() bool {
	select {
	case <-time.After(time.Millisecond):
		return true
	case <-s.done:
		return false
	}
}

// finish waits for the handshakes that stop has cancelled, and frees what they leave.
func (s *server) finish() {
	s.hub.handshakes.Wait()
	for {
		select {
		case f := <-s.posts:
			f(time.Now())
		default:
			s.hub.cancelHandshakes()
			return
		}
	}
}

// loop owns the hub until ctx ends.
func (s *server) loop(ctx context.Context) {
	defer close(s.done)
	s.hub.began = time.Now()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case a := <-s.in:
			s.take(time.Now(), a)
		case f := <-s.posts:
			f(time.Now())
		case <-timer.C:
		case <-ctx.Done():
			s.stop()
			return
		}
		now := s.more()
		s.hub.advance(now)
		s.hub.flush(now)
		if d := s.hub.deadline(); d.IsZero() {
			timer.Reset(time.Hour)
		} else {
			timer.Reset(time.Until(d))
		}
	}
}

// take hands one datagram to the hub.
func (s *server) take(now time.Time, a arrival) {
	s.hub.datagram(now, a.from, a.buf[:a.n])
	s.pool.Put(a.buf)
}

// more takes what else is there, so that one flush serves several events. It gives the time.
func (s *server) more() time.Time {
	now := time.Now()
	for range batch {
		select {
		case a := <-s.in:
			s.take(now, a)
		case f := <-s.posts:
			f(now)
		default:
			return now
		}
	}
	return now
}

// stop takes some of what has already come, sends what is queued, and tells all peers three times within 100 ms.
func (s *server) stop() {
	now := s.more()
	s.hub.flush(now)
	for i := range wire.ByeTimes {
		if i > 0 {
			<-time.After(wire.ByeSpacing)
		}
		s.hub.stop(time.Now(), wire.ByeStopping)
	}
	s.hub.cancelHandshakes()
}
