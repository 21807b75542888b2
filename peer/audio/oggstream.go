package audio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"yodel/peer/audio/ogg"
)

// The headers of Ogg Opus (RFC 7845, 5).
const (
	oggOpus       = "Ogg Opus"
	opusHeadMagic = "OpusHead"
	opusTagsMagic = "OpusTags"
	opusHeadSize  = 19 // without a channel mapping table
)

// opusHead is what the first packet of an Ogg Opus stream says.
type opusHead struct {
	channels int
	preSkip  int     // samples that are decoded and not heard
	gain     float32 // by which the sound is multiplied
}

// oggPacket is one packet of sound.
type oggPacket struct {
	data     []byte // good until the next call
	number   int64  // counted from 0
	samples  int    // that it decodes to
	from, to int    // of these, those that are heard
	begins   bool   // it is the first of a link: the decoder begins anew
}

// oggStream gives the packets of sound of the links of an Ogg Opus file.
type oggStream struct {
	pages   *ogg.Reader
	pipe    bool // where the input is cut off is its end
	head    opusHead
	link    int64  // that head is of, or is looked for in
	headers int    // that came in this link: 0 to 2
	other   string // what the first streams of this link hold that are not Opus

	packets int64
	begins  bool
	skip    int   // samples that are left out from here on
	page    int64 // of the packet before; -1: none
	granule int64 // of that page
	keep    int64 // samples of the page that are heard; math.MaxInt64: all
}

func newOggStream(r io.Reader, pipe bool) *oggStream {
	return &oggStream{pages: ogg.NewReader(r), pipe: pipe}
}

// next gives the next packet. The errors are io.EOF, ErrTruncated (never of a pipe), ErrUnsupported, ErrPayload, those of ogg.Reader, and what
// the input returned.
func (o *oggStream) next() (oggPacket, error) {
	for {
		p, err := o.pages.Next()
		switch {
		case errors.Is(err, ogg.ErrTruncated) && o.pipe:
			return oggPacket{}, io.EOF
		case errors.Is(err, ogg.ErrTruncated):
			return oggPacket{}, fmt.Errorf("%w: %w", ErrTruncated, err)
		case errors.Is(err, ogg.ErrUnfollowed) && o.other == "":
			return oggPacket{}, fmt.Errorf("%s is %w", "Ogg that begins in the middle of a stream", ErrUnsupported)
		case errors.Is(err, ogg.ErrUnfollowed):
			return oggPacket{}, fmt.Errorf("%s is %w: %s is", "Ogg "+o.other, ErrUnsupported, oggOpus)
		case err != nil:
			return oggPacket{}, err
		case p.Begins:
			err = o.begin(p)
		case o.headers == 1:
			o.headers = 2
			if !strings.HasPrefix(string(p.Data), opusTagsMagic) {
				err = fmt.Errorf("%w: page %d: the second packet of an Opus stream is not %s", ogg.ErrDamaged, p.Page, opusTagsMagic)
			}
		default:
			return o.sound(p)
		}
		if err != nil {
			return oggPacket{}, err
		}
	}
}

// begin looks at the first packet of a stream: the first of Opus in a link is followed.
func (o *oggStream) begin(p ogg.Packet) error {
	if p.Link != o.link {
		o.link, o.headers, o.other = p.Link, 0, ""
	}
	name := streamName(p.Data)
	switch {
	case o.headers > 0:
		return nil
	case name != "Opus":
		if o.other == "" || o.other == skeleton {
			o.other = name
		}
		return nil
	}
	head, err := parseOpusHead(p.Data)
	if err != nil {
		return err
	}
	o.pages.Follow(p)
	o.head, o.headers = head, 1
	o.begins, o.skip, o.page, o.granule = true, head.preSkip, -1, 0
	return nil
}

// sound measures a packet: how long it is, and what of it is heard (RFC 7845, 4.2 and 4.4).
func (o *oggStream) sound(p ogg.Packet) (oggPacket, error) {
	if p.Size > int64(len(p.Data)) {
		return oggPacket{}, fmt.Errorf("%w: packet %d of the Opus file has %d bytes", ErrPayload, o.packets, p.Size)
	}
	if p.Page != o.page {
		o.keep = math.MaxInt64
		if p.Ends && p.Granule >= 0 {
			o.keep = max(p.Granule-o.granule, 0)
		}
		o.page, o.granule = p.Page, p.Granule
	}
	if len(p.Data) == 0 {
		return oggPacket{}, fmt.Errorf("%w: packet %d of the Opus file is empty", ErrPayload, o.packets)
	}
	n, err := opusSamples(p.Data)
	if err != nil {
		return oggPacket{}, fmt.Errorf("packet %d of the Opus file: %w", o.packets, err)
	}
	s := oggPacket{data: p.Data, number: o.packets, samples: n, begins: o.begins}
	s.from = min(o.skip, n)
	s.to = max(s.from, int(min(int64(n), o.keep)))
	o.skip -= s.from
	o.keep -= min(o.keep, int64(n))
	o.packets++
	o.begins = false
	return s, nil
}

// parseOpusHead reads the identification header (RFC 7845, 5.1). A single Opus stream of one or two channels is read.
func parseOpusHead(b []byte) (opusHead, error) {
	if len(b) < opusHeadSize || b[8]&0xf0 != 0 {
		return opusHead{}, fmt.Errorf("%s with an %s of %d bytes, version %d, is %w", oggOpus, opusHeadMagic, len(b), at(b, 8), ErrUnsupported)
	}
	h := opusHead{channels: int(b[9]), preSkip: int(binary.LittleEndian.Uint16(b[10:]))}
	gain := int16(binary.LittleEndian.Uint16(b[16:])) // dB, in units of 1/256
	h.gain = float32(math.Pow(10, float64(gain)/(20*256)))
	family := b[18]
	switch {
	case h.channels < 1 || h.channels > maxChannels:
		return h, fmt.Errorf("%s with %d channels is %w: 1 or %d are", oggOpus, h.channels, ErrUnsupported, maxChannels)
	case family == 0, family == 1 && at(b, opusHeadSize) == 1 && int(at(b, opusHeadSize+1)) == h.channels-1:
		return h, nil
	}
	return h, fmt.Errorf("%s of %d channels with mapping family %d is %w", oggOpus, h.channels, family, ErrUnsupported)
}

// at is byte i of b, 0 behind its end.
func at(b []byte, i int) byte {
	if i < len(b) {
		return b[i]
	}
	return 0
}

// skeleton is a stream that only tells of the others.
const skeleton = "Skeleton"

// streamName tells by its first packet what a stream holds.
func streamName(packet []byte) string {
	for _, s := range []struct{ magic, name string }{
		{opusHeadMagic, "Opus"},
		{"\x01vorbis", "Vorbis"},
		{"\x7fFLAC", "FLAC"},
		{"Speex ", "Speex"},
		{"\x80theora", "Theora"},
		{"fishead\x00", skeleton},
	} {
		if strings.HasPrefix(string(packet), s.magic) {
			return s.name
		}
	}
	return fmt.Sprintf("with a stream that begins with %q", packet[:min(len(packet), 8)])
}
