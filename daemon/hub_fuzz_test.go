package daemon

import (
	"context"
	"encoding/binary"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"yodel/daemon/roomlog"
	"yodel/wire"
	"yodel/wire/secure"
	"yodel/wire/stream"
)

// fuzzHub is a hub and its shards, without goroutines and under a clock of its own, and peers of it that say whatever the operations have them say.
type fuzzHub struct {
	t        *testing.T
	h        *hub
	now      time.Time
	w        *writer // the readers'
	ops      []byte
	peers    [4]*fuzzPeer
	id       *secure.Identity
	ids      []*secure.Identity
	sessions int
}

// fuzzPeer is a peer that has keys.
type fuzzPeer struct {
	addr    netip.AddrPort
	tx      *secure.Tx
	rx      *secure.Rx
	stream  *stream.Stream
	session *session
	inbox   [][]byte
	last    []byte // datagram that it sent
	seq     uint64
}

// fuzzLog is a room log that one hub after another uses.
type fuzzLog struct {
	*roomlog.Log
	hub atomic.Pointer[hub]
}

func newFuzzLog(f *testing.F) *fuzzLog {
	l := new(fuzzLog)
	dir, err := os.MkdirTemp("/dev/shm", "yodel-fuzz-") // it syncs in no time
	if err != nil {
		dir = f.TempDir()
	}
	f.Cleanup(func() { _ = os.RemoveAll(dir) })
	l.Log, err = roomlog.Open(roomlog.Options{
		Dir: dir, Keep: roomlog.Keep{Entries: 40}, Failed: func(err error) { f.Error(err) }, Erased: func() {},
		Deliver: func(done func()) {
			h := l.hub.Load()
			h.plane.tell.add(func(now time.Time) {
				h.now = now
				done()
			})
		},
	})
	if err != nil {
		f.Fatal(err)
	}
	return l
}

// settle waits until all that was given to the log has its outcome.
func (l *fuzzLog) settle(x *fuzzHub) {
	for !x.logIdle() {
		select {
		case <-x.h.plane.bell:
		case <-time.After(patience):
			x.t.Fatal("the room log does not answer")
		}
		x.h.advance(x.now)
		x.h.flush(x.now)
	}
}

// logIdle tells whether nothing of the room log is waited for.
func (x *fuzzHub) logIdle() bool {
	for s := range x.h.sessions {
		if s.seeking {
			return false
		}
	}
	for _, r := range x.h.rooms {
		if r.appends != r.outcomes {
			return false
		}
	}
	return x.h.reads.taken == 0
}

func newFuzzHub(t *testing.T, l *fuzzLog, id *secure.Identity, ids []*secure.Identity) *fuzzHub {
	x := &fuzzHub{t: t, now: time.Now(), id: id, ids: ids}
	cfg := Config{
		Identity: id, Listen: netip.MustParseAddrPort("127.0.0.1:9635"), State: t.TempDir(), Gather: time.Millisecond, Grid: DefaultGrid,
		Rooms: map[string]RoomConfig{"echo": {Delay: 2 * time.Second}}, Software: "fuzz",
	}
	if err := cfg.check(); err != nil {
		t.Fatal(err)
	}
	var sockets []*socket
	for range 2 {
		sockets = append(sockets, memorySocket(func(b []byte, to netip.AddrPort) error {
			x.out(b, to)
			return nil
		}))
	}
	x.h = newHub(cfg, sockets)
	x.h.messages, x.h.plane.grid.origin = l.Log, x.now
	x.w = newWriter(sockets[0])
	l.hub.Store(x.h)
	return x
}

// out takes what the daemon sends.
func (x *fuzzHub) out(b []byte, to netip.AddrPort) {
	if len(b) > wire.MaxDatagram {
		x.t.Errorf("a datagram of %d bytes", len(b))
	}
	if wire.KindOf(b) == wire.KindSTUN {
		return
	}
	for _, p := range x.peers {
		if p != nil && p.addr == to && len(p.inbox) < 1000 {
			p.inbox = append(p.inbox, append([]byte(nil), b...))
		}
	}
}

// byte gives the next operand, 0 at the end.
func (x *fuzzHub) byte() int {
	if len(x.ops) == 0 {
		return 0
	}
	b := x.ops[0]
	x.ops = x.ops[1:]
	return int(b)
}

// number gives a number that is small, or near a power of two.
func (x *fuzzHub) number() uint64 {
	a, b := x.byte(), x.byte()
	if a < 128 {
		return uint64(a)
	}
	return 1<<(a&63) + uint64(int8(b))
}

func (x *fuzzHub) bytes() (b []byte) {
	for range min(x.byte()%64, len(x.ops)) {
		b = append(b, byte(x.byte()))
	}
	return b
}

func (x *fuzzHub) peer() *fuzzPeer {
	i := x.byte() % len(x.peers)
	if x.peers[i] == nil {
		x.connect(i, 0)
	}
	return x.peers[i]
}

