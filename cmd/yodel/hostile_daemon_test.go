package main

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"google.golang.org/protobuf/proto"

	"yodel/wire"
	"yodel/wire/secure"
	"yodel/wire/stream"
)

// attack is what a hostile daemon does in place of a daemon's part; nil: what a daemon does.
type attack struct {
	stun    func(d *hostileDaemon, b []byte, from netip.AddrPort)
	dtls    func(d *hostileDaemon, b []byte, from netip.AddrPort)
	message func(v *victim, m *wire.Message) (done bool) // what a peer says
}

// hostileDaemon is a daemon on a real socket that can send anything. What it does runs under mu.
type hostileDaemon struct {
	t         testing.TB
	conn      *net.UDPConn
	attack    attack
	identity  *secure.Identity
	validator *secure.Validator
	ctx       context.Context
	wg        sync.WaitGroup
	met       chan struct{} // closed with the first message

	mu         sync.Mutex
	shaking    map[netip.AddrPort]*secure.MemConn
	victims    map[netip.AddrPort]*victim
	datagrams  int // that came
	handshakes int
	ids        byte
	log        []byte
}

// victim is one session.
type victim struct {
	d        *hostileDaemon
	addr     netip.AddrPort
	peer     secure.Fingerprint
	tx       *secure.Tx
	rx       *secure.Rx
	stream   *stream.Stream
	messages []*wire.Message
	gone     bool
}

func newHostileDaemon(t testing.TB, a attack) *hostileDaemon {
	t.Helper()
	identity, err := secure.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	d := &hostileDaemon{
		t: t, conn: conn, attack: a, identity: identity, validator: secure.NewValidator(), ctx: ctx, log: []byte("0123456789abcdef"), met: make(chan struct{}),
		shaking: make(map[netip.AddrPort]*secure.MemConn), victims: make(map[netip.AddrPort]*victim),
	}
	d.wg.Go(d.read)
	d.wg.Go(func() { d.every(20*time.Millisecond, d.settleAll) })
	t.Cleanup(func() {
		cancel()
		_ = conn.Close()
		d.wg.Wait()
	})
	return d
}

// addr is where it listens.
func (d *hostileDaemon) addr() string { return d.conn.LocalAddr().String() }

// every runs f again and again until the daemon's end.
func (d *hostileDaemon) every(wait time.Duration, f func()) {
	tick := time.NewTicker(wait)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			d.mu.Lock()
			f()
			d.mu.Unlock()
		case <-d.ctx.Done():
			return
		}
	}
}

// keepOn has the victim suffer f again and again.
func (v *victim) keepOn(wait time.Duration, f func()) {
	v.d.wg.Go(func() {
		v.d.every(wait, func() {
			if !v.gone {
				f()
				v.settle()
			}
		})
	})
}

func (d *hostileDaemon) read() {
	b := make([]byte, 2048)
	for {
		n, from, err := d.conn.ReadFromUDPAddrPort(b)
		if d.ctx.Err() != nil {
			return
		}
		if err != nil {
			continue // a peer has closed its socket
		}
		d.mu.Lock()
		d.datagrams++
		d.take(b[:n], from)
		d.mu.Unlock()
	}
}

func (d *hostileDaemon) put(b []byte, to netip.AddrPort) { _, _ = d.conn.WriteToUDPAddrPort(b, to) }

func (d *hostileDaemon) take(b []byte, from netip.AddrPort) {
	v := d.victims[from]
	switch kind := wire.KindOf(b); {
	case kind == wire.KindSTUN && d.attack.stun != nil:
		d.attack.stun(d, b, from)
	case kind == wire.KindSTUN:
		d.answerSTUN(d.validator, b, from)
	case kind == wire.KindDTLS && d.attack.dtls != nil:
		d.attack.dtls(d, b, from)
	case kind == wire.KindDTLS && v == nil:
		d.shake(b, from)
	case kind == wire.KindRTCP && v != nil:
		v.takeRTCP(b)
	case kind == wire.KindRTP && v != nil:
		v.takeRTP(b)
	}
}

func (d *hostileDaemon) answerSTUN(by *secure.Validator, b []byte, from netip.AddrPort) {
	if reply, _ := by.Answer(nil, b, from, time.Now()); len(reply) > 0 {
		d.put(reply, from)
	}
}

func (d *hostileDaemon) shake(b []byte, from netip.AddrPort) {
	mem := d.shaking[from]
	if mem == nil {
		if _, ok := secure.ClientHelloRandom(b); !ok {
			return
		}
		mem = secure.NewMemConn(func(b []byte) { d.put(b, from) })
		d.shaking[from] = mem
		d.wg.Go(func() {
			secrets, err := secure.Handshake(d.ctx, mem, secure.Config{Identity: d.identity, Verify: func(secure.Fingerprint) error { return nil }})
			d.mu.Lock()
			defer d.mu.Unlock()
			delete(d.shaking, from)
			if err == nil {
				secrets.Free()
				d.begin(secrets, from)
			}
		})
	}
	_ = mem.Feed(b)
}

