package daemon

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"go.uber.org/goleak"

	"yodel/wire"
	"yodel/wire/secure"
	"yodel/wire/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a daemon's loop and its peers on a network in memory, under the clock of a synctest bubble.
type world struct {
	t       *testing.T
	server  *server
	clients map[netip.AddrPort]*client
	posts   map[netip.AddrPort]*outpost
	deliver func(to *client, b []byte) // the way from the daemon to a peer
	stop    func()
	shards  []sync.Mutex // a shard has one reader
	outs    []*writer    // the readers'
	panics  bool         // are what the test is about
}

// newWorld starts the loop. It must be called in a synctest bubble; the test's end stops everything.
func newWorld(t *testing.T, cfg Config) *world { return newWorldOf(t, cfg, 2) }

// newWorldOf is a world with some number of shards.
func newWorldOf(t *testing.T, cfg Config, shards int) *world {
	t.Helper()
	id, err := secure.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	cfg.Identity, cfg.Listen, cfg.Software = id, netip.MustParseAddrPort("127.0.0.1:9635"), "test"
	if cfg.State == "" {
		cfg.State = t.TempDir()
	}
	if err := cfg.check(); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, clients: make(map[netip.AddrPort]*client), posts: make(map[netip.AddrPort]*outpost)}
	w.deliver = func(to *client, b []byte) { to.arrives(b) }
	out := func(b []byte, to netip.AddrPort) error {
		if c := w.clients[to]; c != nil {
			w.deliver(c, append([]byte(nil), b...))
		} else if o := w.posts[to]; o != nil {
			o.arrives(append([]byte(nil), b...))
		}
		return nil
	}
	sockets := make([]*socket, shards)
	for i := range sockets {
		sockets[i] = memorySocket(out)
		w.outs = append(w.outs, newWriter(sockets[i]))
	}
	w.shards = make([]sync.Mutex, shards)
	if w.server, err = newServer(cfg, sockets, func(err error) { t.Error(err) }); err != nil {
		t.Fatal(err)
	}
	for i, sh := range w.server.hub.plane.shards {
		w.outs[i].counting(&sh.sent)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var pumps sync.WaitGroup
	w.server.pumps(&pumps)
	go w.server.loop(ctx)
	w.stop = func() {
		cancel()
		<-w.server.done
		pumps.Wait()
		for _, c := range w.clients {
			c.stop()
		}
		if n := w.dropped(dropPanic); n > 0 && !w.panics {
			t.Errorf("%d panics were contained", n)
		}
	}
	return w
}

// memorySocket is a socket that only sends.
func memorySocket(out func(b []byte, to netip.AddrPort) error) *socket { return &socket{write: out} }

// send brings a datagram to the daemon: which shard it comes to is the port's choice.
func (w *world) send(from netip.AddrPort, b []byte) {
	sh := w.server.hub.plane.shards[int(from.Port())%len(w.shards)]
	w.shards[sh.index].Lock()
	defer w.shards[sh.index].Unlock()
	w.receive(sh, from, b)
}

func (w *world) receive(sh *shard, from netip.AddrPort, b []byte) {
	sh.receive(time.Now(), []inbound{{from: from, data: b, at: time.Now()}}, w.outs[sh.index])
	w.outs[sh.index].flush()
	w.outs[sh.index].failed()
}

// client is a peer of the simplest kind.
type client struct {
	w      *world
	addr   netip.AddrPort
	id     *secure.Identity
	conn   *secure.MemConn
	in     chan []byte
	do     chan func(now time.Time)
	ended  chan struct{}
	tx     *secure.Tx
	rx     *secure.Rx
	stream *stream.Stream
	send   func(b []byte) // the way to the daemon

	got     []*wire.Message
	heard   []heard
	nacks   []uint16
	stats   []rtcp.ReceptionReport
	reports []time.Duration // when they came, since the bubble began
	bye     string
	byes    int

	key       secure.PathKey
	questions []secure.PathRequest // what the daemon asked of its path
	mute      bool                 // does not answer them
	stuns     [][]byte             // all else of STUN
	miserly   bool                 // grants no credit for entries
	listens   func(h *rtp.Header, payload []byte)
	consumed  uint64
	limit     uint64 // that it has granted
}

type heard struct {
	SSRC uint32
	Seq  uint16
	At   time.Duration // since the bubble began
}

