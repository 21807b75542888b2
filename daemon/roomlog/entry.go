package roomlog

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
)

// Entry is one message of a room. Its Body is shared and is not to be changed by anyone.
type Entry struct {
	Room   string
	Pos    uint64   // its position
	Prev   uint64   // the position before it in the room; 0: none
	Sender [32]byte // fingerprint of the identity
	ID     uint64   // the sender's own id; (Room, Sender, ID) is unique
	Nick   string
	Type   string // media type; empty: text/plain
	Body   []byte
	At     int64 // Unix time in ns
}

// Result is the outcome of one Append.
type Result struct {
	Entry     Entry // as it is in the log
	Duplicate bool  // it was there before: Entry is the first one
	Err       error // ErrIDReused, ErrUnreadable, ErrReadOnly, ErrBusy, ErrClosed, ErrFailed; nothing was added
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is the CRC-32C over all fields of an entry: the numbers as 8 bytes each, little-endian, the sender, and each text with its length
// in 4 bytes before it. scratch is used and given back, to be used again.
func (e *Entry) checksum(scratch []byte) (uint32, []byte) {
	b := scratch[:0]
	for _, n := range [...]uint64{e.Pos, e.Prev, e.ID, uint64(e.At)} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	b = append(b, e.Sender[:]...)
	for _, s := range [...]string{e.Room, e.Nick, e.Type} {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(e.Body)))
	return crc32.Update(crc32.Update(0, castagnoli, b), castagnoli, e.Body), b
}

// digestSize is how many bytes of SHA-256 are kept of a removed message.
const digestSize = 16

// digest is what is kept of the content of a removed message: enough to tell it from another.
func (e *Entry) digest() []byte {
	h := sha256.New()
	var size [8]byte
	binary.LittleEndian.PutUint64(size[:], uint64(len(e.Type)))
	_, _ = h.Write(size[:]) // a hash never fails
	_, _ = h.Write([]byte(e.Type))
	_, _ = h.Write(e.Body)
	return h.Sum(nil)[:digestSize]
}
