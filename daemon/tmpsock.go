package daemon

import (
	"net"
	"net/netip"

	"yodel/wire"
)

const maxRead = 64

type port struct {
	sockets []*socket
	how     string
}

func listen(addr netip.AddrPort, n int) (*port, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, err
	}
	s := &socket{conn: conn}
	s.out = func(to netip.AddrPort, b []byte) error { _, err := conn.WriteToUDPAddrPort(b, to); return err }
	return &port{sockets: []*socket{s}, how: "plain"}, nil
}
func (p *port) addr() netip.AddrPort { return p.sockets[0].conn.LocalAddr().(*net.UDPAddr).AddrPort() }
func (p *port) close() error         { return p.sockets[0].conn.Close() }
func (p *port) send(to netip.AddrPort, b []byte) error {
	return p.sockets[0].out(to, b)
}

type socket struct {
	conn *net.UDPConn
	out  func(to netip.AddrPort, b []byte) error
}

type readBatch struct {
	buf  [wire.MaxDatagram + 1]byte
	n    int
	from netip.AddrPort
}

func newReadBatch() *readBatch { return new(readBatch) }
func (s *socket) read(b *readBatch) (int, error) {
	n, from, err := s.conn.ReadFromUDPAddrPort(b.buf[:])
	b.n, b.from = n, netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	return 1, err
}
func (b *readBatch) datagram(i int) (netip.AddrPort, []byte) { return b.from, b.buf[:b.n] }
func (b *readBatch) overflow() uint32                        { return 0 }
func (s *socket) receiveBuffer() int                         { return 0 }

type target struct{ addr netip.AddrPort }

func (s *socket) target(a netip.AddrPort) *target { return &target{a} }

type writer struct {
	socket *socket
	buf    [4 * wire.MaxDatagram]byte
}

func newWriter(s *socket) *writer         { return &writer{socket: s} }
func (w *writer) space() []byte           { return w.buf[:0] }
func (w *writer) add(t *target, b []byte) { _ = w.socket.out(t.addr, b) }
func (w *writer) flush()                  {}
func (w *writer) failed() uint64          { return 0 }
