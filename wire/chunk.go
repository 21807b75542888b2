package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Limits of the message stream.
const (
	// MaxMessage is the most bytes of one message.
	MaxMessage = 64 << 10
	// MaxInFlight is the most packets from the oldest that the sender waits for to the newest, both counted:
	// a report about so many fits into one datagram.
	MaxInFlight = 512
)

// ErrPayload is returned for the payload of a message packet that breaks the format. It is wrapped with what was wrong.
var ErrPayload = errors.New("malformed payload of a message packet")

// Chunk is a part of one message: the bytes from Offset on of the message with that number, which is Total bytes long.
// Messages are numbered from 0 in the order in which they are delivered. A chunk is never empty, but for the one of an empty message.
type Chunk struct {
	Message uint64 // below 2^62
	Offset  int
	Total   int // at most MaxMessage
	Data    []byte
}

// AppendDistance begins the payload of a message packet: how many packet numbers before this packet's own
// the oldest lies that the sender still waits for; 0 is this packet itself. Chunks follow, or nothing.
func AppendDistance(dst []byte, distance int) []byte {
	return appendVarint(dst, uint64(distance))
}

// AppendChunk appends one chunk to a payload that AppendDistance began. The chunk must be valid.
func AppendChunk(dst []byte, c Chunk) []byte {
	//  varint  message number
	//  varint  offset of the first byte in the message
	//  varint  total length of the message
	//  varint  length of the bytes that follow
	//  bytes
	dst = appendVarint(dst, c.Message)
	dst = appendVarint(dst, uint64(c.Offset))
	dst = appendVarint(dst, uint64(c.Total))
	dst = appendVarint(dst, uint64(len(c.Data)))
	return append(dst, c.Data...)
}

// Size is the number of bytes that AppendChunk appends.
func (c Chunk) Size() int {
	return varintSize(c.Message) + varintSize(uint64(c.Offset)) + varintSize(uint64(c.Total)) +
		varintSize(uint64(len(c.Data))) + len(c.Data)
}

// MessagePayload is the checked payload of a message packet. It refers to the bytes it was parsed from.
type MessagePayload struct {
	// Distance from the packet's number back to the oldest that the sender waits for; below MaxInFlight.
	Distance int

	rest []byte
}

// ParseMessagePayload checks a payload whole and without allocation. Varints need not be of minimal length
// (RFC 9000, 16). The error is ErrPayload.
func ParseMessagePayload(payload []byte) (MessagePayload, error) {
	distance, n := consumeVarint(payload)
	if n == 0 {
		return MessagePayload{}, fmt.Errorf("%w: no distance in %d bytes", ErrPayload, len(payload))
	}
	if distance >= MaxInFlight {
		return MessagePayload{}, fmt.Errorf("%w: distance %d >= %d", ErrPayload, distance, MaxInFlight)
	}
	for at := n; at < len(payload); {
		_, size, err := parseChunk(payload[at:])
		if err != nil {
			return MessagePayload{}, fmt.Errorf("%w (chunk at byte %d of %d)", err, at, len(payload))
		}
		at += size
	}
	return MessagePayload{Distance: int(distance), rest: payload[n:]}, nil
}

// Next gives the next chunk; ok is false after the last one. A payload without chunks is a bare probe.
// The chunk's data are a part of the packet.
func (p *MessagePayload) Next() (c Chunk, ok bool) {
	if len(p.rest) == 0 {
		return Chunk{}, false
	}
	c, n, err := parseChunk(p.rest)
	if err != nil { // only in a MessagePayload that was not made by ParseMessagePayload
		p.rest = nil
		return Chunk{}, false
	}
	p.rest = p.rest[n:]
	return c, true
}

// parseChunk reads the chunk at the start of b and tells its size.
func parseChunk(b []byte) (c Chunk, size int, err error) {
	var field [4]uint64
	for i := range field {
		v, n := consumeVarint(b[size:])
		if n == 0 {
			return Chunk{}, 0, fmt.Errorf("%w: field %d of a chunk is cut off", ErrPayload, i+1)
		}
		field[i], size = v, size+n
	}
	message, offset, total, length := field[0], field[1], field[2], field[3]
	switch {
	case total > MaxMessage:
		err = fmt.Errorf("%w: message of %d bytes > %d", ErrPayload, total, MaxMessage)
	case length > total || offset > total-length:
		err = fmt.Errorf("%w: %d bytes at offset %d of a message of %d", ErrPayload, length, offset, total)
	case length == 0 && total != 0:
		err = fmt.Errorf("%w: empty chunk of a message of %d bytes", ErrPayload, total)
	case length > uint64(len(b)-size):
		err = fmt.Errorf("%w: chunk of %d bytes, %d left", ErrPayload, length, len(b)-size)
	}
	if err != nil {
		return Chunk{}, 0, err
	}
	end := size + int(length)
	return Chunk{Message: message, Offset: int(offset), Total: int(total), Data: b[size:end:end]}, end, nil
}

// maxVarint is the largest value of a variable-length integer (RFC 9000, 16).
const maxVarint = 1<<62 - 1

// appendVarint appends v, at most maxVarint, in the fewest bytes.
func appendVarint(dst []byte, v uint64) []byte {
	// RFC 9000, 16: "the two most significant bits of the first byte [encode] the base-2 logarithm of the integer
	// encoding length in bytes. The integer value is encoded on the remaining bits, in network byte order."
	switch varintSize(v) {
	case 1:
		return append(dst, byte(v))
	case 2:
		return binary.BigEndian.AppendUint16(dst, uint16(v)|0x4000)
	case 4:
		return binary.BigEndian.AppendUint32(dst, uint32(v)|0x8000_0000)
	}
	return binary.BigEndian.AppendUint64(dst, v&maxVarint|0xc000_0000_0000_0000)
}

// consumeVarint reads the integer at the start of b and tells its size, 0 when b is too short.
func consumeVarint(b []byte) (v uint64, n int) {
	if len(b) == 0 {
		return 0, 0
	}
	n = 1 << (b[0] >> 6)
	if len(b) < n {
		return 0, 0
	}
	v = uint64(b[0] & 0x3f)
	for _, next := range b[1:n] {
		v = v<<8 | uint64(next)
	}
	return v, n
}

func varintSize(v uint64) int {
	switch {
	case v < 1<<6:
		return 1
	case v < 1<<14:
		return 2
	case v < 1<<30:
		return 4
	}
	return 8
}
