package audio

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// wavHeaderSize is the RIFF head, the "fmt " chunk of PCM and the head of "data".
const wavHeaderSize = 44

// WAVWriter writes 48 kHz mono 16-bit WAV. In a file that can be written anywhere the header is brought up to date after each Write, so
// that it is right also when the process is killed. In a pipe the header says 0xffffffff bytes, which readers take as "until
// the end"; so does the header of a file that grew beyond 4 GiB (12 hours). It is used by one goroutine at a time.
type WAVWriter struct {
	w    io.Writer
	at   io.WriterAt // nil where only appending is possible
	size int64       // bytes of audio written
	buf  []byte
}

// NewWAVWriter writes the header to w. If w is an io.WriterAt that works (an *os.File of a regular file, not opened for appending), it is
// written from its beginning.
func NewWAVWriter(w io.Writer) (*WAVWriter, error) {
	ww := &WAVWriter{w: w}
	if at, ok := w.(io.WriterAt); ok {
		ww.at = at
		if err := ww.updateHeader(); err == nil {
			return ww, nil
		}
		ww.at = nil
	}
	if _, err := w.Write(wavHead(math.MaxInt64)); err != nil {
		return nil, fmt.Errorf("writing WAV: %w", err)
	}
	return ww, nil
}

// Write appends samples.
func (w *WAVWriter) Write(samples []int16) error {
	w.buf = appendLE(w.buf[:0], samples)
	if w.at == nil {
		if _, err := w.w.Write(w.buf); err != nil {
			return fmt.Errorf("writing WAV: %w", err)
		}
		w.size += int64(len(w.buf))
		return nil
	}
	n, err := w.at.WriteAt(w.buf, wavHeaderSize+w.size)
	w.size += int64(n / 2 * 2)
	if err != nil {
		return fmt.Errorf("writing WAV: %w", err)
	}
	return w.updateHeader()
}

// Close completes the header. It does not close what is written to.
func (w *WAVWriter) Close() error {
	if w.at == nil {
		return nil
	}
	return w.updateHeader()
}

// Samples returns how many samples were written.
func (w *WAVWriter) Samples() int64 { return w.size / 2 }

func (w *WAVWriter) updateHeader() error {
	if _, err := w.at.WriteAt(wavHead(w.size), 0); err != nil {
		return fmt.Errorf("writing WAV header: %w", err)
	}
	return nil
}

// wavHead is the header of size bytes of audio; more than the format can say is "until the end".
func wavHead(size int64) []byte {
	riff, data := uint32(math.MaxUint32), uint32(math.MaxUint32)
	if size <= math.MaxUint32-wavHeaderSize {
		riff, data = uint32(size+wavHeaderSize-8), uint32(size)
	}
	b := make([]byte, 0, wavHeaderSize)
	b = append(b, "RIFF"...)
	b = binary.LittleEndian.AppendUint32(b, riff)
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, fmtSize)
	b = binary.LittleEndian.AppendUint16(b, tagPCM)
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint32(b, SampleRate)
	b = binary.LittleEndian.AppendUint32(b, 2*SampleRate)
	b = binary.LittleEndian.AppendUint16(b, 2)
	b = binary.LittleEndian.AppendUint16(b, 16)
	b = append(b, "data"...)
	return binary.LittleEndian.AppendUint32(b, data)
}

// appendLE appends samples as s16le.
func appendLE(b []byte, samples []int16) []byte {
	for _, v := range samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	return b
}