var bubbleStart = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// connect makes a client at an address and takes it through validation and handshake.
func (w *world) connect(addr string, id *secure.Identity) *client {
	w.t.Helper()
	c := &client{
		w: w, addr: netip.MustParseAddrPort(addr), id: id,
		in: make(chan []byte, 4096), do: make(chan func(time.Time)), ended: make(chan struct{}),
	}
	if old := w.clients[c.addr]; old != nil {
		old.stop()
	}
	c.send = func(b []byte) { w.send(c.addr, b) }
	w.clients[c.addr] = c
	c.validate()
	c.shake()
	go c.loop()
	return c
}

func (c *client) arrives(b []byte) {
	select {
	case c.in <- b:
	default:
		c.w.t.Error("a client's queue is full")
	}
}

func (c *client) validate() {
	txid := [12]byte{1}
	var nonce []byte
	for range 2 {
		c.send(secure.BindingRequest(nil, txid, nonce))
		reply, err := secure.ParseBindingReply(<-c.in, txid)
		if err != nil {
			c.w.t.Fatal(err)
		}
		nonce = reply.Nonce
	}
}

func (c *client) shake() {
	c.conn = secure.NewMemConn(func(b []byte) { c.send(append([]byte(nil), b...)) })
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		for {
			select {
			case b := <-c.in:
				if wire.KindOf(b) == wire.KindDTLS {
					_ = c.conn.Feed(b)
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	secrets, err := secure.Handshake(ctx, c.conn, secure.Config{
		Identity: c.id, Client: true, Verify: func(secure.Fingerprint) error { return nil },
	})
	cancel()
	<-fed
	if err != nil {
		c.w.t.Fatal(err)
	}
	secrets.Free()
	if c.tx, c.rx, err = secrets.Protect(); err != nil {
		c.w.t.Fatal(err)
	}
	c.key, c.limit = secrets.PathKey(), wire.FirstCredit
	c.rx.Allow(wire.SSRCDaemon)
	c.stream = stream.New(stream.Config{Local: wire.SSRCPeer, Remote: wire.SSRCDaemon}, time.Now())
}

func (c *client) loop() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case b := <-c.in:
			c.open(time.Now(), b)
		case f := <-c.do:
			f(time.Now())
		case <-timer.C:
			c.stream.Advance(time.Now())
		case <-c.ended:
			return
		}
		c.flush(time.Now())
		if d := c.stream.Deadline(); !d.IsZero() {
			timer.Reset(time.Until(d))
		}
	}
}

// stop ends the client without a word.
func (c *client) stop() {
	select {
	case <-c.ended:
	default:
		close(c.ended)
	}
}

func (c *client) open(now time.Time, b []byte) {
	if wire.KindOf(b) == wire.KindSTUN {
		c.stun(b)
		return
	}
	if wire.KindOf(b) == wire.KindRTCP {
		plain, err := c.rx.OpenRTCP(nil, b)
		if err != nil {
			return
		}
		c.stream.Heard(now)
		packets, err := wire.ParseRTCP(plain)
		if err != nil {
			c.w.t.Error(err)
		}
		for _, p := range packets {
			switch p := p.(type) {
			case *rtcp.CCFeedbackReport:
				if err := c.stream.HandleReport(now, p); err != nil {
					c.w.t.Error(err)
				}
			case *rtcp.TransportLayerNack:
				for _, pair := range p.Nacks {
					c.nacks = append(c.nacks, pair.PacketList()...)
				}
			case *rtcp.ReceiverReport:
				c.stats = append(c.stats, p.Reports...)
				c.reports = append(c.reports, now.Sub(bubbleStart))
			case *rtcp.Goodbye:
				c.bye = p.Reason
				c.byes++
			}
		}
		return
	}
	plain, err := c.rx.OpenRTP(nil, b)
	if err != nil {
		if !errors.Is(err, secure.ErrReplayed) && !errors.Is(err, secure.ErrForeignSSRC) {
			c.w.t.Errorf("what the daemon sent cannot be opened: %v", err)
		}
		return
	}
	var h rtp.Header
	n, err := h.Unmarshal(plain)
	if err != nil {
		c.w.t.Fatal(err)
	}
	if h.SSRC != wire.SSRCDaemon {
		c.heard = append(c.heard, heard{h.SSRC, h.SequenceNumber, now.Sub(bubbleStart)})
		if c.listens != nil {
			c.listens(&h, plain[n:])
		}
		return
	}
	if err := c.stream.HandlePacket(now, &h, plain[n:]); err != nil {
		c.w.t.Error(err)
	}
	for {
		b, ok := c.stream.Receive()
		if !ok {
			return
		}
		m, err := wire.Decode(b)
		if err != nil {
			c.w.t.Fatal(err)
		}
		if start := m.GetTalkStart(); start != nil {
			c.rx.Allow(start.GetSsrc())
		}
		for _, start := range m.GetJoined().GetTalking() {
			c.rx.Allow(start.GetSsrc())
		}
		c.got = append(c.got, m)
		if m.GetEntry() != nil {
			c.consume(len(b))
		}
	}
}