func (d *hostileDaemon) begin(secrets *secure.Secrets, from netip.AddrPort) {
	v := &victim{d: d, addr: from, peer: secrets.Remote}
	var err error
	if v.tx, v.rx, err = secrets.Protect(); err != nil {
		d.t.Error(err)
	}
	v.rx.Allow(wire.SSRCPeer)
	v.stream = stream.New(stream.Config{Local: wire.SSRCDaemon, Remote: wire.SSRCPeer}, time.Now())
	d.handshakes++
	d.victims[from] = v
}

func (v *victim) takeRTCP(b []byte) {
	plain, err := v.rx.OpenRTCP(nil, b)
	if err != nil {
		return
	}
	packets, _ := wire.ParseRTCP(plain)
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.CCFeedbackReport:
			_ = v.stream.HandleReport(time.Now(), p)
		case *rtcp.Goodbye:
			v.gone = true
		}
	}
	v.settle()
}

func (v *victim) takeRTP(b []byte) {
	plain, err := v.rx.OpenRTP(nil, b)
	if err != nil {
		return
	}
	var p rtp.Packet
	if p.Unmarshal(plain) != nil || p.SSRC != wire.SSRCPeer {
		return
	}
	_ = v.stream.HandlePacket(time.Now(), &p.Header, p.Payload)
	for m, ok := v.stream.Receive(); ok; m, ok = v.stream.Receive() {
		decoded, err := wire.Decode(m)
		if err != nil {
			v.d.t.Error(err)
			continue
		}
		v.messages = append(v.messages, decoded)
		v.d.meet()
		if v.d.attack.message == nil || !v.d.attack.message(v, decoded) {
			v.answer(decoded)
		}
	}
	v.settle()
}

// meet notes that a peer has said something.
func (d *hostileDaemon) meet() {
	select {
	case <-d.met:
	default:
		close(d.met)
	}
}

// answer is what a daemon would say.
func (v *victim) answer(m *wire.Message) {
	switch k := m.GetKind().(type) {
	case *wire.Message_Hello:
		v.welcome(k.Hello)
	case *wire.Message_Join:
		v.say(&wire.Message{Kind: &wire.Message_Joined{Joined: v.joined(k.Join)}})
	case *wire.Message_Ping:
		v.say(&wire.Message{Kind: &wire.Message_Pong{Pong: &wire.Pong{Request: k.Ping.GetRequest()}}})
	}
}

func (v *victim) welcome(h *wire.Hello) {
	v.d.ids++
	id := make([]byte, 16)
	id[0] = v.d.ids
	v.say(&wire.Message{Kind: &wire.Message_Welcome{Welcome: &wire.Welcome{Version: 1, SessionId: id, Nick: h.GetNick(), MaxMessage: wire.MaxBody}}})
}

func (v *victim) joined(j *wire.Join) *wire.Joined {
	return &wire.Joined{Request: j.GetRequest(), Room: j.GetRoom(), LogId: v.d.log}
}

// say sends a message.
func (v *victim) say(messages ...*wire.Message) {
	for _, m := range messages {
		b, err := proto.Marshal(m)
		if err != nil {
			v.d.t.Error(err)
		}
		_ = v.stream.Send(b)
	}
}

// queued tells that so much is on its way that more would only grow this daemon.
func (v *victim) queued() bool { return v.stream.Queued() > 1<<20 }

// bye ends the session.
func (v *victim) bye(reason string) {
	v.settle()
	v.control(&rtcp.Goodbye{Sources: []uint32{wire.SSRCDaemon}, Reason: reason})
	v.gone = true
}

func (v *victim) control(p rtcp.Packet) {
	b, err := p.Marshal()
	if err != nil {
		v.d.t.Error(err)
	}
	if sealed, err := v.tx.SealRTCP(nil, b); err == nil {
		v.d.put(sealed, v.addr)
	}
}

// sound sends a packet of audio.
func (v *victim) sound(payloadType uint8, ssrc uint32, seq uint64, timestamp uint32, payload []byte) {
	b := make([]byte, 12, wire.MaxDatagram)
	b[0], b[1] = 2<<6, payloadType
	binary.BigEndian.PutUint16(b[2:], uint16(seq))
	binary.BigEndian.PutUint32(b[4:], timestamp)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	if sealed, err := v.tx.SealRTP(nil, append(b, payload...), seq); err == nil {
		v.d.put(sealed, v.addr)
	}
}

func (d *hostileDaemon) settleAll() {
	for _, v := range d.victims {
		v.settle()
	}
}

// settle sends what the session's stream has to send.
func (v *victim) settle() {
	now := time.Now()
	v.stream.Advance(now)
	for !v.gone {
		b, kind, number := v.stream.AppendPacket(now, nil)
		var err error
		switch kind {
		case stream.RTP:
			b, err = v.tx.SealRTP(nil, b, number)
		case stream.RTCP:
			b, err = v.tx.SealRTCP(nil, b)
		default:
			return
		}
		if err == nil {
			v.d.put(b, v.addr)
		}
	}
}
