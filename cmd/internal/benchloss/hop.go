//go:build linux

package main

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"yodel/cmd/internal/fates"
	"yodel/cmd/internal/netem"
)

const (
	oneWay = 30 * time.Millisecond
	jitter = 10 * time.Millisecond
	port   = 9635
	// drain is how long after the end of a run the last acknowledgements are waited for.
	drain = 200 * time.Millisecond
	// patience is how long a run may take beyond its messages.
	patience = 60 * time.Second
	// udpHeaders are those of IPv4 and UDP.
	udpHeaders = 28
)

// hop is one link between two namespaces that delays; lose makes it lose, too.
type hop struct {
	inside, outside *netem.Namespace
	link            *netem.Link
	before          netem.Traffic
}

func newHop(seed uint64) (*hop, error) {
	h := &hop{}
	err := h.open(seed)
	if err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

func (h *hop) open(seed uint64) (err error) {
	if h.inside, err = netem.NewNamespace(); err != nil {
		return err
	}
	if h.outside, err = netem.NewNamespace(); err != nil {
		return err
	}
	if h.link, err = netem.Connect(netem.Config{A: h.inside, B: h.outside, Seed: seed}); err != nil {
		return err
	}
	return h.lose(0)
}

func (h *hop) close() (err error) {
	if h.link != nil {
		err = h.link.Close()
	}
	for _, ns := range []*netem.Namespace{h.inside, h.outside} {
		if ns != nil {
			err = errors.Join(err, ns.Close())
		}
	}
	return err
}

// lose sets the share of packets that is lost each way, 0 to 1, and begins the count.
func (h *hop) lose(share float64) error {
	h.before = h.total()
	return h.link.SetBoth(netem.Impairment{Profile: fates.Profile{Loss: share, Delay: oneWay, Jitter: jitter}})
}

func (h *hop) total() netem.Traffic {
	a, b := h.link.Stats(netem.A).Received, h.link.Stats(netem.B).Received
	return netem.Traffic{Packets: a.Packets + b.Packets, Bytes: a.Bytes + b.Bytes}
}

// sent is what both ends sent since lose.
func (h *hop) sent() netem.Traffic {
	t := h.total()
	return netem.Traffic{Packets: t.Packets - h.before.Packets, Bytes: t.Bytes - h.before.Bytes}
}

func (h *hop) addr(s netem.Side) netip.AddrPort { return netip.AddrPortFrom(h.link.Addr(s), port) }

// udp opens a UDP socket on each side, not connected.
func (h *hop) udp() (a, b *net.UDPConn, err error) {
	listen := func(ns *netem.Namespace, s netem.Side) (conn *net.UDPConn, err error) {
		err = ns.Do(func() (err error) {
			conn, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(h.addr(s)))
			return err
		})
		return conn, err
	}
	if a, err = listen(h.inside, netem.A); err != nil {
		return nil, nil, err
	}
	if b, err = listen(h.outside, netem.B); err != nil {
		return nil, nil, errors.Join(err, a.Close())
	}
	return a, b, nil
}
