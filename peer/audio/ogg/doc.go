// Package ogg reads and writes the pages and packets of Ogg (RFC 3533). What is in the packets it does not know.
//
// A physical stream is a row of pages. A page belongs to a logical stream, by its serial number, and has up to 255 segments of up to 255 bytes; a
// packet is the segments up to one that is shorter than 255, on one page or several:
//
//	"OggS" · version 0 · flags · granule position (8) · serial number (4) · page number (4) · CRC-32 (4) · number of segments · their lengths · bytes
//
// Several logical streams may be mixed (multiplexed): all begin before any goes on. Others may follow when these have ended (chained): a link.
// Reader follows one stream of each link, Writer writes a single one. Both are used by one goroutine at a time.
package ogg

import "errors"

// MaxPacket is how much of a packet is kept, in bytes: RFC 7845, 6, asks for so much of a packet of sound.
const MaxPacket = 61440

// maxSkipped is the longest packet: RFC 7845, 6, lets readers refuse longer comments.
const maxSkipped = 120 << 20

var (
	// ErrDamaged says that the bytes are no Ogg, or pages of it that were changed or left out.
	ErrDamaged = errors.New("damaged Ogg file")
	// ErrTruncated says that the bytes end within a page or a packet.
	ErrTruncated = errors.New("the Ogg file ends early")
	// ErrUnfollowed says that a link goes on of which no stream is followed.
	ErrUnfollowed = errors.New("no stream of the Ogg file is followed")
)

// Fields of a page header (RFC 3533, 6).
const (
	capture     = "OggS"
	headerSize  = 27
	maxSegments = 255
	maxSegment  = 255

	flagContinued = 1 // the page begins within a packet
	flagBegins    = 2 // it is the first of its stream
	flagEnds      = 4 // it is the last

	noGranule = -1 // no packet ends on the page
)

// crcTable is of the polynomial 0x04c11db7, from the highest bit on.
var crcTable = func() (t [256]uint32) {
	for i := range t {
		c := uint32(i) << 24
		for range 8 {
			if c&(1<<31) != 0 {
				c = c<<1 ^ 0x04c11db7
			} else {
				c <<= 1
			}
		}
		t[i] = c
	}
	return t
}()

// checksum goes on with a CRC over b; it begins with 0.
func checksum(crc uint32, b []byte) uint32 {
	for _, v := range b {
		crc = crc<<8 ^ crcTable[byte(crc>>24)^v]
	}
	return crc
}
