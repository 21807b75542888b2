package peer

import (
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

// t0 is when the tests' clock starts.
var t0 = time.Unix(1_000_000, 0)

func mustIdentity(t testing.TB) *secure.Identity {
	t.Helper()
	id, err := secure.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// shake makes the secrets of a peer and a daemon in memory.
func shake(t testing.TB, peer, daemon *secure.Identity) (ofPeer, ofDaemon *secure.Secrets) {
	t.Helper()
	var mu sync.Mutex
	var a, b *secure.MemConn
	feed := func(to **secure.MemConn) func([]byte) {
		return func(d []byte) {
			mu.Lock()
			defer mu.Unlock()
			_ = (*to).Feed(d)
		}
	}
	a, b = secure.NewMemConn(feed(&b)), secure.NewMemConn(feed(&a))
	anyone := func(secure.Fingerprint) error { return nil }
	type outcome struct {
		secrets *secure.Secrets
		err     error
	}
	done := make(chan outcome, 1)
	go func() {
		s, err := secure.Handshake(t.Context(), b, secure.Config{Identity: daemon, Verify: anyone})
		done <- outcome{s, err}
	}()
	ofPeer, err := secure.Handshake(t.Context(), a, secure.Config{Identity: peer, Client: true, Verify: anyone})
	other := <-done
	if err != nil || other.err != nil {
		t.Fatal(err, other.err)
	}
	ofPeer.Free()
	other.secrets.Free()
	return ofPeer, other.secrets
}

// rig is an engine and a daemon that does what the test says, with a clock of the test's.
type rig struct {
	t      testing.TB
	now    time.Time
	e      *engine
	client *Client // for API calls that need no loop
	daemon *secure.Identity
	d      *fakeDaemon
	up     [][]byte // datagrams on their way to the daemon
	cut    bool     // the daemon gets and sends nothing
}

// fakeDaemon is the daemon's end of one session.
type fakeDaemon struct {
	tx       *secure.Tx
	rx       *secure.Rx
	stream   *stream.Stream
	messages []*wire.Message // that came
	audio    []rtp.Packet    // that came
	raw      [][]byte        // the same, plaintext
	rtcp     []rtcp.Packet   // that came, but for feedback
}

func newRig(t testing.TB, cfg Config) *rig {
	t.Helper()
	if cfg.Identity == nil {
		cfg.Identity = mustIdentity(t)
	}
	cfg.Server = "localhost"
	cfg, err := cfg.checked()
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(cfg)
	r := &rig{t: t, now: t0, e: c.engine, client: c, daemon: mustIdentity(t)}
	return r
}

// connect begins a session and drops an old one.
func (r *rig) connect() {
	r.t.Helper()
	if r.e.s != nil {
		r.e.detach()
	}
	mine, theirs := shake(r.t, r.e.cfg.Identity, r.daemon)
	tx, rx, err := mine.Protect()
	if err != nil {
		r.t.Fatal(err)
	}
	d := &fakeDaemon{stream: stream.New(stream.Config{Local: wire.SSRCDaemon, Remote: wire.SSRCPeer}, r.now)}
	if d.tx, d.rx, err = theirs.Protect(); err != nil {
		r.t.Fatal(err)
	}
	d.rx.Allow(wire.SSRCPeer)
	r.d, r.up = d, nil
	s := newSession(r.now, &link{tx: tx, rx: rx})
	s.write = func(b []byte) error {
		r.up = append(r.up, append([]byte(nil), b...))
		return nil
	}
	r.e.attach(r.now, s)
	r.run()
}

// welcome connects and answers Hello.
func (r *rig) welcome() {
	r.t.Helper()
	r.connect()
	hello := take[*wire.Message_Hello](r).Hello
	r.say(&wire.Message{Kind: &wire.Message_Welcome{Welcome: &wire.Welcome{
		Version: 1, SessionId: []byte("0123456789abcdef"), Nick: hello.GetNick(), MaxMessage: wire.MaxBody,
	}}})
}

// run passes datagrams to and fro until all is quiet.
func (r *rig) run() {
	for {
		r.e.advance(r.now)
		if r.e.s != nil {
			r.e.s.flush(r.now)
		}
		up := r.up
		r.up = nil
		if r.cut {
			return
		}
		for _, b := range up {
			r.d.take(r.t, r.now, b)
		}
		if !r.d.give(r) && len(up) == 0 {
			return
		}
	}
}

// pass lets time go by in small steps.
func (r *rig) pass(d time.Duration) {
	for end := r.now.Add(d); r.now.Before(end); {
		r.now = r.now.Add(min(5*time.Millisecond, end.Sub(r.now)))
		r.d.stream.Advance(r.now)
		r.run()
	}
}

// say sends a message of the daemon.
func (r *rig) say(messages ...*wire.Message) {
	r.t.Helper()
	for _, m := range messages {
		b, err := encodeMessage(m)
		if err != nil {
			r.t.Fatal(err)
		}
		if err := r.d.stream.Send(b); err != nil {
			r.t.Fatal(err)
		}
	}
	r.run()
}

// sound sends an audio packet of the daemon.
func (r *rig) sound(ssrc uint32, seq uint64, timestamp uint32, payload []byte) {
	r.t.Helper()
	p := rtp.Packet{Payload: payload, Header: rtp.Header{
		Version: 2, PayloadType: wire.PayloadL16, SequenceNumber: uint16(seq), Timestamp: timestamp, SSRC: ssrc,
	}}
	b, err := p.Marshal()
	if err != nil {
		r.t.Fatal(err)
	}
	sealed, err := r.d.tx.SealRTP(nil, b, seq)
	if err != nil {
		r.t.Fatal(err)
	}
	r.e.receive(r.now, sealed, r.now)
	r.run()
}

// receive takes a datagram that came on the link in use.
func (e *engine) receive(now time.Time, datagram []byte, arrived time.Time) {
	if e.s != nil {
		e.receiveFrom(now, e.s.link, datagram, arrived)
	}
}

// control sends an RTCP packet of the daemon.
func (r *rig) control(p rtcp.Packet) {
	r.t.Helper()
	b, err := p.Marshal()
	if err != nil {
		r.t.Fatal(err)
	}
	sealed, err := r.d.tx.SealRTCP(nil, b)
	if err != nil {
		r.t.Fatal(err)
	}
	r.e.receive(r.now, sealed, r.now)
	r.run()
}

// take reads a datagram of the peer.
func (d *fakeDaemon) take(t testing.TB, now time.Time, b []byte) {
	t.Helper()
	if len(b) > wire.MaxDatagram {
		t.Errorf("a datagram of %d bytes", len(b))
	}
	if wire.KindOf(b) == wire.KindRTCP {
		plain, err := d.rx.OpenRTCP(nil, b)
		if err != nil {
			t.Fatal(err)
		}
		packets, err := wire.ParseRTCP(plain)
		if err != nil {
			t.Fatal(err)
		}
		d.stream.Heard(now)
		for _, p := range packets {
			if report, ok := p.(*rtcp.CCFeedbackReport); ok {
				if err := d.stream.HandleReport(now, report); err != nil {
					t.Fatal(err)
				}
				continue
			}
			d.rtcp = append(d.rtcp, p)
		}
		return
	}
	plain, err := d.rx.OpenRTP(nil, b)
	if err != nil {
		return // a resend, or a talk that was not granted
	}
	var p rtp.Packet
	if err := p.Unmarshal(plain); err != nil {
		t.Fatal(err)
	}
	if p.SSRC != wire.SSRCPeer {
		d.audio = append(d.audio, p)
		d.raw = append(d.raw, plain)
		return
	}
	if err := d.stream.HandlePacket(now, &p.Header, p.Payload); err != nil {
		t.Fatal(err)
	}
	for m, ok := d.stream.Receive(); ok; m, ok = d.stream.Receive() {
		decoded, err := wire.Decode(m)
		if err != nil {
			t.Fatal(err)
		}
		d.messages = append(d.messages, decoded)
	}
}

// give sends what the daemon's stream has to send.
func (d *fakeDaemon) give(r *rig) (some bool) {
	for {
		b, kind, number := d.stream.AppendPacket(r.now, nil)
		if kind == stream.None {
			return some
		}
		some = true
		var err error
		if kind == stream.RTP {
			b, err = d.tx.SealRTP(nil, b, number)
		} else {
			b, err = d.tx.SealRTCP(nil, b)
		}
		if err != nil {
			r.t.Fatal(err)
		}
		r.e.receive(r.now, b, r.now)
	}
}

// take removes the next message of the peer, which must be of that kind.
func take[K any](r *rig) K {
	r.t.Helper()
	r.run()
	if len(r.d.messages) == 0 {
		var k K
		r.t.Fatalf("no message came, want %T", k)
	}
	m := r.d.messages[0]
	r.d.messages = r.d.messages[1:]
	k, ok := m.GetKind().(K)
	if !ok {
		r.t.Fatalf("a %T came, want %T", m.GetKind(), k)
	}
	return k
}

// nothing fails if the peer has said something.
func (r *rig) nothing() {
	r.t.Helper()
	r.run()
	if len(r.d.messages) > 0 {
		r.t.Fatalf("a %T came, want nothing", r.d.messages[0].GetKind())
	}
}

// event removes the next event, which must be of that type.
func event[E Event](r *rig) E {
	r.t.Helper()
	r.run()
	r.e.takeHeard()
	if len(r.e.events) == 0 {
		var e E
		r.t.Fatalf("no event, want %T", e)
	}
	ev := r.e.events[0].Event
	r.e.delivered()
	e, ok := ev.(E)
	if !ok {
		r.t.Fatalf("event %T %+v, want %T", ev, ev, e)
	}
	return e
}

// noEvent fails if there is one.
func (r *rig) noEvent() {
	r.t.Helper()
	r.run()
	r.e.takeHeard()
	if len(r.e.events) > 0 {
		r.t.Fatalf("event %T %+v, want none", r.e.events[0].Event, r.e.events[0].Event)
	}
}

// join joins a room as the API does.
func (r *rig) join(o JoinOptions, h *Hearing, answer *wire.Joined) *Joined {
	r.t.Helper()
	var joined *Joined
	r.client.startJoin(r.now, o, h, func(j *Joined, err error) {
		if err != nil {
			r.t.Error(err)
		}
		joined = j
	})
	j := take[*wire.Message_Join](r).Join
	answer.Request, answer.Room = j.GetRequest(), j.GetRoom()
	r.say(&wire.Message{Kind: &wire.Message_Joined{Joined: answer}})
	if joined == nil {
		r.t.Fatal("not joined")
	}
	return joined
}

func encodeMessage(m *wire.Message) ([]byte, error) { return proto.Marshal(m) }

// delivered gives the user one event.
func (e *engine) delivered() {
	e.events[0].giveBack()
	e.eventBytes -= e.events[0].cost
	e.events = e.events[1:]
}

// publish publishes one message.
func (r *rig) publish(out Outgoing, admitted func(*Publication)) (cancel func()) {
	return r.e.publish(r.now, []Outgoing{out}, func(taken []*Publication) {
		for _, p := range taken {
			admitted(p)
		}
	})
}
