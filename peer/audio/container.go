package audio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// fileStart is by what a file is known.
type fileStart [12]byte

// readStart reads the first bytes.
func readStart(r io.Reader) (b fileStart, err error) {
	n, err := io.ReadFull(r, b[:])
	switch {
	case n == 0 && errors.Is(err, io.EOF):
		return b, ErrEmpty
	case errors.Is(err, io.ErrUnexpectedEOF):
		return b, fmt.Errorf("%w: it has only %d bytes", ErrNotAudio, n)
	}
	return b, err
}

// startedWith is r again, of which these bytes have been read.
func startedWith(start []byte, r io.Reader) io.Reader {
	return io.MultiReader(bytes.NewReader(start), r)
}

func (b fileStart) isOgg() bool { return string(b[:4]) == "OggS" }

// mustBeWAV tells what it is if it is no WAV.
func (b fileStart) mustBeWAV() error {
	id, form := string(b[:4]), string(b[8:])
	switch {
	case id == "RIFF" && form == "WAVE":
		return nil
	case (id == "RF64" || id == "RIFX" || id == "BW64") && form == "WAVE":
		return fmt.Errorf("%s WAV is %w: RIFF is", id, ErrUnsupported)
	}
	if name := b.otherContainer(); name != "" {
		return fmt.Errorf("%w: it looks like %s", ErrNotAudio, name)
	}
	return fmt.Errorf("%w: it starts with %q", ErrNotAudio, b[:4])
}

// otherContainer names some that are met often; empty: it is none of them.
func (b fileStart) otherContainer() string {
	for _, c := range []struct {
		at          int
		magic, name string
	}{
		{0, "ID3", "MP3"},
		{0, "\xff\xfb", "MP3"},
		{0, "\xff\xf3", "MP3"},
		{0, "\xff\xf2", "MP3"},
		{0, "fLaC", "FLAC"},
		{4, "ftyp", "MP4 (m4a)"},
		{0, "\xff\xf1", "AAC"},
		{0, "\xff\xf9", "AAC"},
		{0, "\x1aE\xdf\xa3", "Matroska (WebM)"},
		{0, "FORM", "AIFF"},
		{0, ".snd", "AU"},
		{0, "caff", "CAF"},
		{0, "#!AMR", "AMR"},
	} {
		if strings.HasPrefix(string(b[c.at:]), c.magic) {
			return c.name
		}
	}
	return ""
}
