package ogg

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Packet is one packet of a logical stream.
type Packet struct {
	Link    int64 // counted from 0
	Serial  uint32
	Data    []byte // good until the next call; what is beyond MaxPacket is left out
	Size    int64  // of the whole packet, in bytes
	Page    int64  // on which it ends, counted from 0 over all pages that were read
	Granule int64  // position of that page; -1: none
	Begins  bool   // it is the first of its stream
	Ends    bool   // that page is the last of its stream
}

// Reader reads the packets of one stream of each link. It reads a page at a time, and nothing beyond it.
type Reader struct {
	r      io.Reader
	pages  int64 // that were read
	header [headerSize]byte
	lacing []byte // segments of the page that are still to be looked at
	body   []byte // their bytes
	page   []byte // room for both

	link     int64 // -1 before the first
	opening  bool  // only first pages of streams have come in this link
	follows  bool
	ended    bool   // the last page of the stream that is followed has come
	serial   uint32 // of the stream that is followed
	number   uint32 // of its next page
	packets  int64  // that were given of it
	packet   []byte
	size     int64
	partial  bool // packet goes on
	headless bool // what comes first on the page is the rest of a packet whose beginning is not there
}

// NewReader reads from the beginning of a physical stream.
func NewReader(r io.Reader) *Reader {
	return &Reader{r: r, link: -1, page: make([]byte, maxSegments+maxSegments*maxSegment)}
}

// Follow chooses the stream of a packet that Begins, in place of any other of its link.
func (r *Reader) Follow(p Packet) {
	r.follows, r.ended, r.serial, r.number, r.packets = true, p.Ends, p.Serial, 1, 1
}

// Next gives the first packet of every stream, and all packets of the one that is followed. The errors are io.EOF at the end of the last page, whatever that is no page is behind it,
// ErrTruncated, ErrDamaged, ErrUnfollowed, and what the reader returned; after one Next is not called again.
func (r *Reader) Next() (Packet, error) {
	for {
		for len(r.lacing) > 0 {
			if p, ok, err := r.assemble(); ok || err != nil {
				return p, err
			}
		}
		if err := r.nextPage(); err != nil {
			return Packet{}, err
		}
	}
}

// assemble takes a packet from the page, or the part of one that is there.
func (r *Reader) assemble() (p Packet, whole bool, err error) {
	if !r.partial {
		r.packet, r.size = r.packet[:0], 0
	}
	for !whole && len(r.lacing) > 0 {
		n := int(r.lacing[0])
		whole = n < maxSegment
		r.size += int64(n)
		r.packet = append(r.packet, r.body[:min(n, MaxPacket-len(r.packet))]...)
		r.lacing, r.body = r.lacing[1:], r.body[n:]
	}
	if r.size > maxSkipped {
		return p, false, r.damaged("a packet of more than %d bytes", maxSkipped)
	}
	r.partial = !whole
	if !whole {
		return p, false, nil
	}
	if r.headless {
		r.headless = false
		return p, false, nil
	}
	p = Packet{
		Link: r.link, Serial: r.pageSerial(), Data: r.packet, Size: r.size, Page: r.pages - 1, Granule: r.granule(),
		Begins: r.flag(flagBegins), Ends: r.flag(flagEnds),
	}
	if p.Begins {
		r.lacing = nil // nothing else is on a first page (RFC 3533, 4)
	} else {
		r.packets++
	}
	return p, true, nil
}

func (r *Reader) flag(f byte) bool   { return r.header[5]&f != 0 }
func (r *Reader) granule() int64     { return int64(binary.LittleEndian.Uint64(r.header[6:])) }
func (r *Reader) pageSerial() uint32 { return binary.LittleEndian.Uint32(r.header[14:]) }
func (r *Reader) pageNumber() uint32 { return binary.LittleEndian.Uint32(r.header[18:]) }

