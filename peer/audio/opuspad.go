package audio

import "slices"

// MaxPassed is the size of the longest Opus packet that is passed on as it is: three of them fit a datagram, for packets that carry the two
// before them again (RFC 2198).
const MaxPassed = 360

// leastPassed is the size of the shortest that is: 20 ms at the rate at which a talk begins.
const leastPassed = DefaultBitrate / 8 / 50

// passedStep: packets that are passed on get the size of the longest so far, rounded up to so many bytes.
const passedStep = 40

// Of an Opus packet of code 3 (RFC 6716, 3.2.5): its second byte, and how padding is counted.
const (
	countMask   = 0x3f
	countPadded = 0x40
	padMore     = 255 // 254 bytes of padding, and more follows
)

// opusFrame gives the frame of a packet that has a single one, without padding; ok is false of any other packet.
func opusFrame(packet []byte) (frame []byte, ok bool) {
	switch {
	case len(packet) > 0 && packet[0]&3 == 0:
		return packet[1:], true
	case len(packet) < 2 || packet[0]&3 != 3 || packet[1]&countMask != 1:
		return nil, false
	case packet[1]&countPadded == 0:
		return packet[2:], true
	}
	rest, padding := packet[2:], 0
	for {
		if len(rest) == 0 {
			return nil, false
		}
		n := int(rest[0])
		rest = rest[1:]
		if n != padMore {
			padding += n
			break
		}
		padding += padMore - 1
	}
	if padding > len(rest) {
		return nil, false
	}
	return rest[:len(rest)-padding], true
}

// padOpus appends a packet with the configuration of toc and a single frame to dst, padded to size bytes. It is at least as long as the frame and
// one more.
func padOpus(dst []byte, toc byte, frame []byte, size int) []byte {
	room := size - len(frame) - 2 // behind the bytes of configuration and count
	if room < 0 {
		return append(append(dst, toc&^3), frame...)
	}
	if room == 0 {
		return append(append(dst, toc|3, 1), frame...)
	}
	dst = append(dst, toc|3, countPadded|1)
	padding := room - 1 // and the byte that counts the last of it
	for n := padding; n >= padMore; n -= padMore {
		dst = append(dst, padMore)
		padding--
	}
	dst = append(append(dst, byte((room-1)%padMore)), frame...)
	end := len(dst)
	dst = slices.Grow(dst, padding)[:end+padding]
	clear(dst[end:])
	return dst
}
