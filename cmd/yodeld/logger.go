package main

import (
	"bytes"
	"io"
	"log/slog"
	"os"

	"github.com/coreos/go-systemd/v22/journal"
)

// logLines takes the lines of the log: to the journal when standard error goes there, else as text. Its owner calls end in the end.
func logLines(stderr io.Writer) *gatherer {
	if stderr == io.Writer(os.Stderr) {
		if is, err := journal.StderrIsJournalStream(); err == nil && is {
			if j, err := newJournal(journalSocket, stderr); err == nil {
				return journalLines(j)
			}
		}
	}
	return newGatherer(stderr)
}

// logger gives the log whose lines are gathered. Nothing in a value can make a line, or a field, or move a terminal's cursor: both forms escape what
// is not printable, line ends, escape sequences and the controls of writing direction among it.
func (g *gatherer) logger(level slog.Leveler) *slog.Logger {
	if g.apart {
		return slog.New(newJournalHandler(g, level))
	}
	return slog.New(slog.NewTextHandler(textLines{g}, &slog.HandlerOptions{Level: level}))
}

// textLines takes the lines of slog's text handler.
type textLines struct {
	to io.Writer
}

func (l textLines) Write(line []byte) (int, error) {
	_, err := l.to.Write(withoutDelete(line))
	return len(line), err
}

// withoutDelete escapes DEL, the one control character that slog's text handler leaves as it is: it quotes as JSON asks for.
func withoutDelete(line []byte) []byte {
	if bytes.IndexByte(line, 0x7f) < 0 {
		return line
	}
	return bytes.ReplaceAll(line, []byte{0x7f}, []byte(`\x7f`))
}
