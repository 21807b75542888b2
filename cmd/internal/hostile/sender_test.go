//go:build linux

package hostile

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	atOnce = 64 // datagrams of one sendmmsg
	// crowdPort is the port of all addresses of a crowd.
	crowdPort = 4444
	// crowdSize is how many addresses it has.
	crowdSize = 40_000
	ipHeader  = 20
	udpHeader = 8
	readRoom  = 64 << 20
)

// crowdAddr is an address of the crowd, by its number.
func crowdAddr(n int) netip.AddrPort {
	n %= crowdSize
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 64, byte(1 + n/250), byte(1 + n%250)}), crowdPort)
}

// crowdNumber is the number of an address of the crowd.
func crowdNumber(a netip.Addr) int {
	b := a.As4()
	return (int(b[2])-1)*250 + int(b[3]) - 1
}

// shot makes the next datagram, in its scratch or as a slice that stays as it is, and says from where it comes.
type shot func(n int, scratch []byte) (datagram []byte, from netip.AddrPort)

// mmsghdr is the kernel's struct of that name.
type mmsghdr struct {
	header unix.Msghdr
	n      uint32
}

// sender sends datagrams to the daemon as fast as a core can, with sendmmsg. One goroutine sends.
type sender struct {
	raw         bool // headers are made here, so any address and port can be forged; else only those of the crowd
	fd          int
	sent, bytes int64

	to       unix.RawSockaddrInet4
	messages [atOnce]mmsghdr
	iovecs   [atOnce][2]unix.Iovec
	scratch  [atOnce][256]byte
	headers  [atOnce][ipHeader + udpHeader]byte
	controls [atOnce][64]byte
}

// init points the messages at what they are made of.
func (s *sender) init() {
	s.to = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: daemonAt.Addr().As4()}
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&s.to.Port))[:], daemonAt.Port())
	for i := range s.messages {
		h := &s.messages[i].header
		h.Name, h.Namelen = (*byte)(unsafe.Pointer(&s.to)), unix.SizeofSockaddrInet4
		h.Iov = &s.iovecs[i][0]
		if s.raw {
			h.SetIovlen(2)
			s.iovecs[i][0].Base = &s.headers[i][0]
			s.iovecs[i][0].SetLen(len(s.headers[i]))
			continue
		}
		h.SetIovlen(1)
		h.Control = &s.controls[i][0]
		h.SetControllen(unix.CmsgSpace(unix.SizeofInet4Pktinfo))
		c := (*unix.Cmsghdr)(unsafe.Pointer(&s.controls[i][0]))
		c.Level, c.Type = unix.IPPROTO_IP, unix.IP_PKTINFO
		c.SetLen(unix.CmsgLen(unix.SizeofInet4Pktinfo))
	}
}

// set makes a message of a datagram.
func (s *sender) set(i int, b []byte, from netip.AddrPort) {
	iov := &s.iovecs[i][0]
	if s.raw {
		h, address := s.headers[i][:], from.Addr().As4()
		to := daemonAt.Addr().As4()
		clear(h)
		h[0], h[8], h[9] = 0x45, 64, unix.IPPROTO_UDP // the kernel fills in the length and the checksum; UDP's may be 0 (RFC 768)
		copy(h[12:], address[:])
		copy(h[16:], to[:])
		binary.BigEndian.PutUint16(h[ipHeader:], from.Port())
		binary.BigEndian.PutUint16(h[ipHeader+2:], daemonAt.Port())
		binary.BigEndian.PutUint16(h[ipHeader+4:], uint16(udpHeader+len(b)))
		iov = &s.iovecs[i][1]
	} else {
		info := (*unix.Inet4Pktinfo)(unsafe.Pointer(&s.controls[i][unix.CmsgLen(0)]))
		info.Spec_dst = from.Addr().As4()
	}
	iov.Base = unsafe.SliceData(b)
	iov.SetLen(len(b))
	s.bytes += int64(len(b))
}

// volley sends so many datagrams, at most atOnce.
func (s *sender) volley(count int, next shot) error {
	for i := range count {
		b, from := next(int(s.sent)+i, s.scratch[i][:0])
		s.set(i, b, from)
	}
	for at := 0; at < count; {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.messages[at])), uintptr(count-at), 0, 0, 0)
		switch errno {
		case 0:
			at += int(n)
		case unix.EINTR, unix.EAGAIN, unix.ENOBUFS, unix.ECONNREFUSED:
		default:
			return os.NewSyscallError("sendmmsg", errno)
		}
	}
	s.sent += int64(count)
	return nil
}

// flood sends without a pause until stop is closed. It keeps its thread, which is in the namespace by its socket.
func (s *sender) flood(stop <-chan struct{}, next shot) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		if err := s.volley(atOnce, next); err != nil {
			return err
		}
	}
}

// crowd is many addresses behind one socket. What comes back is counted, and given to hear if there is one.
type crowd struct {
	sender
	conn   *net.UDPConn
	hear   func(at netip.AddrPort, b []byte) // called by the crowd's reader
	out    atomic.Int64                      // bytes that came back
	reader sync.WaitGroup
}

// newCrowd makes a crowd; close it.
func newCrowd(w *world, hear func(at netip.AddrPort, b []byte)) (c *crowd, err error) {
	c = &crowd{hear: hear}
	err = w.ns.Do(func() error {
		c.conn, err = net.ListenUDP("udp4", &net.UDPAddr{Port: crowdPort})
		return err
	})
	if err != nil {
		return nil, err
	}
	raw, err := c.conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	var set error
	err = raw.Control(func(fd uintptr) {
		c.fd = int(fd)
		set = unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, readRoom)
		if set == nil {
			set = unix.SetsockoptInt(c.fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
		}
	})
	if err == nil {
		err = set
	}
	if err != nil {
		_ = c.conn.Close()
		return nil, err
	}
	c.init()
	c.reader.Go(c.read)
	return c, nil
}

// read takes what comes back until the socket is closed.
func (c *crowd) read() {
	b, control := make([]byte, 2048), make([]byte, 128)
	for {
		n, cn, _, _, err := c.conn.ReadMsgUDPAddrPort(b, control)
		if err != nil {
			return
		}
		c.out.Add(int64(n))
		if at := unix.CmsgLen(0); c.hear != nil && cn >= at+unix.SizeofInet4Pktinfo {
			info := (*unix.Inet4Pktinfo)(unsafe.Pointer(&control[at]))
			c.hear(netip.AddrPortFrom(netip.AddrFrom4(info.Addr), crowdPort), b[:n])
		}
	}
}

// close ends the crowd, and adds what it has sent and got to an outcome.
func (c *crowd) close(out *outcome) {
	_ = c.conn.Close()
	c.reader.Wait()
	out.sent += c.sent
	out.in += c.bytes
	out.out += c.out.Load()
}

// newForger makes a sender that forges addresses; close its fd.
func newForger(w *world) (s *sender, err error) {
	s = &sender{raw: true}
	err = w.ns.Do(func() error {
		s.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("raw socket: %w", err)
	}
	s.init()
	s.to.Port = 0
	return s, nil
}

func (s *sender) close() { _ = unix.Close(s.fd) }
