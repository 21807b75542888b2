package daemon

import (
	"net"
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// message is the kernel's struct mmsghdr: a datagram (or a group, in segments), and in n the length of what was received.
type message struct {
	header unix.Msghdr
	n      uint32
}

// readAtOnce is how many datagrams a read takes at most.
const readAtOnce = 64

// incoming is what recvmmsg reads and writes. The first message has room for a control message, for the count of overflows.
//
// UDP_GRO is off. It hands over consecutive datagrams of one sender as one, and a peer that talks sends one in 20 ms. Single datagrams from 200
// peers cost the same with it and without, 0.31 µs each in batches of 64 and 0.75 µs alone (2.8 GHz, Linux 6.18), but each of the buffers
// would have to be 64 KiB.
type incoming struct {
	messages [readAtOnce]message
	iovecs   [readAtOnce]unix.Iovec
	names    [readAtOnce]sockaddr
	control  struct {
		header unix.Cmsghdr
		count  uint32
	}
	call  func(uintptr) bool // receive, made once …
	once  func(uintptr)      // … and in the form in which nobody waits
	fd    uintptr
	n     int
	errno syscall.Errno

	overflow uint32
}

// point makes the pointers that stay.
func (in *incoming) point(b *readBatch) {
	for i := range in.messages {
		in.iovecs[i].Base = &b.buffers[i][0]
		in.iovecs[i].SetLen(len(b.buffers[i]))
		h := &in.messages[i].header
		h.Name = (*byte)(unsafe.Pointer(&in.names[i]))
		h.Namelen = unix.SizeofSockaddrInet6
		h.Iov = &in.iovecs[i]
		h.SetIovlen(1)
	}
	in.messages[0].header.Control = (*byte)(unsafe.Pointer(&in.control))
	in.call = in.receive
	in.once = func(fd uintptr) {
		in.fd = fd
		in.receive(fd)
	}
}

// read waits until a datagram is there, and takes up to 64. The error is net.ErrClosed after the port's close, else a transient one
// (ICMP of some peer).
//
// The goroutine waits in the runtime's poller; recvmmsg itself is made behind the scheduler's back, for it never waits. Told to the scheduler,
// as syscall.Syscall6 does, it would keep the runtime's monitor thread awake at 20 µs a turn, which costs more than the reading.
func (s *socket) read(b *readBatch) (n int, err error) {
	if !s.batched {
		return s.readPlain(b)
	}
	b.plain = false
	b.in.fd = s.fd
	if err := s.ready.Read(b.in.call); err != nil {
		return 0, net.ErrClosed
	}
	return s.outcome(b)
}

// readNow takes up to 64 datagrams that are there; 0 and no error when there is none. It is of batched sockets only.
func (s *socket) readNow(b *readBatch) (n int, err error) {
	b.plain = false
	if err := s.raw.Control(b.in.once); err != nil {
		return 0, net.ErrClosed
	}
	return s.outcome(b)
}

// outcome is what a read has given.
func (s *socket) outcome(b *readBatch) (n int, err error) {
	switch b.in.errno {
	case 0:
		b.in.count(s)
		return b.in.n, nil
	case unix.EAGAIN:
		return 0, nil
	}
	return 0, os.NewSyscallError("recvmmsg", b.in.errno)
}

// receive takes what is there; false when there is nothing. The length of the control message is all that a call spoils for the next
// one: addresses of one family are of one length.
func (in *incoming) receive(uintptr) bool {
	in.messages[0].header.SetControllen(int(unsafe.Sizeof(in.control)))
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, in.fd, uintptr(unsafe.Pointer(&in.messages[0])), readAtOnce, unix.MSG_DONTWAIT, 0, 0)
	in.n, in.errno = int(n), errno
	return errno != unix.EAGAIN
}

// count notes how many datagrams the kernel has dropped: it tells with a datagram how many there were before it came, modulo 2^32.
func (in *incoming) count(s *socket) {
	in.overflow = 0
	h := &in.control.header
	if in.messages[0].header.Controllen == 0 || h.Level != unix.SOL_SOCKET || h.Type != unix.SO_RXQ_OVFL {
		return
	}
	for {
		before := s.overflows.Load()
		more := in.control.count - before
		if int32(more) <= 0 { // somebody else has read later ones
			return
		}
		if s.overflows.CompareAndSwap(before, in.control.count) {
			in.overflow = more
			return
		}
	}
}

// datagram gives the one with index i < n of the last read: the sender (of IPv4, when it is that) and the payload, up to wire.MaxDatagram+1
// bytes of it, which is valid until the next read.
func (b *readBatch) datagram(i int) (from netip.AddrPort, data []byte) {
	if b.plain {
		return b.from, b.buffers[0][:b.size]
	}
	return addrPort(&b.in.names[i]), b.buffers[i][:b.in.messages[i].n]
}

// overflow is how many datagrams more, at the last read that gave any, the kernel had dropped because the buffer was full. It tells
// with the datagrams that came after; on the plain path it is not known.
func (b *readBatch) overflow() uint32 {
	if b.plain {
		return 0
	}
	return b.in.overflow
}