func (c *client) flush(now time.Time) {
	for {
		plain, kind, number := c.stream.AppendPacket(now, nil)
		switch kind {
		case stream.RTP:
			c.sendRTP(plain, number)
		case stream.RTCP:
			c.sendRTCP(plain)
		case stream.None:
			return
		}
	}
}

func (c *client) sendRTP(plain []byte, index uint64) {
	sealed, err := c.tx.SealRTP(nil, plain, index)
	if err != nil {
		c.w.t.Error(err)
		return
	}
	c.send(sealed)
}

func (c *client) sendRTCP(plain []byte) {
	sealed, err := c.tx.SealRTCP(nil, plain)
	if err != nil {
		c.w.t.Error(err)
		return
	}
	c.send(sealed)
}

// run has the client do something, and waits until it has gone round.
func (c *client) run(f func(now time.Time)) {
	select {
	case c.do <- f:
	case <-c.ended:
		c.w.t.Fatal("the client has ended")
	}
	synctest.Wait()
}

// say sends a message.
func (c *client) say(encoded []byte) {
	c.run(func(time.Time) {
		if err := c.stream.Send(encoded); err != nil {
			c.w.t.Error(err)
		}
	})
}

// speak sends one audio packet.
func (c *client) speak(ssrc uint32, seq uint16, timestamp uint32) {
	p := rtp.Packet{
		Header:  rtp.Header{Version: 2, PayloadType: wire.PayloadOpus, SSRC: ssrc, SequenceNumber: seq, Timestamp: timestamp},
		Payload: make([]byte, 80),
	}
	b, err := p.Marshal()
	if err != nil {
		c.w.t.Fatal(err)
	}
	c.run(func(time.Time) { c.sendRTP(b, uint64(seq)) })
}

// enter says hello and joins a room.
func (c *client) enter(nick, room string, join *wire.Join) {
	c.say(wire.Encode(&wire.Message_Hello{Hello: &wire.Hello{Versions: []uint32{1}, Nick: nick}}))
	if join == nil {
		join = &wire.Join{From: &wire.Join_Live{Live: true}, Hear: true}
	}
	join.Room = room
	c.say(wire.Encode(&wire.Message_Join{Join: join}))
}

// talk gets an SSRC and begins a talkspurt with packet seq.
func (c *client) talk(room string, seq uint16, timestamp uint32) uint32 {
	c.w.t.Helper()
	c.say(wire.Encode(&wire.Message_Talk{Talk: &wire.Talk{Room: room, PayloadType: wire.PayloadOpus}}))
	granted := last(c, (*wire.Message).GetTalkGranted)
	if granted == nil {
		c.w.t.Fatal("no grant")
	}
	c.say(wire.Encode(&wire.Message_TalkStart{TalkStart: &wire.TalkStart{
		Room: room, Ssrc: granted.GetSsrc(), PayloadType: wire.PayloadOpus, FirstSeq: uint32(seq), FirstTimestamp: timestamp,
	}}))
	return granted.GetSsrc()
}

func (c *client) publish(room string, id uint64, text string) {
	c.say(wire.Encode(&wire.Message_Publish{Publish: &wire.Publish{Room: room, Id: id, Body: []byte(text)}}))
}

// all gives the messages of one kind.
func all[M any](c *client, get func(*wire.Message) *M) []*M {
	var out []*M
	for _, m := range c.got {
		if k := get(m); k != nil {
			out = append(out, k)
		}
	}
	return out
}

// last gives the latest message of one kind, or nil.
func last[M any](c *client, get func(*wire.Message) *M) *M {
	if ms := all(c, get); len(ms) > 0 {
		return ms[len(ms)-1]
	}
	return nil
}

func (c *client) texts() []string {
	var out []string
	for _, e := range all(c, (*wire.Message).GetEntry) {
		out = append(out, string(e.GetBody()))
	}
	return out
}

func newID(t *testing.T) *secure.Identity {
	t.Helper()
	id, err := secure.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}
