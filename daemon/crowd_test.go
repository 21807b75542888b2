package daemon

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"yodel/wire"
	"yodel/wire/secure"
	"yodel/wire/stream"
)

// crowd is a hub with many peers on a path without loss or delay, in one goroutine and under a clock of its own. It counts what the
// hub sends and how long it works.
type crowd struct {
	tb    testing.TB
	hub   *hub
	now   time.Time
	peers []*crowdPeer
	at    map[netip.AddrPort]*crowdPeer
	queue []parcel

	worked           time.Duration
	datagrams, bytes int
}

type parcel struct {
	to netip.AddrPort
	b  []byte
}

type crowdPeer struct {
	crowd  *crowd
	addr   netip.AddrPort
	tx     *secure.Tx
	rx     *secure.Rx
	stream *stream.Stream
	got    []*wire.Message
}

// newCrowd makes a hub and n peers that have their keys.
func newCrowd(tb testing.TB, n int) *crowd {
	tb.Helper()
	id, err := secure.NewIdentity()
	if err != nil {
		tb.Fatal(err)
	}
	cfg := Config{Identity: id, Listen: netip.MustParseAddrPort("127.0.0.1:9635"), Delay: time.Second, State: tb.TempDir()}
	if err := cfg.check(); err != nil {
		tb.Fatal(err)
	}
	c := &crowd{tb: tb, now: epoch, at: make(map[netip.AddrPort]*crowdPeer)}
	out := func(b []byte, to netip.AddrPort) error {
		c.datagrams++
		c.bytes += len(b)
		c.queue = append(c.queue, parcel{to, append([]byte(nil), b...)})
		return nil
	}
	c.hub = newHub(cfg, []*socket{memorySocket(out)})
	if err := c.hub.openLog(func(err error) { tb.Error(err) }); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.hub.messages.Close(); err != nil {
			tb.Error(err)
		}
	})
	for i := range n {
		c.connect(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 1))
	}
	return c
}

// connect gives a peer at an address and the hub the keys of a session.
func (c *crowd) connect(addr netip.AddrPort) {
	anyone := func(secure.Fingerprint) error { return nil }
	id, err := secure.NewIdentity()
	if err != nil {
		c.tb.Fatal(err)
	}
	var ours, theirs *secure.MemConn
	ours = secure.NewMemConn(func(b []byte) { _ = theirs.Feed(b) })
	theirs = secure.NewMemConn(func(b []byte) { _ = ours.Feed(b) })
	served := make(chan *secure.Secrets, 1)
	go func() {
		secrets, err := secure.Handshake(context.Background(), ours, secure.Config{Identity: c.hub.cfg.Identity, Verify: anyone})
		if err != nil {
			c.tb.Error(err)
		}
		served <- secrets
	}()
	secrets, err := secure.Handshake(context.Background(), theirs, secure.Config{Identity: id, Client: true, Verify: anyone})
	held := <-served
	if err != nil || held == nil {
		c.tb.Fatal("no handshake: ", err)
	}
	secrets.Free()
	held.Free()
	p := &crowdPeer{crowd: c, addr: addr}
	if p.tx, p.rx, err = secrets.Protect(); err != nil {
		c.tb.Fatal(err)
	}
	p.rx.Allow(wire.SSRCDaemon)
	p.stream = stream.New(stream.Config{Local: wire.SSRCPeer, Remote: wire.SSRCDaemon}, c.now)
	s, err := c.hub.newSession(c.now, &handshake{from: addr}, c.hub.plane.shards[0], held)
	if err != nil {
		c.tb.Fatal(err)
	}
	here := &place{session: s, via: c.hub.plane.shards[0]}
	c.hub.table[addr] = here
	c.at[addr] = p
	c.peers = append(c.peers, p)
}

// work has the hub do something, on its account.
func (c *crowd) work(f func()) {
	began := time.Now()
	f()
	c.worked += time.Since(began)
}

// pass lets time go by in steps of a millisecond.
func (c *crowd) pass(d time.Duration) {
	for end := c.now.Add(d); c.now.Before(end); {
		c.now = c.now.Add(time.Millisecond)
		c.settle()
	}
}

// settle delivers all that is on its way and does what is due.
func (c *crowd) settle() {
	for {
		for _, p := range c.peers {
			p.flush()
		}
		c.work(func() {
			c.hub.advance(c.now)
			c.hub.flush(c.now)
		})
		if len(c.queue) == 0 {
			return
		}
		for _, d := range c.queue {
			c.at[d.to].open(d.b)
		}
		c.queue = c.queue[:0]
	}
}

