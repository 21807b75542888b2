package netem

import (
	"encoding/binary"
	"net/netip"
)

const (
	protocolTCP = 6
	protocolUDP = 17
)

// packet is an IP packet whose TCP or UDP header is in it whole. What it hands out and changes is the memory that it was parsed from.
type packet struct {
	ip       []byte
	is4      bool // IPv4
	protocol byte
	segment  []byte // TCP or UDP, header included
	checksum []byte // that of the segment
	payload  []byte // of the segment
}

// parse reads an IPv4 packet (RFC 791) or an IPv6 packet without extension headers (RFC 8200). ok is false for anything but TCP
// and UDP, and for fragments.
func parse(b []byte) (p packet, ok bool) {
	if len(b) == 0 {
		return p, false
	}
	switch header := int(b[0]&15) * 4; b[0] >> 4 {
	case 4:
		if len(b) < 20 || header < 20 || len(b) < header || binary.BigEndian.Uint16(b[6:])&0x3fff != 0 {
			return p, false
		}
		p = packet{ip: b, is4: true, protocol: b[9], segment: b[header:]}
	case 6:
		if len(b) < 40 {
			return p, false
		}
		p = packet{ip: b, protocol: b[6], segment: b[40:]}
	default:
		return p, false
	}
	return p, p.parseSegment()
}

// parseSegment finds the checksum and the payload (RFC 768, RFC 9293).
func (p *packet) parseSegment() bool {
	s := p.segment
	switch {
	case p.protocol == protocolUDP && len(s) >= 8:
		p.checksum, p.payload = s[6:8], s[8:]
	case p.protocol == protocolTCP && len(s) >= 20 && len(s) >= int(s[12]>>4)*4:
		p.checksum, p.payload = s[16:18], s[int(s[12]>>4)*4:]
	default:
		return false
	}
	return true
}

// addresses are the memory of source and destination address.
func (p *packet) addresses() (source, destination []byte) {
	if p.is4 {
		return p.ip[12:16], p.ip[16:20]
	}
	return p.ip[8:24], p.ip[24:40]
}

func (p *packet) source() netip.AddrPort {
	a, _ := p.addresses()
	return addrPort(a, p.segment)
}

func (p *packet) destination() netip.AddrPort {
	_, a := p.addresses()
	return addrPort(a, p.segment[2:])
}

func addrPort(addr, port []byte) netip.AddrPort {
	a, _ := netip.AddrFromSlice(addr)
	return netip.AddrPortFrom(a, binary.BigEndian.Uint16(port))
}

func (p *packet) setSource(to netip.AddrPort) {
	a, _ := p.addresses()
	copy(a, to.Addr().AsSlice())
	binary.BigEndian.PutUint16(p.segment, to.Port())
	p.sum()
}

func (p *packet) setDestination(to netip.AddrPort) {
	_, a := p.addresses()
	copy(a, to.Addr().AsSlice())
	binary.BigEndian.PutUint16(p.segment[2:], to.Port())
	p.sum()
}

// sum makes the checksums right: that of the IPv4 header and that of the segment with its pseudo header.
func (p *packet) sum() {
	if p.is4 {
		header := p.ip[:len(p.ip)-len(p.segment)]
		binary.BigEndian.PutUint16(header[10:], 0)
		binary.BigEndian.PutUint16(header[10:], ^add(0, header))
	}
	if p.is4 && p.protocol == protocolUDP && binary.BigEndian.Uint16(p.checksum) == 0 {
		return // the sender makes none
	}
	source, destination := p.addresses()
	binary.BigEndian.PutUint16(p.checksum, 0)
	s := add(add(0, source), destination)
	n := len(p.segment)
	s = add(s, []byte{byte(n >> 8), byte(n), 0, p.protocol})
	if s = ^add(s, p.segment); s == 0 && p.protocol == protocolUDP {
		s = 0xffff
	}
	binary.BigEndian.PutUint16(p.checksum, s)
}

// add goes on with a ones' complement sum (RFC 1071).
func add(sum uint16, b []byte) uint16 {
	s := uint32(sum)
	for ; len(b) >= 2; b = b[2:] {
		s += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

// corrupt flips one to four bits of the payload, and makes the checksum right again if rewrite is set. It reports whether there
// was something to flip.
func corrupt(b []byte, noise uint64, rewrite bool) bool {
	p, ok := parse(b)
	if !ok || len(p.payload) == 0 {
		return false
	}
	for range 1 + noise&3 {
		noise = noise*6364136223846793005 + 1442695040888963407 // Knuth's MMIX
		bit := int(noise>>33) % (8 * len(p.payload))
		p.payload[bit/8] ^= 1 << (bit % 8)
	}
	if rewrite {
		p.sum()
	}
	return true
}
