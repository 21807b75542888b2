//go:build linux

package hostile

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"yodel/wire"
	"yodel/wire/secure"
	"yodel/wire/stream"
)

// insider is a hostile peer with a session: what it sends is authentic. One goroutine has it.
type insider struct {
	number   int
	conn     *net.UDPConn
	tx       *secure.Tx
	rx       *secure.Rx
	first    uint64 // its stream's first packet number
	stream   *stream.Stream
	credit   wire.Budget
	consumed wire.Allowance
	deaf     bool // acknowledges nothing
	astray   bool // it numbers packets itself: of its stream only the acknowledgements are sent
	requests int  // that it has made and not seen the answers of
	talks    []uint32
	granted  []uint32 // SSRCs for its own talks
	answers  int
	sent     int64
	id       uint64 // of the latest Publish
	bye      string
	lived    time.Duration // from its first attack to its end

	in   [2048]byte
	out  [2 * wire.MaxDatagram]byte
	send [2 * wire.MaxDatagram]byte
}

// insiderAddr is the address of one of them: none of the crowd's.
func insiderAddr(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 64, 240, byte(1 + n)}), 7777)
}

// newInsider takes one to where it has said Hello.
func newInsider(w *world, n int) (p *insider, err error) {
	p = &insider{number: n}
	err = w.ns.Do(func() error {
		p.conn, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(insiderAddr(n))) // not connected: the kernel has the answers come from this address
		return err
	})
	if err != nil {
		return nil, err
	}
	if err = p.validate(); err == nil {
		err = p.shake(w.ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("insider %d: %w", n, err), p.conn.Close())
	}
	p.say(wire.Encode(&wire.Message_Hello{Hello: &wire.Hello{Versions: []uint32{wire.MaxVersion}, Nick: fmt.Sprint("insider", n)}}))
	return p, nil
}

// read reads a datagram; none when nothing comes in time.
func (p *insider) read(wait time.Duration) []byte {
	if p.conn.SetReadDeadline(time.Now().Add(wait)) != nil {
		return nil
	}
	n, _, err := p.conn.ReadFromUDPAddrPort(p.in[:])
	if err != nil {
		return nil
	}
	return p.in[:n]
}

func (p *insider) write(b []byte) {
	if _, err := p.conn.WriteToUDPAddrPort(b, daemonAt); err == nil {
		p.sent++
	}
}

func (p *insider) validate() error {
	var nonce []byte
	for i := range 20 {
		txid := [12]byte{byte(i), byte(p.number)}
		p.write(secure.BindingRequest(nil, txid, nonce))
		reply, err := secure.ParseBindingReply(p.read(500*time.Millisecond), txid)
		if err != nil {
			continue
		}
		if reply.Nonce == nil {
			return nil
		}
		nonce = reply.Nonce
	}
	return errors.New("the address was not validated")
}

func (p *insider) shake(ctx context.Context) error {
	id, err := secure.NewIdentity()
	if err != nil {
		return err
	}
	conn := secure.NewMemConn(func(b []byte) { _, _ = p.conn.WriteToUDPAddrPort(b, daemonAt) }) // what is lost goes again
	ctx, cancel := context.WithTimeout(ctx, secure.HandshakeTimeout)
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		for ctx.Err() == nil {
			if b := p.read(20 * time.Millisecond); wire.KindOf(b) == wire.KindDTLS {
				_ = conn.Feed(b)
			}
		}
	}()
	secrets, err := secure.Handshake(ctx, conn, secure.Config{Identity: id, Client: true, Verify: func(secure.Fingerprint) error { return nil }})
	cancel()
	<-fed
	if err != nil {
		return err
	}
	secrets.Free()
	if p.tx, p.rx, err = secrets.Protect(); err != nil {
		return err
	}
	p.rx.Allow(wire.SSRCDaemon)
	p.first = wire.FirstSeq()
	p.stream = stream.New(stream.Config{Local: wire.SSRCPeer, Remote: wire.SSRCDaemon, FirstSeq: p.first}, time.Now())
	return nil
}

