//go:build linux

package load

import (
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socketBuffer is what each socket may hold of what came, in bytes.
const socketBuffer = 1 << 20

// open connects a socket. The descriptor is a second one of the same socket, without the runtime's poller: when conn is closed only
// the loop's epoll is told of what comes, and a sender pays for one wake-up.
func open(server netip.AddrPort) (conn *net.UDPConn, fd int, err error) {
	conn, err = net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(server))
	if err != nil {
		return nil, -1, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	raw, err := conn.SyscallConn()
	if err == nil {
		ctrl := raw.Control(func(own uintptr) {
			fd, err = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0)
			if unix.SetsockoptInt(int(own), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, socketBuffer) != nil {
				_ = unix.SetsockoptInt(int(own), unix.SOL_SOCKET, unix.SO_RCVBUF, socketBuffer) // what the system allows
			}
		})
		if err == nil {
			err = ctrl
		}
	}
	if err != nil {
		_ = conn.Close()
		return nil, -1, fmt.Errorf("socket: %w", err)
	}
	return conn, fd, nil
}

// send writes a datagram to a connected socket that does not block. It is a raw system call: the runtime is not told of it, as it is
// short.
func send(fd int, datagram []byte) syscall.Errno {
	_, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(datagram))), uintptr(len(datagram)))
	return errno
}

// batchSize is how many datagrams one call takes at most.
const batchSize = 32

// batch receives datagrams, many with one call, and groups of them. It belongs to one goroutine.
type batch struct {
	headers [batchSize]messageHeader
	vectors [batchSize]unix.Iovec
	buffers [batchSize][1 << 16]byte
	sizes   [batchSize]groupSize
}

// groupSize is the control message that comes with a group of datagrams.
type groupSize struct {
	header unix.Cmsghdr
	size   int32
	_      int32 // to the alignment of the next
}

// messageHeader is struct mmsghdr of recvmmsg(2).
type messageHeader struct {
	header unix.Msghdr
	length uint32
}

func newBatch() *batch {
	b := new(batch)
	for i := range b.headers {
		b.vectors[i].Base = &b.buffers[i][0]
		b.vectors[i].SetLen(len(b.buffers[i]))
		b.headers[i].header.Iov = &b.vectors[i]
		b.headers[i].header.SetIovlen(1)
		b.headers[i].header.Control = (*byte)(unsafe.Pointer(&b.sizes[i]))
	}
	return b
}

// receive takes what has come; fewer than batchSize means that there is no more. The error is never EAGAIN.
func (b *batch) receive(fd int) (n int, err error) {
	for i := range b.headers {
		b.headers[i].header.SetControllen(int(unsafe.Sizeof(b.sizes[i])))
	}
	got, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.headers)), batchSize, unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 && errno != unix.EAGAIN && errno != unix.EINTR {
		return 0, errno
	}
	if errno != 0 {
		return 0, nil
	}
	return int(got), nil
}

// group gives a message's datagrams, one after another: all are of one size but the last, which may be shorter. It is valid until the next receive.
func (b *batch) group(i int) (datagrams []byte, size int) {
	n := int(b.headers[i].length)
	if b.headers[i].header.Controllen > 0 && b.sizes[i].header.Type == unix.UDP_GRO && b.sizes[i].size > 0 {
		return b.buffers[i][:n], int(b.sizes[i].size)
	}
	return b.buffers[i][:n], n
}

// takeGroups has the kernel hand over in groups what came together, as a peer does. Where it cannot, each comes alone.
func takeGroups(fd int) { _ = unix.SetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_GRO, 1) }

// spareFiles are descriptors for what is no socket of a session: the loop's, standard streams, and a second one of each session that
// is joining.
const spareFiles = 64 + joiners

// allowFiles lets the process have so many sockets.
func allowFiles(sockets int) error {
	need := uint64(sockets + spareFiles)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("%w: %w", ErrFiles, err)
	}
	if limit.Cur >= need {
		return nil
	}
	want := unix.Rlimit{Cur: need, Max: max(limit.Max, need)} // above the hard limit root may go
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &want); err != nil {
		return fmt.Errorf("%w: %d sessions need %d, the hard limit is %d: %w", ErrFiles, sockets, need, limit.Max, err)
	}
	return nil
}
