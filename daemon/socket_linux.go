package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// share opens n more sockets at the place of the first. That has been bound alone, so that a port that another program of this user has,
// with SO_REUSEPORT too, is not taken for free; what is set afterwards lets in those that are bound now.
func share(first *net.UDPConn, addr netip.Addr, n int) ([]*net.UDPConn, error) {
	if n < 1 {
		return nil, nil
	}
	reuse := func(_, _ string, c syscall.RawConn) error {
		return setOption(c, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}
	raw, err := first.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	if err := reuse("", "", raw); err != nil {
		return nil, err
	}
	at := netip.AddrPortFrom(addr, first.LocalAddr().(*net.UDPAddr).AddrPort().Port()).String()
	more := make([]*net.UDPConn, 0, n)
	for len(more) < n {
		lc := net.ListenConfig{Control: reuse}
		conn, err := lc.ListenPacket(context.Background(), "udp", at)
		if err != nil {
			for _, c := range more {
				_ = c.Close()
			}
			_ = setOption(raw, unix.SOL_SOCKET, unix.SO_REUSEPORT, 0)
			return nil, fmt.Errorf("socket %d of %d on %s: %w", len(more)+2, n+1, at, err)
		}
		more = append(more, conn.(*net.UDPConn))
	}
	return more, nil
}

// setOption sets an integer option of a socket.
func setOption(raw syscall.RawConn, level, option, value int) (err error) {
	if e := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), level, option, value) }); e != nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("level %d, option %d: %w", level, option, err)
	}
	return nil
}

// setBuffers sets the buffers to what is wanted if the program may (CAP_NET_ADMIN), else to what the system allows (net.core.rmem_max). Those of a
// socket that was passed are left as they are then: who passed it could make them larger than the program can.
func (s *socket) setBuffers(passed bool) error {
	set := func(force, option, size int) error {
		if setOption(s.raw, unix.SOL_SOCKET, force, size) == nil || passed {
			return nil
		}
		return setOption(s.raw, unix.SOL_SOCKET, option, size)
	}
	return errors.Join(set(unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, wantReceive), set(unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, wantSend))
}

// probe finds out the family, the size of the receive buffer, and which calls the kernel has, or a filter of system calls lets through. It has
// overflows counted, and datagrams stamped with when they came.
func (s *socket) probe(plain bool) error {
	err := s.raw.Control(func(fd uintptr) {
		family, _ := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN)
		s.v6 = family == unix.AF_INET6
		doubled, _ := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
		s.buffer = doubled / 2
		_, _, receive := unix.RawSyscall6(unix.SYS_RECVMMSG, fd, 0, 0, unix.MSG_DONTWAIT, 0, 0) // of no messages
		_, _, send := unix.RawSyscall6(unix.SYS_SENDMMSG, fd, 0, 0, unix.MSG_DONTWAIT, 0, 0)
		s.batched = !plain && receive != unix.ENOSYS && receive != unix.EPERM && send != unix.ENOSYS && send != unix.EPERM
		_, none := unix.GetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT) // Linux 4.18
		s.segments = s.batched && none == nil
	})
	return errors.Join(err, setOption(s.raw, unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1), setOption(s.raw, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1))
}

// detach takes a batched socket out of the runtime's poller, which looks for room to send too: the kernel would tell it of every datagram
// that has been sent, and wake a thread that has nothing to do. An epoll instance that looks for datagrams only, and is in the runtime's poller itself,
// stands in for it.
func (s *socket) detach() error {
	var fd, ready int
	var err error
	control := s.raw.Control(func(from uintptr) { fd, err = unix.FcntlInt(from, unix.F_DUPFD_CLOEXEC, 0) })
	if err = errors.Join(control, err, s.conn.Close()); err != nil {
		return fmt.Errorf("detach the socket: %w", err)
	}
	_ = unix.SetNonblock(fd, false) // so that NewFile leaves it alone; each call says not to wait
	file := os.NewFile(uintptr(fd), "udp")
	if ready, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return errors.Join(fmt.Errorf("epoll: %w", err), file.Close())
	}
	_ = unix.SetNonblock(ready, true) // so that NewFile gives it to the poller
	poll := os.NewFile(uintptr(ready), "epoll")
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET}
	if err = unix.EpollCtl(ready, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		return errors.Join(fmt.Errorf("epoll: %w", err), poll.Close(), file.Close())
	}
	s.conn, s.fd, s.held = nil, uintptr(fd), []io.Closer{poll, file} // closing poll waits for the reader
	s.write = s.writeAtOnce
	if s.raw, err = file.SyscallConn(); err == nil {
		s.ready, err = poll.SyscallConn()
	}
	return err
}

// watch has the reader woken when a datagram comes, or not.
func (s *socket) watch(yes bool) {
	event := unix.EpollEvent{Events: unix.EPOLLET}
	if yes {
		event.Events |= unix.EPOLLIN
	}
	_ = s.ready.Control(func(ready uintptr) { _ = unix.EpollCtl(int(ready), unix.EPOLL_CTL_MOD, int(s.fd), &event) }) // of one that is there it cannot fail
}

// writeAtOnce sends one datagram.
func (s *socket) writeAtOnce(b []byte, to netip.AddrPort) (err error) {
	t := s.target(to)
	failed := s.raw.Control(func(fd uintptr) {
		_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
			unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&t.name)), uintptr(s.nameLen()))
		if errno != 0 {
			err = os.NewSyscallError("sendto", errno)
		}
	})
	return errors.Join(failed, err)
}

// nameLen is the length of the addresses of a socket.
func (s *socket) nameLen() uint32 {
	if s.v6 {
		return unix.SizeofSockaddrInet6
	}
	return unix.SizeofSockaddrInet4
}
