package audio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"time"
)

// Source reads audio as 48 kHz mono. It is used by one goroutine at a time.
type Source struct {
	r       io.Reader
	format  Format
	left    int64 // bytes of audio still to be read; math.MaxInt64 when only the end of r ends it
	known   bool  // whether left was known at the start
	length  int64 // samples at 48 kHz when known
	in      int64 // samples read at the rate of the format
	out     int64 // samples given at 48 kHz
	eof     bool
	rs      *resampler // nil at 48 kHz
	raw     []byte
	samples []float32

	ogg *oggSource // nil unless the input is Ogg; then only known, length and out of the others are used
}

// Open starts to read audio from r: raw PCM as f says, or with f nil what its first bytes say that it is: a WAV file, 16-bit PCM (also
// WAVE_FORMAT_EXTENSIBLE), 8 to 48 kHz, mono or stereo; or Ogg Opus (RFC 7845), mono or stereo, of one link or several.
//
// Where r can seek to its end (a regular file, a bytes.Reader) a WAV that promises more than there is and an Ogg file that ends within a page give
// ErrTruncated here, and one that is damaged ogg.ErrDamaged, before anything is played. From a pipe a WAV data length of 0 or of 0x7ffff000 and more
// means "until the end", and what ends early just ends. Other errors: ErrNotAudio, ErrUnsupported, ErrEmpty, ErrPayload, ErrFormat, or what r returned.
func Open(r io.Reader, f *Format) (*Source, error) {
	s := &Source{r: r, left: math.MaxInt64}
	if f != nil {
		s.format = *f
		if err := f.Validate(); err != nil {
			return nil, err
		}
		return s, s.openPCM()
	}
	start, err := readStart(r)
	if err != nil {
		return nil, err
	}
	if start.isOgg() {
		return s, s.openOgg(r, start[:])
	}
	if err := start.mustBeWAV(); err != nil {
		return nil, err
	}
	if err := s.openWAV(); err != nil {
		return nil, err
	}
	return s, s.openPCM()
}

// openPCM makes ready to read samples of the format.
func (s *Source) openPCM() error {
	if there, ok := remaining(s.r); ok {
		s.left, s.known = min(s.left, there), true
		if s.left < int64(s.format.frameBytes()) {
			return ErrEmpty
		}
	}
	if s.format.Rate != SampleRate {
		s.rs = newResampler(s.format.Rate)
	}
	s.length = s.outputLength(s.left / int64(s.format.frameBytes()))
	return nil
}

// openWAV reads the rest of the header and decides how much audio follows.
func (s *Source) openWAV() error {
	h, err := readWAVHeader(s.r)
	if err != nil {
		return err
	}
	s.format = h.format
	there, isFile := remaining(s.r)
	switch {
	case h.length >= streamingLength:
		return nil
	case h.length == 0 && isFile:
		return ErrEmpty
	case h.length == 0:
		return nil
	case isFile && h.length > there:
		return fmt.Errorf("%w: its header promises %d bytes of audio, %d are there", ErrTruncated, h.length, there)
	}
	s.left, s.known = h.length, true
	return nil
}

// remaining returns how many bytes of r are still to be read, if that can be known.
func remaining(r io.Reader) (int64, bool) {
	if st, ok := r.(interface{ Stat() (fs.FileInfo, error) }); ok {
		if info, err := st.Stat(); err != nil || !info.Mode().IsRegular() {
			return 0, false
		}
	}
	sk, ok := r.(io.Seeker)
	if !ok {
		return 0, false
	}
	here, err := sk.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, false
	}
	end, err := sk.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, false
	}
	if _, err := sk.Seek(here, io.SeekStart); err != nil {
		return 0, false
	}
	return max(end-here, 0), true
}

// Duration returns how long the audio is and true, or false when only its end will tell (a live pipe).
func (s *Source) Duration() (time.Duration, bool) {
	if !s.known {
		return 0, false
	}
	return time.Duration(s.length) * time.Second / SampleRate, true
}

// outputLength returns how many samples at 48 kHz n samples of the input make.
func (s *Source) outputLength(n int64) int64 {
	if s.format.Rate == SampleRate || n > math.MaxInt64/SampleRate {
		return n
	}
	rate := int64(s.format.Rate)
	return (n*SampleRate + rate - 1) / rate
}

