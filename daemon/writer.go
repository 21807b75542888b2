package daemon

import (
	"errors"
	"syscall"

	"yodel/wire"
)

const (
	// maxSpace is the longest datagram that may be built, before it is found too long.
	maxSpace = 2 * wire.MaxDatagram
	// writeBuffer is what a writer gathers before it sends: a message for each of 128 receivers, in eight segments of 92 bytes (Opus and its
	// seal) or one of 984 (L16 and its). It stays within a core's second cache: from 64 to 256 KiB the cost of a datagram is the same.
	writeBuffer = 128<<10 + maxSpace
)

// writer gathers datagrams and sends them with few system calls. One goroutine owns it. Where the system can it is a message for each
// target, and all that comes for one target in a row, of one length (the last may be shorter), is one message in segments (UDP_SEGMENT, the kernel
// makes them datagrams again); else each datagram goes out as it comes, and the goroutine waits while the kernel's buffer is full.
//
// A datagram that the kernel does not take is counted and forgotten, and costs no other: repair of audio and the loss recovery of the message
// stream do what is to be done. What an error of another datagram may have spoiled (ICMP) goes once more.
type writer struct {
	s    *socket
	buf  []byte
	used int
	lost uint64
	out  outgoing

	counted tally    // since the last outcome
	sent    *traffic // to which it adds what it has counted
}

// newWriter makes a writer that sends by s. It is some 150 KiB, and the last allocation of it.
func newWriter(s *socket) *writer {
	w := &writer{s: s, buf: make([]byte, writeBuffer), sent: new(traffic)}
	w.out.point(w)
	return w
}

// add takes a datagram for a target: what was built in space, or a copy of what was built elsewhere, of up to maxSpace bytes. An empty one is
// not sent. What is full is sent.
func (w *writer) add(to *target, datagram []byte) {
	if len(datagram) == 0 {
		return
	}
	w.counted.count(wire.KindOf(datagram), datagram)
	if w.s.batched {
		w.gather(to, datagram)
	} else {
		w.write(to, datagram)
	}
}

// counting has what the writer sends be added to some traffic.
func (w *writer) counting(sent *traffic) *writer {
	w.sent = sent
	return w
}

// failed makes known what was sent since the last call, and tells how many datagrams of it the kernel has not taken.
func (w *writer) failed() uint64 {
	w.counted.publish(w.sent)
	n := w.lost
	w.lost = 0
	return n
}

// write sends a datagram by what every system has.
func (w *writer) write(to *target, datagram []byte) {
	err := w.s.write(datagram, to.addr)
	if err == nil {
		return
	}
	var errno syscall.Errno
	if errors.As(err, &errno) && mayBeAnothers(errno) {
		err = w.s.write(datagram, to.addr)
	}
	if err != nil {
		w.lost++
	}
}

// mayBeAnothers tells whether an error may be of a datagram sent before (ICMP), rather than of the one that was to be sent.
func mayBeAnothers(errno syscall.Errno) bool {
	switch errno {
	case syscall.EAGAIN, syscall.ENOBUFS, syscall.EPERM, syscall.EMSGSIZE, syscall.EINVAL, syscall.EIO, syscall.EBADF:
		return false
	}
	return true
}
