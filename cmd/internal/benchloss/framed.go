//go:build linux

package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// framed sends the messages of the plan through a byte stream, each with its length before it, and receives them at the other end.
// stop ends both ends when that takes too long.
func framed(p *plan, w io.Writer, r io.Reader, stop func()) (*times, error) {
	t := &times{begin: time.Now()}
	timeout := time.AfterFunc(time.Duration(float64(p.n)/p.rate*float64(time.Second))+patience, stop)
	defer timeout.Stop()
	ended := make(chan struct{})
	waiting := make(chan []byte, p.n)
	go func() {
		defer close(waiting)
		t.lag, _ = pace(p, ended, func(i int) error { waiting <- t.stamp(p, i); return nil })
	}()
	written := make(chan error, 1)
	go func() { written <- write(w, waiting) }()
	err := t.read(p.n, bufio.NewReader(r))
	close(ended)
	if err != nil {
		stop()
		err = fmt.Errorf("after %d messages: %w", len(t.latency), err)
	}
	if err = errors.Join(err, <-written); err == nil {
		<-time.After(drain)
	}
	return t, err
}

// write frames messages until there are no more. One that must wait for the window is late from when it was due.
func write(w io.Writer, messages <-chan []byte) error {
	var failed error
	for msg := range messages {
		if failed == nil {
			_, failed = w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(msg))), msg...))
		}
	}
	return failed
}

func (t *times) read(n int, r io.Reader) error {
	var length [4]byte
	var msg []byte
	for range n {
		if _, err := io.ReadFull(r, length[:]); err != nil {
			return err
		}
		msg = append(msg[:0], make([]byte, binary.BigEndian.Uint32(length[:]))...)
		if _, err := io.ReadFull(r, msg); err != nil {
			return err
		}
		if err := t.arrived(msg); err != nil {
			return err
		}
	}
	return nil
}
