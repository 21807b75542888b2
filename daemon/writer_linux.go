package daemon

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// sendAtOnce bounds the messages of one sendmmsg: it holds one of the runtime's processors, some 3 µs a message.
	sendAtOnce = 128
	// maxSegments and maxGroup bound a message in segments (UDP_MAX_SEGMENTS, and the length of an IPv4 packet).
	maxSegments = 64
	maxGroup    = 65000
)

// segmentControl is the control message that tells the kernel the length of the segments.
type segmentControl struct {
	header unix.Cmsghdr
	size   uint16
}

// outgoing is what sendmmsg reads, and the state of the last message, as long as more may be added to it.
type outgoing struct {
	messages [sendAtOnce]message
	iovecs   [sendAtOnce]unix.Iovec
	names    [sendAtOnce]sockaddr
	controls [sendAtOnce]segmentControl
	count    int
	segments bool // not refused yet

	to   *target // of the last message; nil when it is complete
	size int     // of its segments
	len  int
	room int // bytes that may be added

	call        func(fd uintptr) // transmit, made once
	first, last int              // what it sends
	sent        int
	errno       syscall.Errno
}

// point makes the pointers that stay.
func (o *outgoing) point(w *writer) {
	o.segments = w.s.segments
	for i := range o.messages {
		c := &o.controls[i]
		c.header.Level, c.header.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
		c.header.SetLen(unix.CmsgLen(int(unsafe.Sizeof(c.size))))
		h := &o.messages[i].header
		h.Name = (*byte)(unsafe.Pointer(&o.names[i]))
		h.Namelen = w.s.nameLen()
		h.Iov = &o.iovecs[i]
		h.SetIovlen(1)
		h.Control = (*byte)(unsafe.Pointer(c))
	}
	o.call = o.transmit
}

// space is where the next datagram is built: of length 0, with room for maxSpace bytes.
func (w *writer) space() []byte {
	if len(w.buf)-w.used < maxSpace {
		w.flush()
	}
	return w.buf[w.used:w.used]
}

// gather puts a datagram into the last message, or a new one.
func (w *writer) gather(to *target, datagram []byte) {
	n, o := len(datagram), &w.out
	if len(w.buf)-w.used < n {
		w.flush()
	}
	if to == o.to && n <= o.size && n <= o.room && to.name == o.names[o.count-1] { // it may have moved
		w.place(datagram)
		o.grow(n)
		return
	}
	if o.count == sendAtOnce {
		w.flush()
	}
	o.begin(to, w.place(datagram), n)
}

// place puts a datagram behind the others, if it is not there already.
func (w *writer) place(datagram []byte) *byte {
	at := &w.buf[w.used]
	if at != unsafe.SliceData(datagram) {
		copy(w.buf[w.used:], datagram)
	}
	w.used += len(datagram)
	return at
}

// begin makes a message of one datagram.
func (o *outgoing) begin(to *target, at *byte, n int) {
	i := o.count
	o.count++
	o.iovecs[i].Base = at
	o.iovecs[i].SetLen(n)
	h := &o.messages[i].header
	o.names[i] = to.name
	h.SetControllen(0)
	if o.segments {
		o.to, o.size, o.len, o.room = to, n, n, min(maxSegments*n, maxGroup)-n
	}
}

// grow adds n bytes, which lie behind it, to the last message. A shorter segment is the last.
func (o *outgoing) grow(n int) {
	i := o.count - 1
	if o.len == o.size {
		o.controls[i].size = uint16(o.size)
		o.messages[i].header.SetControllen(int(unsafe.Sizeof(segmentControl{})))
	}
	o.len += n
	o.room -= n
	o.iovecs[i].SetLen(o.len)
	if n < o.size {
		o.to = nil
	}
}

// flush sends all.
func (w *writer) flush() {
	o := &w.out
	for i := 0; i < o.count; {
		errno := w.send(i, o.count)
		i += o.sent
		if errno != 0 {
			w.resend(i, errno)
			i++
		}
	}
	o.count, o.to, w.used = 0, nil, 0
}

// send hands the messages from first to before last to the kernel, and gives the error of the first if it took none. The call is made behind
// the scheduler's back, see read.
func (w *writer) send(first, last int) syscall.Errno {
	o := &w.out
	o.first, o.last, o.sent, o.errno = first, last, 0, unix.EBADF // when it is closed
	if w.s.raw.Control(o.call) != nil {
		return unix.EBADF
	}
	return o.errno
}

func (o *outgoing) transmit(fd uintptr) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&o.messages[o.first])), uintptr(o.last-o.first), unix.MSG_DONTWAIT, 0, 0)
	if o.errno = errno; errno == 0 {
		o.sent = int(n)
	}
}

// resend deals with a message that was refused. A group that cannot be sent in segments goes as single datagrams; if it was not for their
// length, the writer makes no more groups.
func (w *writer) resend(i int, errno syscall.Errno) {
	if mayBeAnothers(errno) {
		if errno = w.send(i, i+1); errno == 0 {
			return
		}
	}
	segments := w.segmentsOf(i)
	switch errno {
	case unix.EIO, unix.EINVAL, unix.EMSGSIZE:
		if segments > 1 {
			if taken := w.split(i, segments); taken > 0 && errno != unix.EMSGSIZE {
				w.out.segments = false
			}
			return
		}
	}
	w.lost += uint64(segments)
}

// segmentsOf is of how many datagrams a message is.
func (w *writer) segmentsOf(i int) int {
	o := &w.out
	if o.messages[i].header.Controllen == 0 {
		return 1
	}
	size := int(o.controls[i].size)
	return (int(o.iovecs[i].Len) + size - 1) / size
}

// split sends the segments of a message one by one, and gives how many the kernel took.
func (w *writer) split(i, segments int) (taken int) {
	iov, size := &w.out.iovecs[i], int(w.out.controls[i].size)
	all := unsafe.Slice(iov.Base, int(iov.Len))
	w.out.messages[i].header.SetControllen(0)
	for range segments {
		one := all[:min(size, len(all))]
		all = all[len(one):]
		iov.Base = &one[0]
		iov.SetLen(len(one))
		errno := w.send(i, i+1)
		if errno != 0 && mayBeAnothers(errno) {
			errno = w.send(i, i+1)
		}
		if errno == 0 {
			taken++
		} else {
			w.lost++
		}
	}
	return taken
}
