package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// pipe hides everything of a reader but Read.
type pipe struct{ io.Reader }

// chunk is one RIFF chunk, padded to an even length.
func chunk(id string, body []byte) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(id), uint32(len(body)))
	b = append(b, body...)
	return append(b, make([]byte, len(body)%2)...)
}

// fmtChunk is the "fmt " chunk of tag.
func fmtChunk(tag, channels uint16, rate uint32, bits uint16) []byte {
	b := binary.LittleEndian.AppendUint16(nil, tag)
	b = binary.LittleEndian.AppendUint16(b, channels)
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = binary.LittleEndian.AppendUint32(b, rate*uint32(channels)*uint32(bits/8))
	b = binary.LittleEndian.AppendUint16(b, channels*bits/8)
	b = binary.LittleEndian.AppendUint16(b, bits)
	return chunk("fmt ", b)
}

// extensible is the "fmt " chunk of WAVE_FORMAT_EXTENSIBLE for 16-bit mono with a SubFormat.
func extensible(sub uint16) []byte {
	b := fmtChunk(tagExtensible, 1, 48000, 16)[8:]
	b = append(b, 22, 0, 16, 0, 4, 0, 0, 0)
	b = binary.LittleEndian.AppendUint16(b, sub)
	return chunk("fmt ", append(b, pcmGUIDTail...))
}

// dataChunk is a "data" chunk that declares a length of its own.
func dataChunk(declared uint32, body []byte) []byte {
	return append(binary.LittleEndian.AppendUint32([]byte("data"), declared), body...)
}

