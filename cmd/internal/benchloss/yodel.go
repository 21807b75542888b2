//go:build linux

package main

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"yodel/cmd/internal/netem"
	"yodel/wire"
	"yodel/wire/stream"
)

// overYodel is wire/stream under wire/secure on UDP sockets.
func overYodel(h *hop, p *plan, loss float64) (t *times, repeated int, err error) {
	client, server, err := handshake()
	if err != nil {
		return nil, 0, err
	}
	a, b, err := h.udp()
	if err != nil {
		return nil, 0, err
	}
	if err := h.lose(loss); err != nil {
		return nil, 0, errors.Join(err, a.Close(), b.Close())
	}
	near := newPeer(a, h.addr(netem.B), client, stream.Config{Local: wire.SSRCPeer, Remote: wire.SSRCDaemon})
	far := newPeer(b, h.addr(netem.A), server, stream.Config{Local: wire.SSRCDaemon, Remote: wire.SSRCPeer})
	t, err = exchange(p, near, far)
	err = errors.Join(err, near.end(), far.end())
	each := wire.Chunk{Message: uint64(p.n), Total: p.size, Data: make([]byte, p.size)}
	return t, int(near.stream.Stats().Repeats) * each.Size(), err
}

// exchange sends the plan's messages from near to far, until all are acknowledged.
func exchange(p *plan, near, far *peer) (*times, error) {
	t := &times{begin: time.Now()}
	far.received = func(msg []byte) error {
		err := t.arrived(msg)
		if len(t.latency) == p.n && err == nil {
			close(far.done)
		}
		return err
	}
	go near.run()
	go far.run()
	stop := make(chan struct{})
	timeout := time.AfterFunc(time.Duration(float64(p.n)/p.rate*float64(time.Second))+patience, func() { close(stop) })
	defer timeout.Stop()
	lag, err := pace(p, stop, func(i int) error {
		select {
		case near.do <- func() error { return near.stream.Send(t.stamp(p, i)) }:
			return nil
		case err := <-near.failed:
			return err
		case err := <-far.failed:
			return err
		}
	})
	if err == nil {
		select {
		case <-far.done:
		case <-stop:
			err = errors.New("not all messages arrived in time")
		case err = <-near.failed:
		case err = <-far.failed:
		}
	}
	t.lag = lag
	if err == nil {
		<-time.After(drain)
	}
	return t, err
}

// peer is one side: run owns everything but the socket's reads.
type peer struct {
	conn   *net.UDPConn
	remote netip.AddrPort
	keys   protection
	stream *stream.Stream

	in       chan []byte
	do       chan func() error
	done     chan struct{}      // closed by received
	received func([]byte) error // takes a message
	quit     chan struct{}
	ended    chan struct{}
	failed   chan error

	plain, sealed []byte
}

func newPeer(conn *net.UDPConn, remote netip.AddrPort, keys protection, cfg stream.Config) *peer {
	cfg.FirstSeq = uint64(rand.IntN(wire.MaxFirstSeq))
	keys.rx.Allow(cfg.Remote)
	p := &peer{
		conn: conn, remote: remote, keys: keys, stream: stream.New(cfg, time.Now()),
		in: make(chan []byte, 256), do: make(chan func() error), done: make(chan struct{}),
		quit: make(chan struct{}), ended: make(chan struct{}), failed: make(chan error, 1),
	}
	go p.read()
	return p
}

func (p *peer) read() {
	defer close(p.in)
	buf := make([]byte, 2048)
	for {
		n, _, err := p.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		p.in <- append([]byte(nil), buf[:n]...)
	}
}

// run is the loop of a side, until end.
func (p *peer) run() {
	defer close(p.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var err error
		select {
		case datagram := <-p.in:
			err = p.hear(time.Now(), datagram)
		case f := <-p.do:
			err = f()
		case <-timer.C:
			p.stream.Advance(time.Now())
		case <-p.quit:
			return
		}
		if err = errors.Join(err, p.flush(), p.take(), p.stream.Err()); err != nil {
			p.failed <- err
			return
		}
		timer.Reset(time.Until(p.stream.Deadline()))
	}
}

// end stops the loop and the reader.
func (p *peer) end() error {
	close(p.quit)
	<-p.ended
	err := p.conn.Close()
	for range p.in { // until the reader has ended
		continue
	}
	return err
}

// hear takes a datagram as a session does: what is not authentic, and copies, are dropped.
func (p *peer) hear(now time.Time, datagram []byte) error {
	switch wire.KindOf(datagram) {
	case wire.KindRTP:
		plain, err := p.keys.rx.OpenRTP(p.plain[:0], datagram)
		if err != nil {
			return nil
		}
		p.plain = plain
		var h rtp.Header
		size, err := h.Unmarshal(plain)
		if err != nil {
			return err
		}
		return p.stream.HandlePacket(now, &h, plain[size:])
	case wire.KindRTCP:
		plain, err := p.keys.rx.OpenRTCP(p.plain[:0], datagram)
		if err != nil {
			return nil
		}
		p.plain = plain
		packets, err := wire.ParseRTCP(plain)
		if err != nil {
			return err
		}
		for _, packet := range packets {
			if report, ok := packet.(*rtcp.CCFeedbackReport); ok {
				err = errors.Join(err, p.stream.HandleReport(now, report))
			}
		}
		return err
	}
	return nil
}

// flush seals and sends what the stream has to send.
func (p *peer) flush() error {
	for {
		plain, kind, number := p.stream.AppendPacket(time.Now(), p.plain[:0])
		p.plain = plain
		var err error
		switch kind {
		case stream.None:
			return nil
		case stream.RTP:
			p.sealed, err = p.keys.tx.SealRTP(p.sealed[:0], plain, number)
		case stream.RTCP:
			p.sealed, err = p.keys.tx.SealRTCP(p.sealed[:0], plain)
		}
		if err != nil {
			return err
		}
		if _, err := p.conn.WriteToUDPAddrPort(p.sealed, p.remote); err != nil {
			return err
		}
	}
}

func (p *peer) take() error {
	for msg, ok := p.stream.Receive(); ok; msg, ok = p.stream.Receive() {
		if err := p.received(msg); err != nil {
			return err
		}
	}
	return nil
}
