package daemon

import (
	"bytes"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

// inRoom runs a test with alice, who is going to move, and bob, who hears and reads her.
func inRoom(t *testing.T, cfg Config, f func(t *testing.T, alice, bob *client)) {
	t.Helper()
	inWorld(t, cfg, func(t *testing.T, w *world) {
		a, b := w.connect("10.0.0.1:1", newID(t)), w.connect("10.0.0.2:1", newID(t))
		a.enter("alice", "lobby", nil)
		b.enter("bob", "lobby", nil)
		a.w.pass(100 * time.Millisecond)
		f(t, a, b)
	})
}

// A peer that has got another address, and does not answer at the old one any more, keeps its session, its room and its voice.
func TestSessionMovesWithItsPeer(t *testing.T) {
	var log bytes.Buffer
	cfg := Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}
	inRoom(t, cfg, func(t *testing.T, a, b *client) {
		ssrc := a.talk("lobby", 0, 0)
		a.speak(ssrc, 0, 0)
		presences := len(all(b, (*wire.Message).GetPresence))
		o := a.w.outpost("10.9.9.9:9")
		request := a.pathRequest(1, o.nonce())
		a.mute = true
		began := time.Now()
		if got := o.send(request); len(got) != 0 {
			t.Errorf("answered before the old path was asked: %x", got)
		}
		a.w.send(o.addr, a.sealed(ssrc, 1, 960)) // taken already
		synctest.Wait()
		if n := len(b.heard); n != 2 {
			t.Errorf("%d of 2 packets were heard before the decision", n)
		}
		for !o.moved(txid(1), &a.key) {
			a.w.pass(10 * time.Millisecond)
		}
		if d := time.Since(began); d > askMost+10*time.Millisecond || d < askLeast {
			t.Errorf("the move took %v", d)
		}
		if n := len(a.questions); n != askTimes || a.questions[0].TxID != a.questions[2].TxID || a.questions[0].Count != 1 {
			t.Errorf("the old path was asked %v", a.questions)
		}
		answers := len(o.got)
		if got := o.send(request); len(got) != 1 || !bytes.Equal(got[0], o.got[answers-1]) {
			t.Errorf("a repetition got %x", got)
		}
		a.roam(o)
		a.speak(ssrc, 2, 1920)
		a.publish("lobby", 1, "here")
		if n := len(b.heard); n != 3 || len(b.texts()) != 1 || len(all(a, (*wire.Message).GetReceipt)) != 1 || len(a.heard) != 3 {
			t.Errorf("after the move: bob heard %d and read %v, alice heard %v", n, b.texts(), a.heard)
		}
		if n := len(all(b, (*wire.Message).GetPresence)); n != presences {
			t.Errorf("%d presences were told of a move", n-presences)
		}
	})
	if !strings.Contains(log.String(), "msg=moved nick=alice") || !strings.Contains(log.String(), "from=10.0.0.1:1 to=10.9.9.9:9") {
		t.Errorf("the log does not tell of the move:\n%s", log.String())
	}
}

// sealed gives one audio packet of the client as it would be sent.
func (c *client) sealed(ssrc uint32, seq uint16, timestamp uint32) (b []byte) {
	send := c.send
	c.run(func(time.Time) { c.send = func(p []byte) { b = p } })
	c.speak(ssrc, seq, timestamp)
	c.run(func(time.Time) { c.send = send })
	return b
}

