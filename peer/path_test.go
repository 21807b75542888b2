package peer

import (
	"errors"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"yodel/peer/audio"
	"yodel/wire"
	"yodel/wire/secure"
)

// simClient is a client in a bubble, in the room "lobby".
type simClient struct {
	*Client
	t      *testing.T
	events []Event // that came
	ended  chan struct{}
}

func (n *simNet) client(t *testing.T, reconnect bool, change ...func(*wire.KeyLimits)) *simClient {
	t.Helper()
	cfg := Config{Server: "daemon.example:9635", Identity: mustIdentity(t), Nick: "alice", Reconnect: reconnect, net: n.network()}
	for _, f := range change {
		cfg.limits = new(wire.KeyLimits)
		*cfg.limits = wire.RekeyLimits
		f(cfg.limits)
	}
	c, err := Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &simClient{Client: c, t: t, ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		for ev := range c.Events() {
			s.events = append(s.events, ev)
		}
	}()
	return s
}

func (c *simClient) join() *simClient {
	c.t.Helper()
	if _, err := c.Join(c.t.Context(), JoinOptions{Room: "lobby"}); err != nil {
		c.t.Fatal(err)
	}
	return c
}

// publish sends a message and waits for its receipt.
func (c *simClient) publish(text string) {
	c.t.Helper()
	if _, err := c.begin(text).Receipt(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
}

func (c *simClient) begin(text string) *Publication {
	c.t.Helper()
	p, err := c.Publish(c.t.Context(), Outgoing{Room: "lobby", Body: []byte(text)})
	if err != nil {
		c.t.Fatal(err)
	}
	return p
}

// close ends the client, once all that is on its way has come, and gives what it told.
func (c *simClient) close() []Event {
	after(200 * time.Millisecond)
	_ = c.Close()
	<-c.ended
	return c.events
}

// count tells how many events of a type came.
func count[E Event](events []Event) (n int) {
	for _, ev := range events {
		if _, ok := ev.(E); ok {
			n++
		}
	}
	return n
}

// bodies are the texts of the messages that came.
func bodies(events []Event) string {
	var list []byte
	for _, ev := range events {
		if m, ok := ev.(*Message); ok {
			list = append(list, m.Body...)
		}
	}
	return string(list)
}

// after lets time go by in a bubble.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// engineOf reads the engine of a client that runs.
func engineOf[T any](c *simClient, f func(e *engine) T) T {
	c.t.Helper()
	v, err := call(c.t.Context(), c.Client, func(_ time.Time, reply func(T, error)) func() {
		reply(f(c.engine), nil)
		return nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return v
}

// long is a text whose datagram is longer than a hint.
var long = strings.Repeat("b", 100)

func TestANATThatForgetsDoesNotEndTheSession(t *testing.T) {
	for _, reconnect := range []bool{false, true} {
		inSim(t, func(t *testing.T, n *simNet) {
			c := n.client(t, reconnect).join()
			c.publish("a")
			after(time.Minute)
			n.rebind()
			start := time.Now()
			c.publish(long) // a datagram that is long enough for a hint
			if took := time.Since(start); took > time.Second {
				t.Errorf("the first message after the change took %v", took)
			}
			n.daemon.look(func() {
				if n.daemon.hints < 1 || n.daemon.moves != 1 || n.daemon.handshakes != 1 {
					t.Errorf("%d hints, %d moves, %d handshakes, want one of each", n.daemon.hints, n.daemon.moves, n.daemon.handshakes)
				}
			})
			events := c.close()
			if count[*Lost](events)+count[*Back](events) > 0 || bodies(events) != "a"+long {
				t.Errorf("%q in %+v", bodies(events), events)
			}
		})
	}
}

// A voice is sent on without waiting; what the daemon does not take until the session has moved is asked for again.
func TestAVoiceGoesOnAfterANATHasForgotten(t *testing.T) {
	inSim(t, func(t *testing.T, n *simNet) {
		c := n.client(t, false).join()
		talk, err := c.Talk(t.Context(), "lobby", audio.L16)
		if err != nil {
			t.Fatal(err)
		}
		var last time.Time
		gap := time.Duration(0)
		for i := range 200 {
			if i == 100 {
				n.rebind()
			}
			if err := talk.Write(make([]int16, 480)); err != nil {
				t.Fatal(err)
			}
			before := len(n.daemon.heard())
			after(10 * time.Millisecond)
			if len(n.daemon.heard()) > before {
				if !last.IsZero() {
					gap = max(gap, time.Since(last))
				}
				last = time.Now()
			}
		}
		if gap > 300*time.Millisecond {
			t.Errorf("a gap of %v, want at most a few round trips", gap)
		}
		n.daemon.look(func() {
			if s := n.daemon.present(); len(s.starts) != 1 || n.daemon.handshakes != 1 {
				t.Errorf("%d talkspurts, %d handshakes", len(s.starts), n.daemon.handshakes)
			}
		})
		c.close()
	})
}

func (d *simDaemon) heard() []simFrame {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]simFrame(nil), d.voice...)
}

// Forged hints cost one check a second, and each ends well: its nonce is stale, and the daemon gives another.
func TestAFloodOfForgedHints(t *testing.T) {
	inSim(t, func(t *testing.T, n *simNet) {
		c := n.client(t, true).join()
		after(time.Second)
		stranger := secure.NewValidator()
		var asked int
		n.set(func() {
			n.tap = func(up bool, _ *simConn, b []byte) bool {
				if _, ok := secure.ParsePathRequest(b); ok && up {
					asked++
				}
				return false
			}
		})
		for range 5000 {
			n.daemon.look(func() {
				s := n.daemon.present()
				n.toPeer(stranger.Hint(nil, make([]byte, 100), s.addr, time.Now()), s.addr, s.remote)
			})
			<-time.After(time.Millisecond)
		}
		n.set(func() { n.tap = nil })
		c.publish("a")
		n.daemon.look(func() {
			if n.daemon.handshakes != 1 || n.daemon.moves != 0 {
				t.Errorf("%d handshakes, %d moves", n.daemon.handshakes, n.daemon.moves)
			}
			// A stale nonce is answered with a good one, so each check takes two requests.
			if got := len(n.daemon.paths); got < 4 || got > 6 || asked != 2*got {
				t.Errorf("%d requests, %d of them with a good nonce, in 5 s", asked, got)
			}
		})
		if events := c.close(); count[*Lost](events) > 0 {
			t.Errorf("%+v", events)
		}
	})
}

// A client whose local address changes takes its session with it, over a new socket. What comes on the old one is taken for a while.
func TestTheSessionMovesWithTheLocalAddress(t *testing.T) {
	for name, gone := range map[string]bool{"the old address is gone": true, "the old address still works": false} {
		t.Run(name, func(t *testing.T) {
			inSim(t, func(t *testing.T, n *simNet) {
				c := n.client(t, false).join()
				c.publish("a")
				n.set(func() { n.local, n.unbound[homeAddr] = roadAddr, gone })
				n.changes <- struct{}{}
				after(time.Second)
				n.daemon.look(func() {
					if n.daemon.moves != 1 || n.daemon.handshakes != 1 || n.daemon.hints != 0 {
						t.Errorf("%d moves, %d handshakes, %d hints", n.daemon.moves, n.daemon.handshakes, n.daemon.hints)
					}
				})
				leaving := engineOf(c, func(e *engine) *link { return e.s.leaving })
				if leaving == nil {
					t.Fatal("the old socket is closed at once")
				}
				conn, _ := leaving.conn.(*simConn)
				before := engineOf(c, func(e *engine) uint64 { return e.s.received })
				n.set(func() { n.unbound[homeAddr] = false })
				n.daemon.look(func() { // a packet that was on its way
					s := n.daemon.present()
					b, _ := wire.AppendReceiverReport(nil, wire.SSRCDaemon, nil)
					sealed, err := s.tx.SealRTCP(nil, b)
					if err != nil {
						t.Error(err)
					}
					n.toPeer(sealed, n.nat[conn.local], s.remote)
				})
				after(100 * time.Millisecond)
				if after := engineOf(c, func(e *engine) uint64 { return e.s.received }); after != before+1 {
					t.Error("a packet on the old socket was not taken")
				}
				after(leaveAfter)
				if !conn.isClosed() {
					t.Error("the old socket stays")
				}
				c.publish("b")
				if events := c.close(); bodies(events) != "ab" || count[*Lost](events) > 0 {
					t.Errorf("%+v", events)
				}
			})
		})
	}
}

// Without news from the system it is the network's own error that makes the client look for another way.
func TestAWriteThatFailsMovesTheSession(t *testing.T) {
	inSim(t, func(t *testing.T, n *simNet) {
		c := n.client(t, false).join()
		n.set(func() { n.local, n.unbound[homeAddr] = roadAddr, true })
		start := time.Now()
		c.publish("a")
		if took := time.Since(start); took > time.Second {
			t.Errorf("it took %v", took)
		}
		c.close()
	})
}

// An address that comes up without reaching the daemon does not cost the session: the new socket is given up, the old one stays.
func TestAnAddressThatLeadsNowhere(t *testing.T) {
	inSim(t, func(t *testing.T, n *simNet) {
		c := n.client(t, true).join()
		n.set(func() { n.local, n.unbound[roadAddr] = roadAddr, true })
		n.changes <- struct{}{}
		after(time.Second)
		if !engineOf(c, func(e *engine) bool { return e.s.check.beside != nil }) {
			t.Error("the new address is not tried")
		}
		c.publish("a")
		after(besideFor)
		c.publish("b")
		if engineOf(c, func(e *engine) bool { return e.s.check.open() }) {
			t.Error("it is tried for ever")
		}
		if events := c.close(); count[*Lost](events) > 0 || bodies(events) != "ab" {
			t.Errorf("%+v", events)
		}
	})
}

// An idle session never doubts its path, and one that waits for an answer does so after 5 s.
func TestThePathIsDoubtedOnlyWhileAnAnswerIsOutstanding(t *testing.T) {
	inSim(t, func(t *testing.T, n *simNet) {
		c := n.client(t, false).join()
		after(14 * time.Minute)
		n.daemon.look(func() {
			if len(n.daemon.paths) != 0 {
				t.Errorf("an idle session asked %d times for its path", len(n.daemon.paths))
			}
		})
		n.set(func() { n.down = true })
		p := c.begin("a")
		after(wire.DoubtAfter - 100*time.Millisecond)
		if engineOf(c, func(e *engine) bool { return e.s.check.open() }) {
			t.Error("it doubts too early")
		}
		after(200 * time.Millisecond)
		if !engineOf(c, func(e *engine) bool { return e.s.check.open() }) {
			t.Error("it does not doubt")
		}
		n.set(func() { n.down = false })
		start := time.Now()
		if _, err := p.Receipt(t.Context()); err != nil || time.Since(start) > 1100*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		c.close()
	})
}

// pathRig is a welcome session of a rig, with what it sends about its path.
func pathRig(t *testing.T) (r *rig, sent *[][]byte) {
	r = newRig(t, Config{Nick: "alice"})
	r.welcome()
	r.e.s.link.addr = daemonAddr
	sent = new([][]byte)
	write := r.e.s.write
	r.e.s.write = func(b []byte) error {
		if wire.KindOf(b) == wire.KindSTUN {
			*sent = append(*sent, append([]byte(nil), b...))
			return nil
		}
		return write(b)
	}
	return r, sent
}

var daemonAddr = netip.MustParseAddrPort("192.0.2.1:9635")

func TestForgedAnswersToAPathRequestAreIgnored(t *testing.T) {
	r, sent := pathRig(t)
	r.e.askHere(r.now, []byte("a nonce"))
	request, ok := secure.ParsePathRequest((*sent)[0])
	if !ok || string(request.Session[:]) != "0123456789abcdef" || request.Count != 1 {
		t.Fatalf("%+v", request)
	}
	other := [12]byte{1}
	key := r.e.s.key
	for name, b := range map[string][]byte{
		"401 of another request":     secure.AppendPathUnknown(nil, other),
		"success of another request": secure.AppendPathAnswer(nil, other, daemonAddr, &key),
		"success with another key":   secure.AppendPathAnswer(nil, request.TxID, daemonAddr, &secure.PathKey{1}),
		"success without integrity":  secure.AppendPathAnswer(nil, request.TxID, daemonAddr, &key)[:32],
		"garbage":                    make([]byte, 40),
	} {
		r.e.receive(r.now, b, r.now)
		if r.e.failed() != nil || !r.e.s.check.open() {
			t.Fatalf("%s: %v, check open: %t", name, r.e.failed(), r.e.s.check.open())
		}
	}
	r.e.receive(r.now, secure.AppendPathAnswer(nil, request.TxID, daemonAddr, &key), r.now)
	if r.e.s.check.open() {
		t.Error("the answer is not taken")
	}
	r.e.askHere(r.now, []byte("a nonce"))
	request, _ = secure.ParsePathRequest((*sent)[len(*sent)-1])
	if request.Count != 2 {
		t.Errorf("count %d, want 2", request.Count)
	}
	r.now = r.now.Add(time.Millisecond)
	r.e.receive(r.now, secure.AppendPathUnknown(nil, request.TxID), r.now)
	r.e.advance(r.now.Add(minUnknown - time.Millisecond))
	if err := r.e.failed(); err != nil {
		t.Errorf("401 is believed at once: %v", err)
	}
	r.e.advance(r.now.Add(maxUnknown))
	if err := r.e.failed(); !errors.Is(err, ErrLost) {
		t.Errorf("401: %v", err)
	}
}

func TestAPathRequestIsRepeated(t *testing.T) {
	r, sent := pathRig(t)
	r.cut = true
	start := r.now
	r.e.doubtPath(r.now)
	var at []time.Duration
	for n := 0; len(at) < 5; r.now = r.now.Add(5 * time.Millisecond) {
		r.e.advance(r.now)
		for ; n < len(*sent); n++ {
			at = append(at, r.now.Sub(start))
		}
	}
	want := []time.Duration{0, 250 * time.Millisecond, 750 * time.Millisecond, 1750 * time.Millisecond, 2750 * time.Millisecond}
	for i := range want {
		if at[i] != want[i] || string((*sent)[i]) != string((*sent)[0]) {
			t.Fatalf("sent at %v, want %v, all the same", at, want)
		}
	}
}

// The daemon may have decided that the session stays where it was: what it is asked later is another request.
func TestAPathRequestWithoutAnAnswerIsMadeAnew(t *testing.T) {
	r, sent := pathRig(t)
	r.cut = true
	r.e.askHere(r.now, []byte("a nonce"))
	for range 2000 {
		r.now = r.now.Add(5 * time.Millisecond)
		r.e.advance(r.now)
	}
	counts := make(map[uint64]int)
	var newest secure.PathRequest
	for _, b := range *sent {
		newest, _ = secure.ParsePathRequest(b)
		counts[newest.Count]++
	}
	if len(counts) != 4 || newest.Count != 4 || counts[1] != 5 || string(newest.Nonce) != "a nonce" {
		t.Errorf("requests by their counts: %v, the newest %+v", counts, newest)
	}
	key := r.e.s.key
	r.e.receive(r.now, secure.AppendPathAnswer(nil, newest.TxID, daemonAddr, &key), r.now)
	if r.e.s.check.open() {
		t.Error("the answer to the newest is not taken")
	}
}

func TestTheDaemonsQuestionIsAnsweredOnTheLinkInUse(t *testing.T) {
	r, sent := pathRig(t)
	key := r.e.s.key
	ask := func(count uint64, txid byte, key *secure.PathKey, id string) int {
		before := len(*sent)
		q := secure.PathRequest{TxID: [12]byte{txid}, Session: secure.SessionID([]byte(id)), Count: count}
		r.e.receive(r.now, secure.AppendPathQuestion(nil, q, key), r.now)
		return len(*sent) - before
	}
	const id = "0123456789abcdef"
	for _, tt := range []struct {
		name  string
		count uint64
		txid  byte
		key   *secure.PathKey
		id    string
		want  int
	}{
		{"the first", 5, 1, &key, id, 1},
		{"its repetition", 5, 1, &key, id, 1},
		{"another of the same count", 5, 2, &key, id, 0},
		{"an older one", 4, 3, &key, id, 0},
		{"one that is not authentic", 9, 4, &secure.PathKey{1}, id, 0},
		{"one of another session", 9, 5, &key, "0123456789abcdeX", 0},
		{"the next", 6, 6, &key, id, 1},
		{"an old one again", 5, 1, &key, id, 0},
	} {
		if got := ask(tt.count, tt.txid, tt.key, tt.id); got != tt.want {
			t.Errorf("%s: %d answers, want %d", tt.name, got, tt.want)
		}
	}
	own := secure.PathRequest{TxID: [12]byte{8}, Session: secure.SessionID([]byte(id)), Count: 99, Nonce: []byte("a nonce")}
	before := len(*sent)
	r.e.receive(r.now, secure.AppendPathRequest(nil, own, &key), r.now)
	if len(*sent) != before || ask(7, 8, &key, id) != 1 {
		t.Error("a request of its own that was sent back is answered, or shuts out the daemon's question")
	}
	if _, err := secure.ParsePathReply((*sent)[0], [12]byte{1}, &key); err != nil {
		t.Error(err)
	}
	r.e.s.check.beside = &pathProbe{link: &link{}} // it is moving away
	if got := ask(8, 7, &key, id); got != 0 {
		t.Error("answered on the link that it leaves")
	}
}

func TestPathErrors(t *testing.T) {
	for _, err := range []error{syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.EADDRNOTAVAIL, syscall.EINVAL, syscall.EPERM} {
		r, sent := pathRig(t)
		r.e.s.socketSays(&netError{err})
		r.run()
		if len(*sent) != 1 || r.e.failed() != nil {
			t.Errorf("%v: %d requests, %v", err, len(*sent), r.e.failed())
		}
	}
	r, sent := pathRig(t)
	r.e.s.socketSays(&netError{syscall.ECONNREFUSED})
	if r.run(); len(*sent) != 0 || !errors.Is(r.e.failed(), ErrLost) {
		t.Errorf("refused: %d requests, %v", len(*sent), r.e.failed())
	}
}

type netError struct{ error }

func (e *netError) Unwrap() error { return e.error }
