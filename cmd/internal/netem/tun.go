//go:build linux

package netem

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// openTUN makes a TUN device in a namespace, up and with its addresses.
func openTUN(ns *Namespace, device string, e end) (*os.File, error) {
	var f *os.File
	err := ns.Do(func() (err error) {
		f, err = tun(device)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("netem: device %s: %w", device, err)
	}
	steps := []string{
		fmt.Sprintf("link set %s mtu %d txqueuelen 4000 multicast off addrgenmode none", device, e.mtu),
		fmt.Sprintf("addr add %v/24 dev %s", e.four, device),
		fmt.Sprintf("link set %s up", device),
	}
	six := hasIPv6() && e.mtu >= minMTU6
	if six {
		steps = append(steps, fmt.Sprintf("addr add %v/64 dev %s nodad", e.six, device))
	}
	for _, s := range steps {
		if err := ns.IP(s); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	if six {
		if err := awaitLocal(ns, e.six); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return f, nil
}

// awaitLocal waits until an IPv6 address takes packets: the kernel makes its route some while after ip(8) has ended.
func awaitLocal(ns *Namespace, addr netip.Addr) error {
	route := fmt.Sprintf("%x 80 ", addr.AsSlice()) // in hexadecimal, as proc(5) has it
	late := time.Now().Add(time.Minute)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		var routes []byte
		err := ns.Do(func() (err error) {
			routes, err = os.ReadFile("/proc/thread-self/net/ipv6_route")
			return err
		})
		if err != nil || strings.Contains(string(routes), route) {
			return err
		}
		if time.Now().After(late) {
			return fmt.Errorf("netem: no route to %v", addr)
		}
	}
}

// minMTU6 is the least MTU with which Linux does IPv6 on a device (RFC 8200, 5).
const minMTU6 = 1280

// hasIPv6 tells whether the kernel does IPv6.
func hasIPv6() bool {
	_, err := os.Stat("/proc/sys/net/ipv6")
	return !errors.Is(err, fs.ErrNotExist)
}

// tun makes a TUN device in the namespace of the calling thread. Reads and writes are whole IP packets.
func tun(device string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	request, err := unix.NewIfreq(device)
	if err == nil {
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), device), nil
}
