package peer

import (
	"bytes"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"yodel/wire"
)

// What is sent as a group is read datagram by datagram, as it would be from any socket.
func TestGroupsAreReadOneByOne(t *testing.T) {
	listener, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := dialUDP(listener.LocalAddr().(*net.UDPAddr).AddrPort())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, ok := conn.(*groupedConn); !ok {
		const loss = "GROUPS ARE NOT TESTED: the kernel makes none (UDP_GRO, Linux 5.0)"
		if os.Getenv("CI") == "true" {
			t.Fatal(loss)
		}
		t.Skip(loss)
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	raw, err := listener.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var want [][]byte
	send := func(size int, datagrams ...[]byte) {
		want = append(want, datagrams...)
		if e := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT, size) }); e != nil || err != nil {
			t.Fatal(e, err)
		}
		if _, err := listener.WriteTo(bytes.Join(datagrams, nil), conn.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	fill := func(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n) }
	send(100, fill(1, 100), fill(2, 100), fill(3, 100))
	send(0, fill(4, 700))
	send(80, fill(5, 80), fill(6, 80), fill(7, 20)) // the last one is shorter
	send(0, fill(8, 0))
	send(0, fill(9, 2*wire.MaxDatagram)) // too long: its beginning shows that
	want[len(want)-1] = want[len(want)-1][:wire.MaxDatagram+1]
	var b [wire.MaxDatagram + 1]byte
	for i, w := range want {
		if n, err := conn.Read(b[:]); err != nil || !bytes.Equal(b[:n], w) {
			t.Fatalf("datagram %d: %d bytes (%v), want %d", i, n, err, len(w))
		}
	}
}