func (p *crowdPeer) flush() {
	if d := p.stream.Deadline(); !d.IsZero() && !d.After(p.crowd.now) {
		p.stream.Advance(p.crowd.now)
	}
	for {
		plain, kind, number := p.stream.AppendPacket(p.crowd.now, nil)
		var sealed []byte
		var err error
		switch kind {
		case stream.RTP:
			sealed, err = p.tx.SealRTP(nil, plain, number)
		case stream.RTCP:
			sealed, err = p.tx.SealRTCP(nil, plain)
		case stream.None:
			return
		}
		if err != nil {
			p.crowd.tb.Fatal(err)
		}
		p.crowd.work(func() { p.crowd.hub.datagram(p.crowd.now, p.crowd.hub.plane.shards[0], p.addr, sealed) })
	}
}

// say sends messages, which may share a datagram.
func (p *crowdPeer) say(encoded ...[]byte) {
	for _, m := range encoded {
		if err := p.stream.Send(m); err != nil {
			p.crowd.tb.Fatal(err)
		}
	}
	p.flush()
}

// join enters the lobby under a nick, without sound.
func (p *crowdPeer) join(nick string) {
	p.say(
		wire.Encode(&wire.Message_Hello{Hello: &wire.Hello{Versions: []uint32{1}, Nick: nick}}),
		wire.Encode(&wire.Message_Join{Join: &wire.Join{Room: "lobby", From: &wire.Join_Live{Live: true}}}),
	)
}

func (p *crowdPeer) leave() {
	p.say(wire.Encode(&wire.Message_Leave{Leave: &wire.Leave{Room: "lobby"}}))
}

func (p *crowdPeer) open(b []byte) {
	now := p.crowd.now
	if wire.KindOf(b) == wire.KindRTCP {
		plain, err := p.rx.OpenRTCP(nil, b)
		if err != nil {
			p.crowd.tb.Fatal(err)
		}
		p.stream.Heard(now)
		packets, err := wire.ParseRTCP(plain)
		if err != nil {
			p.crowd.tb.Fatal(err)
		}
		for _, r := range packets {
			if r, ok := r.(*rtcp.CCFeedbackReport); ok {
				if err := p.stream.HandleReport(now, r); err != nil {
					p.crowd.tb.Fatal(err)
				}
			}
		}
		return
	}
	plain, err := p.rx.OpenRTP(nil, b)
	if err != nil {
		p.crowd.tb.Fatal(err)
	}
	var h rtp.Header
	n, err := h.Unmarshal(plain)
	if err != nil {
		p.crowd.tb.Fatal(err)
	}
	if err := p.stream.HandlePacket(now, &h, plain[n:]); err != nil {
		p.crowd.tb.Fatal(err)
	}
	for b, ok := p.stream.Receive(); ok; b, ok = p.stream.Receive() {
		m, err := wire.Decode(b)
		if err != nil {
			p.crowd.tb.Fatal(err)
		}
		p.got = append(p.got, m)
	}
}

// take gives the presence messages since the last call.
func (p *crowdPeer) take() (told []*wire.Presence) {
	for _, m := range p.got {
		if x := m.GetPresence(); x != nil {
			told = append(told, x)
		}
	}
	p.got = nil
	return told
}

// shown writes what a peer was told: "+nick" and "-nick", then the count.
func shown(told []*wire.Presence) string {
	var out []string
	for _, p := range told {
		for _, e := range p.GetEvents() {
			sign := "-"
			if e.GetJoined() {
				sign = "+"
			}
			out = append(out, sign+e.GetMember().GetNick())
		}
		out = append(out, fmt.Sprintf("=%d", p.GetCount()))
	}
	return strings.Join(out, " ")
}

// fill puts nicks without a network into the lobby.
func (c *crowd) fill(n int) {
	r := c.hub.room("lobby")
	for i := range n {
		nick := fmt.Sprintf("%05d", i)
		m := &member{session: &session{hub: c.hub, gone: true}, room: r, nick: nick, key: nick}
		binary.BigEndian.PutUint32(m.session.who[:], uint32(i))
		r.enter(c.now, m)
	}
}

// room gives the room with that name, made if need be.
func (h *hub) room(name string) *room {
	if h.rooms[name] == nil {
		h.keep(newRoom(h, name, h.cfg.Delay, false))
	}
	return h.rooms[name]
}