// Read fills frame with the next samples, waiting for as many as it holds, and returns how many there were: fewer
// only at the end, and then 0 and io.EOF. An input that ends without one sample gives ErrEmpty in place of io.EOF.
// It reads no more of its input than the frame needs.
func (s *Source) Read(frame []int16) (int, error) {
	if s.ogg != nil {
		n, err := s.ogg.read(frame)
		return s.giveOgg(n, err)
	}
	if s.rs == nil {
		n, err := s.fetch(len(frame))
		if err != nil {
			return 0, err
		}
		for i, v := range s.samples[:n] {
			frame[i] = clip16(v)
		}
		return s.give(n)
	}
	need := s.rs.need(len(frame))
	n, err := s.fetch(need)
	if err != nil {
		return 0, err
	}
	s.rs.push(s.samples[:n])
	s.rs.pad(need - n)
	want := int64(len(frame))
	if s.eof {
		want = min(want, s.outputLength(s.in)-s.out)
	}
	s.rs.produce(frame[:want])
	return s.give(int(want))
}

// ReadPacket reads a frame of Opus.FrameSamples samples as Read does, and gives the Opus packet that says the same if the input has one that can be sent
// as it is; else nil. A talk that sends the packets for the frames loses nothing by decoding and encoding. They are padded (RFC 6716, 3.2.5), at most
// MaxPassed bytes, all of the same size or of one that only grows, so that sizes tell little (RFC 6562); good until the next call. Sound lies
// in them as in those of an Encoder that gets the frames: Opus.Lookahead samples late, or as much as the file's pre-skip says. There are packets from
// the first frame up to one that does not fit, and none behind it; with io.EOF there may be a last one. It is called from the
// beginning on, or never.
func (s *Source) ReadPacket(frame []int16) (n int, packet []byte, err error) {
	if s.ogg == nil {
		n, err = s.Read(frame)
		return n, nil, err
	}
	n, packet, err = s.ogg.readPacket(frame)
	n, err = s.giveOgg(n, err)
	return n, packet, err
}

// giveOgg counts n samples of Ogg as given and names the end.
func (s *Source) giveOgg(n int, err error) (int, error) {
	if err != nil {
		return 0, fmt.Errorf("reading audio: %w", err)
	}
	s.eof = s.ogg.eof && n == 0
	return s.give(n)
}

// give counts n samples as given and names the end.
func (s *Source) give(n int) (int, error) {
	s.out += int64(n)
	switch {
	case n > 0 || !s.eof:
		return n, nil
	case s.out == 0:
		return 0, ErrEmpty
	}
	return 0, io.EOF
}

// fetch reads up to n samples of the input into s.samples, mixed to mono, and returns their number: fewer at the end only.
func (s *Source) fetch(n int) (int, error) {
	size := s.format.frameBytes()
	want := min(int64(n)*int64(size), s.left)
	if int64(cap(s.raw)) < want {
		s.raw = make([]byte, want)
	}
	got := 0
	if !s.eof {
		var err error
		got, err = io.ReadFull(s.r, s.raw[:want])
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return 0, fmt.Errorf("reading audio: %w", err)
		}
	}
	s.left -= int64(got)
	got /= size
	s.eof = s.eof || got < n
	s.in += int64(got)
	s.mono(s.raw[:got*size])
	return got, nil
}

// mono turns the bytes of interleaved samples into s.samples.
func (s *Source) mono(b []byte) {
	s.samples = s.samples[:0]
	if s.format.Channels == 1 {
		for ; len(b) >= 2; b = b[2:] {
			s.samples = append(s.samples, float32(int16(binary.LittleEndian.Uint16(b))))
		}
		return
	}
	for ; len(b) >= 4; b = b[4:] {
		left := int32(int16(binary.LittleEndian.Uint16(b)))
		right := int32(int16(binary.LittleEndian.Uint16(b[2:])))
		s.samples = append(s.samples, float32(left+right)/2)
	}
}

// clip16 rounds v to the nearest int16.
func clip16(v float32) int16 {
	switch {
	case v >= math.MaxInt16:
		return math.MaxInt16
	case v <= math.MinInt16:
		return math.MinInt16
	case v < 0:
		return int16(v - 0.5)
	}
	return int16(v + 0.5)
}
