package daemon

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sockaddr has room for an address of either family, in the kernel's form.
type sockaddr = unix.RawSockaddrInet6

// target is where datagrams go: an address in the kernel's form. A writer copies what it needs of it, and tells targets apart by their pointers;
// one that changes is another from then on.
type target struct {
	addr netip.AddrPort
	name sockaddr
}

func newTarget(addr netip.AddrPort, v6 bool) (t target) {
	t.addr = addr
	ip := addr.Addr().Unmap()
	if ip.Is4() && !v6 {
		name := (*unix.RawSockaddrInet4)(unsafe.Pointer(&t.name))
		name.Family, name.Addr = unix.AF_INET, ip.As4()
		binary.BigEndian.PutUint16(portBytes(&name.Port), addr.Port())
		return t
	}
	t.name.Family, t.name.Addr, t.name.Scope_id = unix.AF_INET6, ip.As16(), scope(ip.Zone())
	binary.BigEndian.PutUint16(portBytes(&t.name.Port), addr.Port())
	return t
}

// addrPort reads what the kernel has written. The zone of a link-local address is its number.
func addrPort(name *sockaddr) netip.AddrPort {
	if name.Family == unix.AF_INET {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), binary.BigEndian.Uint16(portBytes(&v4.Port)))
	}
	ip := netip.AddrFrom16(name.Addr).Unmap()
	if name.Scope_id != 0 {
		ip = ip.WithZone(strconv.FormatUint(uint64(name.Scope_id), 10))
	}
	return netip.AddrPortFrom(ip, binary.BigEndian.Uint16(portBytes(&name.Port)))
}

// portBytes are those of a port number, which the kernel wants in network order.
func portBytes(port *uint16) []byte { return (*[2]byte)(unsafe.Pointer(port))[:] }

// scope gives the number of a zone, which is its number or an interface's name; 0 when there is none.
func scope(zone string) uint32 {
	if zone == "" {
		return 0
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n)
	}
	if i, err := net.InterfaceByName(zone); err == nil {
		return uint32(i.Index)
	}
	return 0
}