// connect gives a peer a new session, at its address or at another's.
func (x *fuzzHub) connect(i, at int) {
	if x.sessions++; x.sessions > 8 && x.peers[i] != nil {
		return
	}
	mine, theirs := fuzzShake(x.t, x.ids[i%len(x.ids)], x.id)
	tx, rx, err := mine.Protect()
	if err != nil {
		x.t.Fatal(err)
	}
	addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i ^ at)}), uint16(i))
	via := x.h.plane.shards[i%2]
	place := x.h.place(x.now, via, addr)
	hs := &handshake{from: addr}
	x.h.finished(x.now, place, hs, theirs)
	place.session.linger = nil // there is no responder behind it
	rx.Allow(wire.SSRCDaemon)
	x.peers[i] = &fuzzPeer{
		addr: addr, tx: tx, rx: rx, session: place.session,
		stream: stream.New(stream.Config{Local: wire.SSRCPeer, Remote: wire.SSRCDaemon}, x.now),
	}
}

// fuzzShake makes the secrets of a peer and the daemon.
func fuzzShake(t *testing.T, peer, daemon *secure.Identity) (ofPeer, ofDaemon *secure.Secrets) {
	var a, b *secure.MemConn
	a = secure.NewMemConn(func(d []byte) { _ = b.Feed(append([]byte(nil), d...)) })
	b = secure.NewMemConn(func(d []byte) { _ = a.Feed(append([]byte(nil), d...)) })
	anyone := func(secure.Fingerprint) error { return nil }
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	done := make(chan *secure.Secrets, 1)
	go func() {
		s, _ := secure.Handshake(ctx, b, secure.Config{Identity: daemon, Verify: anyone})
		done <- s
	}()
	ofPeer, err := secure.Handshake(ctx, a, secure.Config{Identity: peer, Client: true, Verify: anyone})
	ofDaemon = <-done
	if err != nil || ofDaemon == nil {
		t.Fatal("no handshake", err)
	}
	ofPeer.Free()
	ofDaemon.Free()
	return ofPeer, ofDaemon
}

// send brings a datagram to the daemon, to the shard of the address or to another.
func (x *fuzzHub) send(from netip.AddrPort, b []byte, shard int) {
	sh := x.h.plane.shards[(int(from.Port())+shard)%2]
	sh.reading.Lock()
	sh.receive(x.now, []inbound{{from: from, data: b, at: x.now}}, x.w)
	sh.reading.Unlock()
	x.w.flush()
	x.turn()
}

// turn is one of the loop and of the pumps.
func (x *fuzzHub) turn() {
	x.h.collect(x.now)
	x.h.advance(x.now)
	x.h.flush(x.now)
	for _, sh := range x.h.plane.shards {
		for len(sh.parts) > 0 {
			f := <-sh.parts
			sh.send(f, sh.index, sh.w)
			f.done()
		}
		sh.advance(x.now)
	}
	x.h.advance(x.now)
	x.h.flush(x.now)
}

func (x *fuzzHub) rtp(p *fuzzPeer, plain []byte, index uint64) {
	if sealed, err := p.tx.SealRTP(nil, plain, index); err == nil {
		p.last = sealed
		x.send(p.addr, sealed, 0)
	}
}

func (x *fuzzHub) rtcp(p *fuzzPeer, plain []byte) {
	if len(plain) > wire.MaxDatagram-64 {
		return
	}
	if sealed, err := p.tx.SealRTCP(nil, plain); err == nil {
		p.last = sealed
		x.send(p.addr, sealed, 0)
	}
}

// flush sends what a peer's stream has to send.
func (x *fuzzHub) flush(p *fuzzPeer) {
	for range 100 {
		b, kind, number := p.stream.AppendPacket(x.now, nil)
		switch kind {
		case stream.RTP:
			x.rtp(p, b, number)
			p.seq = number + 1
		case stream.RTCP:
			x.rtcp(p, b)
		default:
			return
		}
	}
}

// hears has a peer take what has come to it.
func (x *fuzzHub) hears(p *fuzzPeer) {
	inbox := p.inbox
	p.inbox = nil
	for _, b := range inbox {
		if wire.KindOf(b) == wire.KindRTCP {
			plain, err := p.rx.OpenRTCP(nil, b)
			if err != nil {
				continue
			}
			packets, _ := wire.ParseRTCP(plain)
			for _, packet := range packets {
				if report, ok := packet.(*rtcp.CCFeedbackReport); ok {
					_ = p.stream.HandleReport(x.now, report)
				}
			}
			continue
		}
		plain, err := p.rx.OpenRTP(nil, b)
		if err != nil {
			continue
		}
		var h rtp.Header
		if n, err := h.Unmarshal(plain); err == nil && h.SSRC == wire.SSRCDaemon {
			_ = p.stream.HandlePacket(x.now, &h, plain[n:])
		}
		for _, ok := p.stream.Receive(); ok; _, ok = p.stream.Receive() {
			continue
		}
	}
	x.flush(p)
}

