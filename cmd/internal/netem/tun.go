//go:build linux

package netem

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

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
	if hasIPv6() && e.mtu >= minMTU6 {
		steps = append(steps, fmt.Sprintf("addr add %v/64 dev %s nodad", e.six, device))
	}
	for _, s := range steps {
		if err := ns.IP(s); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return f, nil
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
