package daemon

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
)

const (
	// wantReceive is what the kernel is asked to hold for each socket: some 40,000 small datagrams.
	wantReceive = 16 << 20
	// wantSend is the same for what waits to be sent.
	wantSend = 4 << 20
)

// port is the daemon's UDP port: a socket for every shard, or one for all of them. All sockets are of one family and have the same
// options, so a target serves each. Its methods may be called by any goroutine.
type port struct {
	sockets []*socket
	how     string // for the log: "2 sockets, recvmmsg, sendmmsg, segments"
	warning error  // what the kernel refused and the port does without; nil as a rule
}

// socket is one UDP socket. One goroutine reads it; writers of several goroutines may send by it.
type socket struct {
	conn     *net.UDPConn    // nil when it is batched: see detach
	raw      syscall.RawConn // the socket
	ready    syscall.RawConn // to wait by, when it is batched
	held     []io.Closer     // what close closes
	fd       uintptr         // valid while ready is
	local    netip.AddrPort
	v6       bool // addresses are IPv6's; those of IPv4 are mapped
	batched  bool // recvmmsg and sendmmsg; else a datagram a call
	segments bool // UDP_SEGMENT
	buffer   int  // see receiveBuffer

	overflows atomic.Uint32 // as the kernel has counted them

	write func(b []byte, to netip.AddrPort) error // sends one datagram at once; for any goroutine
}

// listen opens n sockets on one address (SO_REUSEPORT), between which the kernel divides the peers by a hash of both addresses; port 0
// lets it choose. When plain, or where it cannot there is one socket. An address that is in use is an error, also when it is of the same user.
func listen(addr netip.AddrPort, n int, plain bool) (*port, error) {
	first, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	more, warning := share(first, addr.Addr(), n-1)
	return newPort(append([]*net.UDPConn{first}, more...), warning, socketKind{plain: plain})
}

// adopt makes a port of one socket that was passed to the program. It belongs to the port, unless there is an error.
func adopt(conn *net.UDPConn) (*port, error) {
	return newPort([]*net.UDPConn{conn}, nil, socketKind{passed: true})
}

// socketKind is how the sockets of a port are to be treated.
type socketKind struct {
	plain  bool // used as if they could do nothing that not all systems can
	passed bool // opened by somebody else, who has set their buffers
}

func newPort(conns []*net.UDPConn, warning error, kind socketKind) (*port, error) {
	p := &port{warning: warning}
	for _, conn := range conns {
		s, refused, err := newSocket(conn, kind)
		if err != nil {
			for _, c := range conns {
				_ = c.Close()
			}
			return nil, err
		}
		p.sockets, p.warning = append(p.sockets, s), errors.Join(p.warning, refused)
	}
	p.how = p.describe()
	return p, nil
}

// newSocket sets the options of a socket and finds out what it can do. What the kernel refuses is no error: the socket works without.
func newSocket(conn *net.UDPConn, kind socketKind) (s *socket, refused, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, nil, fmt.Errorf("socket: %w", err)
	}
	s = &socket{conn: conn, raw: raw, write: writeBy(conn), held: []io.Closer{conn}, local: conn.LocalAddr().(*net.UDPAddr).AddrPort()}
	refused = errors.Join(markSocket(conn), s.setBuffers(kind.passed), s.probe(kind.plain))
	if s.batched {
		err = s.detach()
	}
	return s, refused, err
}

func writeBy(conn *net.UDPConn) func([]byte, netip.AddrPort) error {
	return func(b []byte, to netip.AddrPort) error {
		_, err := conn.WriteToUDPAddrPort(b, to)
		return err
	}
}

func (p *port) describe() string {
	how := fmt.Sprintf("%d sockets", len(p.sockets))
	if len(p.sockets) == 1 {
		how = "1 socket"
	}
	if !p.sockets[0].batched {
		return how + ", one datagram a call"
	}
	how += ", recvmmsg, sendmmsg"
	if p.sockets[0].segments {
		how += ", segments"
	}
	return how
}

// addr is where the port listens.
func (p *port) addr() netip.AddrPort {
	return p.sockets[0].local
}

// close ends reads; what is sent afterwards has failed.
func (p *port) close() error {
	var errs []error
	for _, s := range p.sockets {
		for _, c := range s.held {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

// target gives an address in the kernel's form, for any socket of the same port.
func (s *socket) target(addr netip.AddrPort) target { return newTarget(addr, s.v6) }

// receiveBuffer is how many bytes the kernel lets wait for the socket: wantReceive, or what it gave of that. It is in the terms of the
// asking; the kernel allows itself twice as much, and counts 800 for a datagram of 92.
func (s *socket) receiveBuffer() int { return s.buffer }