func TestPathRequestFromWhereTheSessionIs(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, _ *client) {
		var nonce []byte
		a.run(func(time.Time) { a.send(secure.BindingRequest(nil, txid(0), nil)) })
		reply, err := secure.ParseBindingReply(a.stuns[0], txid(0))
		if err != nil {
			t.Fatal(err)
		}
		nonce = reply.Nonce
		for i, c := range []struct {
			name  string
			count uint64
			want  bool
		}{
			{"new", 3, true}, {"repetition", 3, true}, {"old count", 2, false}, {"newer", 4, true},
		} {
			before, late := len(a.stuns), a.w.dropped(dropLatePath)
			a.run(func(time.Time) { a.send(a.pathRequest(c.count, nonce)) })
			if !c.want {
				if len(a.stuns) != before || a.w.dropped(dropLatePath) != late+1 {
					t.Errorf("%s was answered", c.name)
				}
				continue
			}
			if len(a.stuns) != before+1 {
				t.Fatalf("%d %s: %d answers", i, c.name, len(a.stuns)-before)
			}
			if got, err := secure.ParsePathReply(a.stuns[before], txid(c.count), &a.key); err != nil || got.Mapped != a.addr {
				t.Errorf("%s: %v, %v", c.name, got, err)
			}
		}
		other := secure.AppendPathRequest(nil, secure.PathRequest{TxID: [12]byte{1}, Session: a.sessionID(), Count: 4, Nonce: nonce}, &a.key)
		before := len(a.stuns)
		a.run(func(time.Time) { a.send(other) })
		if len(a.stuns) != before {
			t.Error("another request with the same count was answered")
		}
	})
}

// A request that comes late, from an address that the peer has left, moves nothing back.
func TestLateRequestFromAnOldAddressMovesNothing(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, _ *client) {
		first, second := a.w.outpost("10.9.9.1:1"), a.w.outpost("10.9.9.2:1")
		early := a.pathRequest(1, first.nonce())
		a.mute = true
		a.move(first, 1)
		a.w.pass(2 * time.Second)
		a.move(second, 2)
		back := a.w.outpost("10.9.9.1:1")
		for range 20 {
			back.send(early)
			a.w.pass(100 * time.Millisecond)
		}
		if len(back.got) != 0 || a.w.session(a) == nil || a.w.session(a).addr != second.addr || a.w.dropped(dropLatePath) != 20 {
			t.Errorf("the late request got %d answers; the session is at %v", len(back.got), a.w.session(a))
		}
		a.publish("lobby", 1, "here")
		if len(all(a, (*wire.Message).GetReceipt)) != 1 {
			t.Error("no receipt")
		}
	})
}

// move takes the client to another address. It is mute, so its old path does not answer.
func (c *client) move(o *outpost, count uint64) {
	c.w.t.Helper()
	o.send(c.pathRequest(count, o.nonce()))
	c.w.pass(askMost)
	if !o.moved(txid(count), &c.key) {
		c.w.t.Fatalf("no move to %s", o.addr)
	}
	c.roam(o)
}

func TestSessionStaysWhileItsPathAnswers(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, _ *client) {
		o := a.w.outpost("10.9.9.9:9")
		request := a.pathRequest(1, o.nonce())
		for range 10 { // with repetitions
			o.send(request)
			a.w.pass(250 * time.Millisecond)
		}
		if o.moved(txid(1), &a.key) || a.w.session(a) == nil || len(a.questions) != 1 || a.w.dropped(dropPathAlive) != 1 {
			t.Errorf("moved though the old path was alive: asked %d times", len(a.questions))
		}
		o.send(a.pathRequest(2, o.nonce()))
		if len(a.questions) != 2 || a.questions[1].Count != 2 || a.questions[1].TxID == a.questions[0].TxID {
			t.Errorf("a second question is not a new one: %v", a.questions)
		}
	})
}

// An answer to the daemon's question counts only from the address that was asked, to this question, and with the key.
func TestForgedAnswersDoNotHoldASession(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, _ *client) {
		o, elsewhere := a.w.outpost("10.9.9.9:9"), a.w.outpost("10.6.6.6:6")
		a.mute = true
		o.send(a.pathRequest(1, o.nonce()))
		q := a.questions[0]
		wrongKey := a.key
		wrongKey[0]++
		elsewhere.send(secure.AppendPathAnswer(nil, q.TxID, a.addr, &a.key))
		a.run(func(time.Time) {
			a.send(secure.AppendPathAnswer(nil, q.TxID, a.addr, &wrongKey))
			a.send(secure.AppendPathAnswer(nil, [12]byte{}, a.addr, &a.key))
			a.send(secure.AppendPathUnknown(nil, q.TxID))
		})
		a.w.pass(askMost)
		if !o.moved(txid(1), &a.key) {
			t.Error("no move")
		}
	})
}

