package ogg

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrTooLong says that a packet does not fit a page.
var ErrTooLong = errors.New("too long for an Ogg page")

// Writer writes one logical stream, each packet whole on one page.
type Writer struct {
	w       io.Writer
	page    []byte // bytes of its packets
	lacing  []byte
	granule int64
	number  uint32
	serial  uint32
}

// NewWriter makes a writer of a stream with a serial number.
func NewWriter(w io.Writer, serial uint32) *Writer {
	return &Writer{w: w, serial: serial, granule: noGranule}
}

// Add puts a packet on the page: granule is the position after it. When there is no room the page is written first. The errors are ErrTooLong and
// the writer's.
func (w *Writer) Add(packet []byte, granule int64) error {
	segments := len(packet)/maxSegment + 1
	if segments > maxSegments {
		return fmt.Errorf("%w: a packet of %d bytes", ErrTooLong, len(packet))
	}
	if len(w.lacing)+segments > maxSegments {
		if err := w.Flush(); err != nil {
			return err
		}
	}
	for range segments - 1 {
		w.lacing = append(w.lacing, maxSegment)
	}
	w.lacing = append(w.lacing, byte(len(packet)%maxSegment))
	w.page = append(w.page, packet...)
	w.granule = granule
	return nil
}

// Flush writes the page, if it has a packet, in one write.
func (w *Writer) Flush() error {
	if len(w.lacing) == 0 {
		return nil
	}
	return w.write(0)
}

// Close writes the last page. A granule before the end of its last packet leaves the rest of that out (RFC 7845, 4.4).
func (w *Writer) Close(granule int64) error {
	w.granule = granule
	return w.write(flagEnds)
}

func (w *Writer) write(flags byte) error {
	if w.number == 0 {
		flags |= flagBegins
	}
	b := make([]byte, 0, headerSize+len(w.lacing)+len(w.page))
	b = append(b, capture...)
	b = append(b, 0, flags)
	b = binary.LittleEndian.AppendUint64(b, uint64(w.granule))
	b = binary.LittleEndian.AppendUint32(b, w.serial)
	b = binary.LittleEndian.AppendUint32(b, w.number)
	b = append(b, 0, 0, 0, 0, byte(len(w.lacing)))
	b = append(b, w.lacing...)
	b = append(b, w.page...)
	binary.LittleEndian.PutUint32(b[22:], checksum(0, b))
	w.number++
	w.page, w.lacing, w.granule = w.page[:0], w.lacing[:0], noGranule
	_, err := w.w.Write(b)
	return err
}
