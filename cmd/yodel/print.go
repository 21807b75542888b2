package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"
	"time"

	"yodel/wire"
)

// printer writes what a command has to say; it may be used by several goroutines. The first failed write to
// standard output is kept (failed), so that callers need not look after every line. A write to standard output blocks
// while its reader stalls, and holds up only those who write there too.
type printer struct {
	json  bool // objects in place of lines on standard output
	quiet bool // no remarks
	audio bool // standard output carries audio: objects go to standard error, and remarks give way to them

	outTerminal, errTerminal bool // lines are folded

	writing sync.Mutex // held during writes to stdout; taken before mu
	stdout  io.Writer
	held    []byte // for stdout, not written yet; guarded by writing

	mu     sync.Mutex // of what follows; never held during a write to stdout
	stderr io.Writer
	status bool  // a status line stands on the terminal
	err    error // of stdout, the first
}

func newPrinter(stdout, stderr io.Writer) *printer {
	return &printer{stdout: stdout, stderr: stderr, outTerminal: isTerminal(stdout), errTerminal: isTerminal(stderr)}
}

// fold ends a line for standard output, folded if that is a terminal.
func (p *printer) fold(line string) []byte {
	if !p.outTerminal {
		return append([]byte(line), '\n')
	}
	return fold(nil, line, terminalWidth(p.stdout))
}

// line writes a line to standard output.
func (p *printer) line(text string) {
	p.write(p.fold(text))
}

// write writes bytes to standard output, after those that are held.
func (p *printer) write(b []byte) {
	p.writing.Lock()
	defer p.writing.Unlock()
	if len(p.held) == 0 {
		p.writeOut(b)
		return
	}
	p.held = append(p.held, b...)
	p.release()
}

// writeOut writes to standard output; p.writing is held.
func (p *printer) writeOut(b []byte) {
	if p.failed() != nil {
		return
	}
	p.clearStatus()
	if _, err := p.stdout.Write(b); err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.err = err
	}
}

// release writes what is held; p.writing is held.
func (p *printer) release() {
	p.writeOut(p.held)
	p.held = p.held[:0]
}

// hold takes a line for standard output that flush writes, or the next write, and tells how many bytes are held. It makes one system call
// of many lines.
func (p *printer) hold(line []byte) (held int) {
	p.writing.Lock()
	defer p.writing.Unlock()
	p.held = append(p.held, line...)
	return len(p.held)
}

// flush writes what is held.
func (p *printer) flush() {
	p.writing.Lock()
	defer p.writing.Unlock()
	if len(p.held) > 0 {
		p.release()
	}
}

// result writes what was asked for: the object with --json, else the line.
func (p *printer) result(text string, object any) {
	if p.json {
		p.object(object)
		return
	}
	p.line(text)
}

// event tells what happened: a remark for people and with --json an object for scripts.
func (p *printer) event(text string, object any) {
	if p.json {
		p.object(object)
	}
	if !p.json || !p.audio {
		p.remark(text)
	}
}

// object writes one JSON object.
func (p *printer) object(object any) {
	b := jsonLine(object)
	if !p.audio {
		p.write(b)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	_, _ = p.stderr.Write(b)
}

// remark writes a line for people to standard error, unless --quiet.
func (p *printer) remark(text string) {
	if !p.quiet {
		p.errorLine(text)
	}
}

// errorLine writes a line to standard error.
func (p *printer) errorLine(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	_, _ = p.stderr.Write(p.foldError(text))
}

// foldError ends a line for standard error, folded if that is a terminal.
func (p *printer) foldError(text string) []byte {
	width := 0
	if p.errTerminal {
		width = terminalWidth(p.stderr)
	}
	return fold(nil, text, width)
}

// failure reports an error: lines on standard error and with --json an object.
func (p *printer) failure(f failure) {
	p.errorLine("yodel: error: " + f.message)
	if f.hint != "" {
		p.errorLine("yodel: hint: " + wire.Printable(f.hint))
	}
	if p.json {
		p.object(errorObject{Type: "error", Code: f.code, Message: f.message, Hint: f.hint, Exit: f.exit, Unsent: f.unsent})
	}
}

// setStatus shows a line on the terminal that the next one replaces; what does not fit into one row is left out. Only call it where standard
// error is a terminal.
func (p *printer) setStatus(text string) {
	text = oneRow(text, terminalWidth(p.stderr))
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = fmt.Fprint(p.stderr, "\r\x1b[K"+text)
	p.status = true
}

func (p *printer) clearStatus() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

// clear removes the status line; p.mu is held.
func (p *printer) clear() {
	if p.status {
		_, _ = fmt.Fprint(p.stderr, "\r\x1b[K")
		p.status = false
	}
}

// failed gives the first error of standard output; errStdoutClosed when its reader has gone.
func (p *printer) failed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return writeError(p.err)
}

// writeError names a failed write to standard output.
func writeError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EPIPE):
		return errStdoutClosed
	}
	return fmt.Errorf("standard output: %w", err)
}

// clock gives an instant for people: the time of day, with the date when it is another day than now.
func clock(at, now time.Time) string { return string(appendClock(nil, at, now)) }

func appendClock(dst []byte, at, now time.Time) []byte {
	at, now = at.Local(), now.Local()
	if at.Year() == now.Year() && at.YearDay() == now.YearDay() {
		return at.AppendFormat(dst, time.TimeOnly)
	}
	return at.AppendFormat(dst, time.DateTime)
}

// Write makes the printer the place for log lines: they go to standard error, around the status line.
func (p *printer) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	if _, err := p.stderr.Write(p.foldError(strings.TrimSuffix(string(b), "\n"))); err != nil {
		return 0, err
	}
	return len(b), nil
}

// resultWriter is standard output as an io.Writer.
type resultWriter struct{ *printer }

func (w resultWriter) Write(b []byte) (int, error) {
	w.write(b)
	if err := w.failed(); err != nil {
		return 0, err
	}
	return len(b), nil
}
