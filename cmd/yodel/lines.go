package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"yodel/wire"
)

// maxMeasured bounds how far an over-long line is read to tell its length.
const maxMeasured = 1 << 20

// linesAhead is how many lines are read before they are wanted.
const linesAhead = 64

// line is a line of standard input without its end, or why there is none.
type line struct {
	number int
	text   []byte
	err    error // io.EOF after the last line
}

// unfit tells that the line is there, but can be no message; the next one may be.
func (l line) unfit() bool { return errors.Is(l.err, errLineTooLong) || errors.Is(l.err, errNotUTF8) }

// readLines reads lines on a goroutine of its own, which ends with the context, at the next line. When the input has ended, every
// value has an err: io.EOF, or what is wrong. A last line without newline counts; a CR before the newline is cut off.
func readLines(ctx context.Context, r io.Reader) <-chan line {
	lines := make(chan line, linesAhead)
	go func() {
		lr := lineReader{Reader: bufio.NewReaderSize(r, wire.MaxBody+len("\r\n"))}
		var l line
		for n := 1; ; n++ {
			if l.err == nil || l.unfit() {
				l = lr.next(n)
			}
			select {
			case lines <- l:
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}

// lineReader takes an input apart.
type lineReader struct {
	*bufio.Reader
	amid bool // in a line that was too long to be read to its end
}

// next reads line n.
func (lr *lineReader) next(n int) line {
	for lr.amid {
		_, err := lr.ReadSlice('\n')
		lr.amid = errors.Is(err, bufio.ErrBufferFull)
	}
	b, err := lr.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return line{number: n, err: lr.tooLong(n, b)}
	case err != nil && (len(b) == 0 || !errors.Is(err, io.EOF)):
		return line{number: n, err: err}
	}
	text := bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
	if err := checkText(text); err != nil {
		return line{number: n, err: fmt.Errorf("line %d: %w", n, err)}
	}
	return line{number: n, text: bytes.Clone(text)}
}

// tooLong measures a line that begins with b.
func (lr *lineReader) tooLong(n int, b []byte) error {
	size := len(b)
	for size < maxMeasured {
		last := b[len(b)-1]
		var err error
		b, err = lr.ReadSlice('\n')
		size += len(b)
		if !errors.Is(err, bufio.ErrBufferFull) {
			rest := append([]byte{last}, b...)
			size -= len(rest) - len(bytes.TrimSuffix(bytes.TrimSuffix(rest, []byte("\n")), []byte("\r")))
			return fmt.Errorf("line %d: %w: %d bytes, at most %d", n, errLineTooLong, size, wire.MaxBody)
		}
	}
	lr.amid = true
	return fmt.Errorf("line %d: %w: more than %d bytes, at most %d", n, errLineTooLong, size, wire.MaxBody)
}

// checkText tells whether text can be a message; an empty one is the caller's to judge.
func checkText(text []byte) error {
	if len(text) > wire.MaxBody {
		return fmt.Errorf("%w: %d bytes, at most %d", errLineTooLong, len(text), wire.MaxBody)
	}
	if !utf8.Valid(text) {
		return errNotUTF8
	}
	return nil
}