func wav(chunks ...[]byte) []byte {
	body := append([]byte("WAVE"), bytes.Join(chunks, nil)...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

func pcm48(n int) []byte { return appendLE(nil, sine(n, 440, 48000, 0.5)) }

// readAll reads a source to its end in frames of 20 ms.
func readAll(t *testing.T, s *Source) []int16 {
	t.Helper()
	var all []int16
	frame := make([]int16, 960)
	for {
		n, err := s.Read(frame)
		all = append(all, frame[:n]...)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpenNamesWhatItDoesNotRead(t *testing.T) {
	mono := fmtChunk(tagPCM, 1, 48000, 16)
	for name, c := range map[string]struct {
		file []byte
		err  error
		text string
	}{
		"nothing":              {nil, ErrEmpty, "no audio"},
		"text":                 {[]byte("hello, this is a text file\n"), ErrNotAudio, `neither WAV nor Ogg Opus: it starts with "hell"`},
		"a few bytes":          {[]byte("RIFF"), ErrNotAudio, "only 4 bytes"},
		"another RIFF":         {[]byte("RIFF\x04\x00\x00\x00AVI LIST"), ErrNotAudio, ""},
		"RF64":                 {append([]byte("RF64\xff\xff\xff\xffWAVE"), mono...), ErrUnsupported, "RF64"},
		"8-bit":                {wav(fmtChunk(tagPCM, 1, 48000, 8), chunk("data", pcm48(9))), ErrUnsupported, "8-bit WAV is not supported: 16-bit PCM is"},
		"24-bit":               {wav(fmtChunk(tagPCM, 1, 48000, 24), chunk("data", pcm48(9))), ErrUnsupported, "24-bit WAV is not supported"},
		"float":                {wav(fmtChunk(tagFloat, 1, 48000, 32), chunk("data", pcm48(9))), ErrUnsupported, "floating-point WAV is not supported"},
		"A-law":                {wav(fmtChunk(tagALaw, 1, 8000, 8), chunk("data", pcm48(9))), ErrUnsupported, "A-law"},
		"mu-law":               {wav(fmtChunk(tagMuLaw, 1, 8000, 8), chunk("data", pcm48(9))), ErrUnsupported, "mu-law"},
		"ADPCM":                {wav(fmtChunk(0x11, 1, 8000, 4), chunk("data", pcm48(9))), ErrUnsupported, "format 0x0011"},
		"extensible float":     {wav(extensible(tagFloat), chunk("data", pcm48(9))), ErrUnsupported, "floating-point"},
		"extensible, no GUID":  {wav(fmtChunk(tagExtensible, 1, 48000, 16), chunk("data", pcm48(9))), ErrUnsupported, "0xfffe"},
		"six channels":         {wav(fmtChunk(tagPCM, 6, 48000, 16), chunk("data", pcm48(9))), ErrUnsupported, "6 channels"},
		"no channels":          {wav(fmtChunk(tagPCM, 0, 48000, 16), chunk("data", pcm48(9))), ErrUnsupported, "0 channels"},
		"96 kHz":               {wav(fmtChunk(tagPCM, 1, 96000, 16), chunk("data", pcm48(9))), ErrUnsupported, "96000 samples a second"},
		"4 kHz":                {wav(fmtChunk(tagPCM, 1, 4000, 16), chunk("data", pcm48(9))), ErrUnsupported, "4000"},
		"data before format":   {wav(chunk("data", pcm48(9)), mono), ErrUnsupported, "before its format"},
		"short format":         {wav(chunk("fmt ", make([]byte, 8)), chunk("data", pcm48(9))), ErrUnsupported, "format chunk of 8 bytes"},
		"huge format":          {wav(chunk("fmt ", make([]byte, 5000))), ErrUnsupported, "5000"},
		"no data":              {wav(mono), ErrTruncated, "header"},
		"cut in a chunk":       {wav(mono, []byte("LIST\xff\x00\x00\x00abc")), ErrTruncated, "header"},
		"cut in the format":    {wav(mono[:20]), ErrTruncated, "header"},
		"empty data":           {wav(mono, chunk("data", nil)), ErrEmpty, "no audio"},
		"truncated":            {wav(mono, dataChunk(2000, pcm48(999))), ErrTruncated, "promises 2000 bytes of audio, 1998 are there"},
		"streaming, but empty": {wav(mono, dataChunk(0xffffffff, nil)), ErrEmpty, "no audio"},
	} {
		_, err := Open(bytes.NewReader(c.file), nil)
		if !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want %v with %q", name, err, c.err, c.text)
		}
	}
}

func TestOpenReadsWhatItShould(t *testing.T) {
	mono, body := fmtChunk(tagPCM, 1, 48000, 16), pcm48(1000)
	list := chunk("LIST", []byte("odd"))
	for name, c := range map[string]struct {
		r       io.Reader
		samples int
		known   bool
	}{
		"plain":                        {bytes.NewReader(wav(mono, chunk("data", body))), 1000, true},
		"chunks before and after":      {bytes.NewReader(wav(list, mono, chunk("fact", make([]byte, 4)), chunk("data", body), list)), 1000, true},
		"extensible":                   {bytes.NewReader(wav(extensible(tagPCM), chunk("data", body))), 1000, true},
		"pipe":                         {pipe{bytes.NewReader(wav(mono, chunk("data", body), list))}, 1000, true},
		"pipe that ends early":         {pipe{bytes.NewReader(wav(mono, dataChunk(4000, body)))}, 1000, true},
		"pipe that ends in a sample":   {pipe{bytes.NewReader(wav(mono, dataChunk(4000, body[:1999])))}, 999, true},
		"pipe, length 0":               {pipe{bytes.NewReader(wav(mono, dataChunk(0, body)))}, 1000, false},
		"pipe, length of sox":          {pipe{bytes.NewReader(wav(mono, dataChunk(0x7ffff000, body)))}, 1000, false},
		"pipe, length of ffmpeg":       {pipe{bytes.NewReader(wav(mono, dataChunk(0xffffffff, body)))}, 1000, false},
		"file with a streaming length": {bytes.NewReader(wav(mono, dataChunk(0xffffffff, body))), 1000, true},
		"one byte at a time":           {iotest.OneByteReader(bytes.NewReader(wav(mono, chunk("data", body)))), 1000, true},
	} {
		s, err := Open(c.r, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, known := s.Duration(); known != c.known {
			t.Errorf("%s: the duration is known: %v", name, known)
		}
		if diff := cmp.Diff(sine(1000, 440, 48000, 0.5)[:c.samples], readAll(t, s)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestAPipeWithoutASampleIsEmpty(t *testing.T) {
	for name, open := range map[string]func() (*Source, error){
		"WAV": func() (*Source, error) {
			return Open(pipe{bytes.NewReader(wav(fmtChunk(tagPCM, 1, 8000, 16), dataChunk(0, nil)))}, nil)
		},
		"raw": func() (*Source, error) { return Open(pipe{strings.NewReader("")}, &Format{"s16le", 48000, 1}) },
	} {
		s, err := open()
		if err != nil {
			t.Fatal(name, err)
		}
		if n, err := s.Read(make([]int16, 960)); n != 0 || !errors.Is(err, ErrEmpty) {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
}

func TestReadErrorsAreNotTheEnd(t *testing.T) {
	broken := errors.New("the disk is on fire")
	r := io.MultiReader(bytes.NewReader(pcm48(960)), iotest.ErrReader(broken))
	s, err := Open(r, &Format{"s16le", 48000, 1})
	if err != nil {
		t.Fatal(err)
	}
	frame := make([]int16, 960)
	if n, err := s.Read(frame); n != 960 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := s.Read(frame); n != 0 || !errors.Is(err, broken) {
		t.Error(n, err)
	}
}

func TestFormatIsValidated(t *testing.T) {
	for _, c := range []struct {
		encoding       string
		rate, channels int
		ok             bool
	}{
		{"s16le", 48000, 1, true},
		{"s16le", 8000, 2, true},
		{"s16le", 44100, 2, true},
		{"s16le", 7999, 1, false},
		{"s16le", 48001, 1, false},
		{"s16le", 48000, 0, false},
		{"s16le", 48000, 3, false},
		{"f32le", 48000, 1, false},
		{"", 48000, 1, false},
	} {
		f, err := ParseFormat(c.encoding, c.rate, c.channels)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, ErrFormat) {
			t.Errorf("%v: %v", c, err)
		}
		if _, err := Open(pipe{bytes.NewReader(pcm48(4))}, &f); (err == nil) != c.ok {
			t.Errorf("open %v: %v", c, err)
		}
	}
}

func TestStereoIsMixed(t *testing.T) {
	left, right := sine(480, 440, 48000, 0.5), sine(480, 1000, 48000, 0.3)
	var b []byte
	want := make([]int16, len(left))
	for i := range left {
		b = appendLE(b, []int16{left[i], right[i]})
		want[i] = clip16((float32(left[i]) + float32(right[i])) / 2)
	}
	s, err := Open(bytes.NewReader(b), &Format{"s16le", 48000, 2})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, readAll(t, s)); diff != "" {
		t.Error(diff)
	}
}

func TestTonesSurviveResampling(t *testing.T) {
	for _, rate := range []int{8000, 11025, 16000, 22050, 32000, 44100, 47999} {
		for _, part := range []float64{0.01, 0.43} {
			hz := math.Round(part * float64(rate))
			s, err := Open(bytes.NewReader(appendLE(nil, sine(rate, hz, float64(rate), 0.5))), &Format{"s16le", rate, 1})
			if err != nil {
				t.Fatal(err)
			}
			if d, ok := s.Duration(); !ok || d != time.Second {
				t.Errorf("%d Hz: duration %v %v", rate, d, ok)
			}
			out := readAll(t, s)
			if len(out) != SampleRate {
				t.Errorf("%d Hz: %d samples in a second", rate, len(out))
			}
			db, phase := toneRatio(out[4800:len(out)-4800], hz)
			late := math.Remainder(phase-2*math.Pi*hz*0.1, 2*math.Pi) / (2 * math.Pi * hz) * SampleRate
			if db < 85 || math.Abs(late) > 0.01 {
				t.Errorf("%d Hz, tone of %v Hz: %.1f dB above the rest, %.3f samples off", rate, hz, db, late)
			}
		}
	}
}

// A tone just below half the input's rate would show its mirror image above it if the filter let it.
func TestResamplingMakesNoImages(t *testing.T) {
	const rate, hz = 16000, 6800
	s, err := Open(bytes.NewReader(appendLE(nil, sine(rate, hz, rate, 0.5))), &Format{"s16le", rate, 1})
	if err != nil {
		t.Fatal(err)
	}
	out := readAll(t, s)[4800:43200]
	image, _ := toneRatio(out, rate-hz)
	if image > -85 {
		t.Errorf("the image at %d Hz is at %.1f dB", rate-hz, image)
	}
}

// countingReader tells how much was read.
type countingReader struct {
	r io.Reader
	n int
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

func TestALivePipeIsNotReadAhead(t *testing.T) {
	for _, rate := range []int{8000, 22050, 44100, 48000} {
		c := &countingReader{r: bytes.NewReader(make([]byte, 4*rate))}
		s, err := Open(c, &Format{"s16le", rate, 1})
		if err != nil {
			t.Fatal(err)
		}
		frame := make([]int16, 960)
		for k := 1; k <= 50; k++ {
			if n, err := s.Read(frame); n != len(frame) || err != nil {
				t.Fatal(n, err)
			}
			if need := k*rate/50 + filterHalf + 1; c.n/2 > need {
				t.Fatalf("%d Hz: %d samples read for %d frames, %d are needed", rate, c.n/2, k, need)
			}
		}
	}
}

func TestTheSpeechOfTheProjectIsRead(t *testing.T) {
	f, err := os.Open(filepath.Join("..", "..", "testdata", "speech.wav"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := Open(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	d, known := s.Duration()
	if !known || d < 4*time.Second || d > 4200*time.Millisecond {
		t.Error(d, known)
	}
	if n := len(readAll(t, s)); n != int(s.length) || n < 4*SampleRate {
		t.Errorf("%d samples in %v", n, d)
	}
}

func FuzzOpen(f *testing.F) {
	mono := fmtChunk(tagPCM, 1, 8000, 16)
	f.Add(wav(mono, chunk("data", pcm48(50))), true)
	f.Add(wav(chunk("LIST", []byte("odd")), extensible(1), dataChunk(0, pcm48(50))), false)
	f.Add(wav(fmtChunk(tagPCM, 2, 44100, 16), dataChunk(0xffffffff, pcm48(51))), true)
	f.Add(wav(mono[:9]), true)
	f.Fuzz(func(t *testing.T, file []byte, seekable bool) {
		var r io.Reader = pipe{bytes.NewReader(file)}
		if seekable {
			r = bytes.NewReader(file)
		}
		s, err := Open(r, nil)
		if err != nil {
			return
		}
		total, frame := int64(0), make([]int16, 480)
		for range 10_000 {
			n, err := s.Read(frame)
			total += int64(n)
			if err == nil {
				continue
			}
			if errors.Is(err, io.EOF) && total == 0 || errors.Is(err, ErrEmpty) && total > 0 {
				t.Fatalf("%v after %d samples", err, total)
			}
			if seekable && total != s.length {
				t.Fatalf("%d samples came, %d were promised", total, s.length)
			}
			return
		}
	})
}
