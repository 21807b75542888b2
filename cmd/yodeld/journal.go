package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"time"
)

// journalSocket is where journald takes entries (systemd.journal-fields(7), Native Journal Protocol).
const journalSocket = "/run/systemd/journal/socket"

// journalPatience is how long an entry waits for a journal that does not read.
const journalPatience = time.Second

// journalWriter sends entries to journald, one a datagram. It is for one goroutine at a time.
type journalWriter struct {
	conn   *net.UnixConn
	to     *net.UnixAddr
	stderr io.Writer // takes the messages of entries that the journal does not take
}

// newJournal makes a socket of no name, so that a journald that is started anew gets what is sent afterwards.
func newJournal(path string, stderr io.Writer) (*journalWriter, error) {
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	return &journalWriter{conn: conn, to: &net.UnixAddr{Name: path, Net: "unixgram"}, stderr: stderr}, nil
}

// journalLines gathers entries for the journal.
func journalLines(j *journalWriter) *gatherer {
	g := newGatherer(j)
	g.apart, g.tell = true, lostEntry
	return g
}

// Write sends an entry. What is refused goes to standard error as a line, for which the journal has another way. The error is os.ErrDeadlineExceeded when
// the journal does not read, which it would not do there either.
func (j *journalWriter) Write(entry []byte) (int, error) {
	_ = j.conn.SetWriteDeadline(time.Now().Add(journalPatience)) // of a socket that is open it cannot fail
	_, err := j.conn.WriteToUnix(entry, j.to)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, err
	}
	if err != nil {
		first, _, _ := bytes.Cut(entry, []byte("\n"))
		_, _ = j.stderr.Write(append(bytes.TrimPrefix(first, []byte("MESSAGE=")), '\n')) // there is nobody else to tell
	}
	return len(entry), nil
}
