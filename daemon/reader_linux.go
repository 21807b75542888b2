package daemon

import (
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// message is the kernel's struct mmsghdr: a datagram (or a group, in segments), and in n the length of what was received.
type message struct {
	header unix.Msghdr
	n      uint32
}

// control is room for the control messages of a datagram.
type control [64]byte

// readAtOnce is how many datagrams a read takes at most.
const readAtOnce = 64

// incoming is what recvmmsg reads and writes. Each message has room for two control messages: when it came, and the count of overflows.
//
// UDP_GRO is off. It hands over consecutive datagrams of one sender as one, and a peer that talks sends one in 20 ms. Single datagrams from 200
// peers cost the same with it and without, 0.31 µs each in batches of 64 and 0.75 µs alone (2.8 GHz, Linux 6.18), but each of the buffers
// would have to be 64 KiB.
type incoming struct {
	controls [readAtOnce]control // first, where they are aligned as the messages are
	messages [readAtOnce]message
	iovecs   [readAtOnce]unix.Iovec
	names    [readAtOnce]sockaddr
	call     func(uintptr) bool // receive, made once …
	once     func(uintptr)      // … and in the form in which nobody waits
	fd       uintptr
	n        int
	errno    syscall.Errno

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
		h.Control = &in.controls[i][0]
	}
	in.n = readAtOnce
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
		b.in.overflow = 0
		return 0, nil
	}
	return 0, os.NewSyscallError("recvmmsg", b.in.errno)
}

// receive takes what is there; false when there is nothing. The lengths of the control messages are all that a call spoils for the next
// one: addresses of one family are of one length.
func (in *incoming) receive(uintptr) bool {
	for i := range in.messages[:in.n] {
		in.messages[i].header.SetControllen(len(in.controls[i]))
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, in.fd, uintptr(unsafe.Pointer(&in.messages[0])), readAtOnce, unix.MSG_DONTWAIT, 0, 0)
	in.errno = errno
	if in.n = int(n); errno != 0 {
		in.n = 0
	}
	return errno != unix.EAGAIN
}

// find gives the value of a control message of the socket level; nil when the datagram with index i has none.
func (in *incoming) find(i int, kind int32) unsafe.Pointer {
	h := &in.messages[i].header
	for at := 0; at+unix.CmsgLen(0) <= int(h.Controllen); {
		c := (*unix.Cmsghdr)(unsafe.Pointer(&in.controls[i][at]))
		if c.Level == unix.SOL_SOCKET && c.Type == kind {
			return unsafe.Pointer(&in.controls[i][at+unix.CmsgLen(0)])
		}
		if int(c.Len) <= unix.CmsgLen(0) {
			return nil
		}
		at += unix.CmsgSpace(int(c.Len) - unix.CmsgLen(0))
	}
	return nil
}

// count notes how many datagrams the kernel has dropped: it tells with a datagram how many there were before it came, modulo 2^32.
func (in *incoming) count(s *socket) {
	in.overflow = 0
	value := in.find(0, unix.SO_RXQ_OVFL)
	if value == nil {
		return
	}
	count := *(*uint32)(value)
	for {
		before := s.overflows.Load()
		more := count - before
		if int32(more) <= 0 { // somebody else has read later ones
			return
		}
		if s.overflows.CompareAndSwap(before, count) {
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

// maxWait is how long a datagram can have waited; more tells that the clock was set meanwhile.
const maxWait = 100 * time.Millisecond

// arrived is when the datagram with index i came to the socket, if that was told and is not long before now; else now.
func (b *readBatch) arrived(i int, now time.Time) time.Time {
	if b.plain {
		return now
	}
	at := (*unix.Timespec)(b.in.find(i, unix.SCM_TIMESTAMPNS))
	if at == nil {
		return now
	}
	waited := time.Duration(now.UnixNano() - at.Nano())
	if waited < 0 || waited > maxWait {
		return now
	}
	return now.Add(-waited)
}

// overflow is how many datagrams more, at the last read that gave any, the kernel had dropped because the buffer was full. It tells
// with the datagrams that came after; on the plain path it is not known.
func (b *readBatch) overflow() uint32 {
	if b.plain {
		return 0
	}
	return b.in.overflow
}
