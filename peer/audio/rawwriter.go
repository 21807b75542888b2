package audio

import (
	"fmt"
	"io"
)

// RawWriter writes samples as s16le, 48 kHz mono, without a header. It is used by one goroutine at a time.
type RawWriter struct {
	w   io.Writer
	buf []byte
}

// NewRawWriter makes a writer to w.
func NewRawWriter(w io.Writer) *RawWriter { return &RawWriter{w: w} }

// Write writes samples in one write to the underlying writer.
func (w *RawWriter) Write(samples []int16) error {
	w.buf = appendLE(w.buf[:0], samples)
	if _, err := w.w.Write(w.buf); err != nil {
		return fmt.Errorf("writing audio: %w", err)
	}
	return nil
}

// Close does nothing: all was written.
func (w *RawWriter) Close() error { return nil }