// attack does something again and again until stop is closed, or the daemon has ended the session.
func (p *insider) attack(do func(p *insider, now time.Time), stop <-chan struct{}) {
	began := time.Now()
	defer func() { p.lived = time.Since(began) }()
	for p.bye == "" {
		select {
		case <-stop:
			return
		default:
		}
		for b := p.read(time.Millisecond); b != nil; b = p.read(time.Microsecond) {
			p.open(time.Now(), b)
		}
		now := time.Now()
		p.stream.Advance(now)
		p.receive()
		do(p, now)
		p.flush(now)
	}
}

func (p *insider) say(encoded []byte) {
	_ = p.stream.Send(encoded) // of a dead stream there is nothing to say
}

func (p *insider) open(now time.Time, b []byte) {
	switch wire.KindOf(b) {
	case wire.KindRTP:
		plain, err := p.rx.OpenRTP(p.out[:0], b)
		if err != nil || wire.SSRCOf(plain) != wire.SSRCDaemon {
			return
		}
		var h rtp.Header
		if n, err := h.Unmarshal(plain); err == nil {
			_ = p.stream.HandlePacket(now, &h, plain[n:])
		}
	case wire.KindRTCP:
		plain, err := p.rx.OpenRTCP(p.out[:0], b)
		if err != nil {
			return
		}
		p.stream.Heard(now)
		packets, _ := wire.ParseRTCP(plain) // it is the daemon's
		for _, r := range packets {
			switch r := r.(type) {
			case *rtcp.CCFeedbackReport:
				_ = p.stream.HandleReport(now, r)
			case *rtcp.Goodbye:
				p.bye = r.Reason
			}
		}
	default: // handshakes are over
	}
}

// receive takes the messages that have come.
func (p *insider) receive() {
	for b, ok := p.stream.Receive(); ok; b, ok = p.stream.Receive() {
		m, err := wire.Decode(b)
		if err != nil {
			continue
		}
		switch k := m.GetKind().(type) {
		case *wire.Message_Credit:
			p.credit.Raise(k.Credit.GetLimit())
		case *wire.Message_Entry:
			p.consumed.Consume(len(b))
			if limit, due := p.consumed.Grant(); due {
				p.say(wire.Encode(&wire.Message_Credit{Credit: &wire.Credit{Limit: limit}}))
			}
		case *wire.Message_TalkStart:
			p.talks = append(p.talks, k.TalkStart.GetSsrc())
		case *wire.Message_TalkGranted:
			p.granted = append(p.granted, k.TalkGranted.GetSsrc())
			p.requests--
		case *wire.Message_Joined, *wire.Message_Left, *wire.Message_Members, *wire.Message_RoomList, *wire.Message_NickSet, *wire.Message_Refused:
			p.requests--
			p.answers++
			p.hear(m.GetJoined())
		default: // no matter
		}
	}
}

// hear notes who talks already.
func (p *insider) hear(joined *wire.Joined) {
	for _, t := range joined.GetTalking() {
		p.talks = append(p.talks, t.GetSsrc())
	}
}

// flush sends what the stream has to send.
func (p *insider) flush(now time.Time) {
	for {
		plain, kind, number := p.stream.AppendPacket(now, p.out[:0])
		switch kind {
		case stream.None:
			return
		case stream.RTP:
			if !p.astray {
				p.sendRTP(plain, number)
			}
		case stream.RTCP:
			if !p.deaf {
				p.sendRTCP(plain)
			}
		}
	}
}

func (p *insider) sendRTP(plain []byte, index uint64) {
	if sealed, err := p.tx.SealRTP(p.send[:0], plain, index); err == nil {
		p.write(sealed)
	}
}

func (p *insider) sendRTCP(plain []byte) {
	if sealed, err := p.tx.SealRTCP(p.send[:0], plain); err == nil {
		p.write(sealed)
	}
}

// audio sends a packet of a talk.
func (p *insider) audio(ssrc uint32, seq uint16) {
	b := append(p.out[:0], 0x80, wire.PayloadOpus)
	b = binary.BigEndian.AppendUint16(b, seq)
	b = binary.BigEndian.AppendUint32(b, uint32(seq)*960)
	b = binary.BigEndian.AppendUint32(b, ssrc)
	p.sendRTP(append(b, make([]byte, 80)...), uint64(seq))
}
