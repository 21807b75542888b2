package audio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Format tags of the WAVE "fmt " chunk (Multimedia Programming Interface and Data Specifications 1.0; mmreg.h).
const (
	tagPCM        = 0x0001
	tagFloat      = 0x0003
	tagALaw       = 0x0006
	tagMuLaw      = 0x0007
	tagExtensible = 0xfffe
)

// Sizes in a WAVE file.
const (
	fmtSize           = 16         // the "fmt " chunk of PCM
	fmtExtensibleSize = 40         // the "fmt " chunk of WAVE_FORMAT_EXTENSIBLE
	fmtMaxSize        = 4096       // ours: no writer makes a longer one
	streamingLength   = 0x7ffff000 // from here on a data length means "until the end": sox writes this, ffmpeg and arecord more
)

// pcmGUIDTail is the SubFormat of WAVE_FORMAT_EXTENSIBLE after its first two bytes, which are a format tag.
const pcmGUIDTail = "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"

// wavHeader is what precedes the samples.
type wavHeader struct {
	format Format
	length int64 // bytes of audio as declared; 0 and what is not below streamingLength have no meaning in a pipe
}

// readWAVHeader reads from behind the file's start up to the first sample. Chunks before the data that are not known are skipped.
func readWAVHeader(r io.Reader) (wavHeader, error) {
	var h wavHeader
	for {
		id, size, err := readChunk(r)
		if err != nil {
			return h, err
		}
		switch {
		case id == "data" && h.format.Rate == 0:
			return h, fmt.Errorf("%w: audio comes before its format", ErrUnsupported)
		case id == "data":
			h.length = size
			return h, nil
		case id == "fmt ":
			if h.format, err = readFmt(r, size); err != nil {
				return h, err
			}
		default:
			if _, err := io.CopyN(io.Discard, r, size+size&1); err != nil {
				return h, headerEnd(err)
			}
		}
	}
}

// readChunk reads the head of a chunk: its name and the bytes that follow.
func readChunk(r io.Reader) (string, int64, error) {
	var b [8]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return "", 0, headerEnd(err)
	}
	return string(b[:4]), int64(binary.LittleEndian.Uint32(b[4:])), nil
}

// readFmt reads and judges the "fmt " chunk of size bytes.
func readFmt(r io.Reader, size int64) (Format, error) {
	if size < fmtSize || size > fmtMaxSize {
		return Format{}, fmt.Errorf("a WAV format chunk of %d bytes is %w", size, ErrUnsupported)
	}
	b := make([]byte, size+size&1)
	if _, err := io.ReadFull(r, b); err != nil {
		return Format{}, headerEnd(err)
	}
	tag := binary.LittleEndian.Uint16(b)
	if tag == tagExtensible && size >= fmtExtensibleSize && string(b[26:40]) == pcmGUIDTail {
		tag = binary.LittleEndian.Uint16(b[24:])
	}
	return judgeFmt(tag, b)
}

// judgeFmt turns the fields of PCM into a Format, or says why the file is not read.
func judgeFmt(tag uint16, b []byte) (Format, error) {
	channels := int(binary.LittleEndian.Uint16(b[2:]))
	rate := int64(binary.LittleEndian.Uint32(b[4:]))
	align := int(binary.LittleEndian.Uint16(b[12:]))
	bits := int(binary.LittleEndian.Uint16(b[14:]))
	switch {
	case tag != tagPCM:
		return Format{}, fmt.Errorf("%s WAV is %w: 16-bit PCM is", tagName(tag), ErrUnsupported)
	case bits != 16:
		return Format{}, fmt.Errorf("%d-bit WAV is %w: 16-bit PCM is", bits, ErrUnsupported)
	case channels < 1 || channels > maxChannels:
		return Format{}, fmt.Errorf("WAV with %d channels is %w: 1 or %d are", channels, ErrUnsupported, maxChannels)
	case rate < minRate || rate > maxRate:
		return Format{}, fmt.Errorf("WAV of %d samples a second is %w: %d to %d are", rate, ErrUnsupported, minRate, maxRate)
	case align != 2*channels:
		return Format{}, fmt.Errorf("WAV with %d bytes a sample for %d channels is %w", align, channels, ErrUnsupported)
	}
	return Format{Encoding: "s16le", Rate: int(rate), Channels: channels}, nil
}

// tagName names a format tag for people.
func tagName(tag uint16) string {
	switch tag {
	case tagFloat:
		return "floating-point"
	case tagALaw:
		return "A-law"
	case tagMuLaw:
		return "mu-law"
	}
	return fmt.Sprintf("format 0x%04x", tag)
}

// headerEnd turns the end of the input within the header into ErrTruncated.
func headerEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends within its header", ErrTruncated)
	}
	return err
}
