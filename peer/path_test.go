package peer

import (
	"net/netip"
	"strings"
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

// config is that of a client in the bubble.
func (n *simNet) config(t *testing.T) Config {
	t.Helper()
	return Config{Server: "daemon.example:9635", Identity: mustIdentity(t), Nick: "alice", net: n.network()}
}

func (n *simNet) client(t *testing.T, reconnect bool, change ...func(*wire.KeyLimits)) *simClient {
	t.Helper()
	cfg := n.config(t)
	cfg.Reconnect = reconnect
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