// ssrc gives one of a peer's talks, one of another's, or any.
func (x *fuzzHub) ssrc(p *fuzzPeer) uint32 {
	n, least := uint32(x.byte()), uint32(0)
	from := p.session.talks
	if n > 200 {
		from = x.h.voices
	}
	for ssrc := range from {
		if least == 0 || ssrc < least {
			least = ssrc
		}
	}
	if n > 250 || least == 0 {
		return n
	}
	return least + n%4
}

// run carries out the operations, and lets all be over at the end: then nothing may be left.
func (x *fuzzHub) run(l *fuzzLog) {
	for n := 0; len(x.ops) > 0 && n < 400; n++ {
		x.step()
		l.settle(x)
		x.bounds()
	}
	for _, p := range x.peers {
		if p == nil {
			continue
		}
		if bye, err := wire.AppendBye(nil, wire.SSRCPeer, wire.ByeLeft); err == nil && x.byte()%2 == 0 {
			x.rtcp(p, bye)
		}
	}
	for range 12 {
		x.wait(10 * time.Second)
		l.settle(x)
	}
	x.nothingIsLeft()
}

// wait lets time pass, from one thing that is due to the next.
func (x *fuzzHub) wait(d time.Duration) {
	limit := x.now.Add(d)
	for turns := 0; x.now.Before(limit); turns++ {
		if turns > 200_000 {
			x.t.Fatalf("200000 turns in %v", d)
		}
		next := earliest(limit, x.h.deadline())
		for _, sh := range x.h.plane.shards {
			next = earliest(next, sh.timers.next())
		}
		if next.After(x.now) {
			x.now = next
		} else {
			x.now = x.now.Add(time.Microsecond)
		}
		x.turn()
	}
}

// bounds holds what must be true at any time.
func (x *fuzzHub) bounds() {
	h := x.h
	if n := h.drops.now[dropPanic].Load(); n > 0 {
		x.t.Fatalf("%d panics", n)
	}
	if h.census.pending < 0 || h.hasty < 0 || len(h.ids) > len(h.sessions) {
		x.t.Fatalf("%d handshakes, %d hasty, %d ids of %d sessions", h.census.pending, h.hasty, len(h.ids), len(h.sessions))
	}
	for s := range h.sessions {
		if s.gone || s.openTalks() > maxTalks || s.stream.Queued() > maxQueued+wire.MaxMessage {
			x.t.Fatalf("gone %v, %d talks, %d bytes queued", s.gone, s.openTalks(), s.stream.Queued())
		}
	}
	all := 0
	for _, r := range h.rooms {
		bytes := 0
		for _, v := range r.relay.voices {
			if v != nil {
				bytes += v.line.bytes
			}
		}
		if bytes != r.relay.bytes || len(r.voices) > maxVoices {
			x.t.Fatalf("%s: %d bytes counted, %d there, %d voices", r.name, r.relay.bytes, bytes, len(r.voices))
		}
		all += bytes
	}
	if n := int(h.plane.echo.Load()); n != all {
		x.t.Fatalf("%d bytes counted in all lines, %d there", n, all)
	}
}

// nothingIsLeft holds what must be true when everyone has gone.
func (x *fuzzHub) nothingIsLeft() {
	h := x.h
	if len(h.sessions)+len(h.ids)+len(h.voices)+len(h.farewells)+len(h.table)+h.census.pending+h.hasty+h.reads.taken+len(h.reads.waiting) > 0 {
		x.t.Errorf("left: %d sessions, %d ids, %d voices, %d farewells, %d places, %d handshakes, %d hasty, %d reads, %d waiting",
			len(h.sessions), len(h.ids), len(h.voices), len(h.farewells), len(h.table), h.census.pending, h.hasty, h.reads.taken, len(h.reads.waiting))
	}
	for name, r := range h.rooms {
		if name != "echo" || len(r.members)+len(r.roster)+len(r.voices)+len(r.later)+r.relay.bytes+r.relay.hearing > 0 {
			x.t.Errorf("left of %s: %d members, %d in the roster, %d voices, %d bytes, %d hear", name, len(r.members), len(r.roster), len(r.voices), r.relay.bytes, r.relay.hearing)
		}
	}
	for _, sh := range h.plane.shards {
		if len(sh.routes) > 0 {
			x.t.Errorf("%d routes are left", len(sh.routes))
		}
	}
}

// audio sends an audio packet.
func (x *fuzzHub) audio(p *fuzzPeer) {
	seq := x.number()
	b := []byte{0x80, byte(x.byte()), 0, 0}
	if x.byte()%8 == 0 {
		b[0] = 0x80 | byte(x.byte())&0x3f
	}
	if b[1]%4 > 0 {
		b[1] = wire.PayloadOpus
	}
	binary.BigEndian.PutUint16(b[2:], uint16(seq))
	b = binary.BigEndian.AppendUint32(b, uint32(x.number()*960))
	b = binary.BigEndian.AppendUint32(b, x.ssrc(p))
	x.rtp(p, append(b, make([]byte, x.byte()*4)...), seq)
}
