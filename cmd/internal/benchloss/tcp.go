//go:build linux

package main

import (
	"errors"
	"net"

	"yodel/cmd/internal/netem"
)

// tcp is the kernel's TCP; Go sets TCP_NODELAY.
func tcp(h *hop, p *plan, loss float64) (t *times, repeated int, err error) {
	near, far, err := h.tcp()
	if err != nil {
		return nil, 0, err
	}
	stop := func() { _, _ = near.Close(), far.Close() }
	defer stop()
	if err := h.lose(loss); err != nil {
		return nil, 0, err
	}
	t, err = framed(p, near, far, stop)
	return t, 0, err
}

// tcp makes a connection.
func (h *hop) tcp() (near, far net.Conn, err error) {
	var listener net.Listener
	err = h.outside.Do(func() (err error) {
		listener, err = net.Listen("tcp4", h.addr(netem.B).String())
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, listener.Close()) }()
	// The kernel accepts by itself.
	err = h.inside.Do(func() (err error) {
		near, err = net.Dial("tcp4", h.addr(netem.B).String())
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	far, err = listener.Accept()
	return near, far, err
}