func TestNewerCandidateReplacesTheOneBefore(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		first, second := a.w.outpost("10.9.9.1:1"), a.w.outpost("10.9.9.2:1")
		a.mute = true
		ssrc := a.talk("lobby", 0, 0)
		one, two := a.pathRequest(1, first.nonce()), a.pathRequest(2, second.nonce())
		first.send(one)
		second.send(two)
		first.send(one) // late now
		first.send(a.sealed(ssrc, 0, 0))
		if len(b.heard) != 0 {
			t.Error("heard from a candidate that was replaced")
		}
		a.w.pass(askMost)
		if first.moved(txid(1), &a.key) || !second.moved(txid(2), &a.key) || len(a.questions) != askTimes {
			t.Errorf("moved to the first %v, to the second %v, asked %d times",
				first.moved(txid(1), &a.key), second.moved(txid(2), &a.key), len(a.questions))
		}
		a.roam(second)
		a.speak(ssrc, 1, 960)
		if len(b.heard) != 1 {
			t.Error("not heard after the move")
		}
	})
}

func TestPathOfNoSession(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		o := a.w.outpost("10.9.9.9:9")
		nonce := o.nonce()
		stranger := secure.SessionID{1, 2, 3}
		for name, request := range map[string][]byte{
			"unknown session": secure.AppendPathRequest(nil, secure.PathRequest{TxID: txid(1), Session: stranger, Count: 1, Nonce: nonce}, &a.key),
			"other's session": secure.AppendPathRequest(nil, secure.PathRequest{TxID: txid(1), Session: a.sessionID(), Count: 1, Nonce: nonce}, &b.key),
		} {
			got := o.send(request)
			if len(got) != 1 || len(got[0]) > len(request) {
				t.Fatalf("%s: %d answers", name, len(got))
			}
			if _, err := secure.ParsePathReply(got[0], txid(1), &a.key); !errors.Is(err, secure.ErrUnknownSession) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if len(a.questions) != 0 {
			t.Error("the session was asked")
		}
	})
}

// A NAT gives the port of a peer that has moved on to another: its handshake there hurts nobody.
func TestHandshakeAtAnAddressThatASessionHasLeft(t *testing.T) {
	for _, order := range []string{"move, shake", "shake, move", "begin, move, end"} {
		t.Run(order, func(t *testing.T) {
			inRoom(t, Config{}, func(t *testing.T, a, b *client) {
				w, old, o := a.w, a.addr, a.w.outpost("10.9.9.9:9")
				request := a.pathRequest(1, o.nonce())
				a.mute = true
				var c *client
				shake := func() {
					delete(w.clients, old)
					c = w.connect(old.String(), newID(t))
					synctest.Wait() // the daemon has finished as well
				}
				move := func() {
					o.send(request)
					a.w.pass(askMost)
					if !o.moved(txid(1), &a.key) {
						t.Fatal("no move")
					}
				}
				switch order {
				case "move, shake":
					move()
					a.roam(o)
					shake()
				case "shake, move":
					shake()
					b.publish("lobby", 9, "nobody gets this twice")
					move()
					a.roam(o)
				case "begin, move, end":
					var held atomic.Bool // what the daemon says of the handshake
					held.Store(true)
					w.deliver = func(to *client, b []byte) {
						if to == a || wire.KindOf(b) != wire.KindDTLS || !held.Load() {
							to.arrives(b)
						}
					}
					done := make(chan struct{})
					go func() { defer close(done); shake() }()
					synctest.Wait()
					move()
					held.Store(false)
					<-done
					a.roam(o)
				}
				c.enter("carol", "lobby", nil)
				a.publish("lobby", 1, "from alice")
				c.publish("lobby", 1, "from carol")
				a.w.pass(5 * time.Second)
				for name, x := range map[string]*client{"alice": a, "bob": b} {
					got := x.texts()
					if !slices.Contains(got, "from alice") || !slices.Contains(got, "from carol") {
						t.Errorf("%s read %q", name, got)
					}
				}
				if got := last(c, (*wire.Message).GetJoined).GetMembers(); len(got) != 3 {
					t.Errorf("%d members", len(got))
				}
				if a.bye != "" || c.bye != "" {
					t.Errorf("BYE %q %q", a.bye, c.bye)
				}
			})
		})
	}
}