// nextPage reads a page and decides what of it is looked at.
func (r *Reader) nextPage() error {
	if err := r.readPage(); err != nil {
		return err
	}
	if r.flag(flagBegins) {
		return r.beginStream()
	}
	r.opening = false
	switch {
	case !r.follows:
		return ErrUnfollowed
	case r.pageSerial() != r.serial:
		r.lacing = nil
		return nil
	}
	return r.goOn()
}

// beginStream takes the first page of a stream. Behind pages that go on with others it begins a link.
func (r *Reader) beginStream() error {
	if !r.opening {
		if r.partial {
			return r.damaged("a stream begins before the packet of another has ended")
		}
		r.opening, r.follows, r.ended = true, false, false
		r.link++
	}
	if len(r.lacing) == 0 || r.lacing[len(r.lacing)-1] == maxSegment || r.flag(flagContinued) {
		return r.damaged("a stream begins without a whole packet")
	}
	return nil
}

// goOn takes the next page of the stream that is followed. Only between its headers and the sound pages may be missing: who records a broadcast
// from its middle gets the headers that were kept for him.
func (r *Reader) goOn() error {
	if r.ended {
		return r.damaged("its stream has ended before")
	}
	r.ended = r.flag(flagEnds)
	const headers = 2
	lost := r.pageNumber() > r.number && r.packets == headers && !r.partial
	if r.pageNumber() != r.number && !lost {
		return r.damaged("number %d of its stream comes where %d should", r.pageNumber(), r.number)
	}
	r.number = r.pageNumber() + 1
	continued := r.flag(flagContinued)
	if continued != r.partial && !lost {
		return r.damaged("it does not go on where the page before has ended")
	}
	if lost {
		r.headless = continued
	}
	return nil
}

// readPage reads one page and checks it.
func (r *Reader) readPage() error {
	n, err := io.ReadFull(r.r, r.header[:])
	switch {
	case errors.Is(err, io.EOF) && n == 0 && !r.partial:
		return io.EOF
	case errors.Is(err, io.EOF) && n == 0:
		return fmt.Errorf("%w: within a packet, after page %d", ErrTruncated, r.pages-1)
	case n > 0 && r.ended && !r.partial && string(r.header[:min(n, len(capture))]) != capture[:min(n, len(capture))]:
		return io.EOF
	case n >= len(capture) && string(r.header[:len(capture)]) != capture:
		return r.damagedNext("it begins with %q", r.header[:len(capture)])
	case err != nil:
		return r.cut(err)
	case r.header[4] != 0:
		return r.damagedNext("version %d of the format", r.header[4])
	}
	segments := int(r.header[26])
	r.lacing, r.body = r.page[:segments], r.page[segments:]
	if _, err := io.ReadFull(r.r, r.lacing); err != nil {
		return r.cut(err)
	}
	size := 0
	for _, n := range r.lacing {
		size += int(n)
	}
	r.body = r.body[:size]
	if _, err := io.ReadFull(r.r, r.body); err != nil {
		return r.cut(err)
	}
	r.pages++
	return r.check()
}

// check compares the checksum of the page, which counts as zero in it.
func (r *Reader) check() error {
	told := binary.LittleEndian.Uint32(r.header[22:])
	clear(r.header[22:26])
	is := checksum(checksum(checksum(0, r.header[:]), r.lacing), r.body)
	if told != is {
		return r.damaged("its checksum is %08x and should be %08x", is, told)
	}
	return nil
}

// cut tells of the end of the bytes within the page that is being read.
func (r *Reader) cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: within page %d", ErrTruncated, r.pages)
	}
	return err
}

// damaged tells what is wrong with the page that was read last; damagedNext, with the one behind it.
func (r *Reader) damaged(format string, args ...any) error {
	return fmt.Errorf("%w: page %d: "+format, append([]any{ErrDamaged, r.pages - 1}, args...)...)
}

func (r *Reader) damagedNext(format string, args ...any) error {
	r.pages++
	return r.damaged(format, args...)
}
