package daemon

import (
	"net/netip"
	"slices"
	"sync"
	"testing/synctest"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

// outpost is an address from which a test sends datagrams of its own making.
type outpost struct {
	w         *world
	mu        sync.Mutex // the loop's and the pumps' datagrams arrive
	addr      netip.AddrPort
	got       [][]byte
	sentBytes int
	gotBytes  int
	answer    func(b []byte) []byte // gives what is sent back; nil: nothing
}

// drops gives what was dropped, by reason.
func (w *world) drops() map[string]uint64 {
	out := make(map[string]uint64)
	for i, name := range dropNames {
		if n := w.server.hub.drops.now[i].Load(); n > 0 {
			out[name] = n
		}
	}
	return out
}

func (w *world) outpost(addr string) *outpost {
	o := &outpost{w: w, addr: netip.MustParseAddrPort(addr)}
	synctest.Wait()
	w.posts[o.addr] = o
	return o
}

// arrives runs in the daemon's loop and its pumps.
func (o *outpost) arrives(b []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.got = append(o.got, b)
	o.gotBytes += len(b)
	if o.answer != nil {
		if reply := o.answer(b); reply != nil {
			go o.w.send(o.addr, reply)
		}
	}
}

// send brings a datagram to the daemon from the outpost, and gives what came back at once.
func (o *outpost) send(b []byte) [][]byte {
	synctest.Wait()
	before := len(o.got)
	o.sentBytes += len(b)
	o.w.send(o.addr, b)
	synctest.Wait()
	return o.got[before:]
}

// nonce gets one for the address, by a datagram that earns error 438.
func (o *outpost) nonce() []byte {
	o.w.t.Helper()
	txid := [12]byte{9}
	got := o.send(secure.BindingRequest(nil, txid, nil))
	if len(got) != 1 {
		o.w.t.Fatalf("%d answers to a binding request", len(got))
	}
	reply, err := secure.ParseBindingReply(got[0], txid)
	if err != nil || reply.Nonce == nil {
		o.w.t.Fatalf("%v, %v", reply, err)
	}
	return reply.Nonce
}

// moved tells whether the daemon has said to the outpost that the session is there now.
func (o *outpost) moved(txid [12]byte, key *secure.PathKey) bool {
	synctest.Wait()
	return slices.ContainsFunc(o.got, func(b []byte) bool {
		reply, err := secure.ParsePathReply(b, txid, key)
		return err == nil && reply.Mapped == o.addr
	})
}

// count gives how many datagrams of a kind have come.
func (o *outpost) count(kind wire.Kind) (n int) {
	synctest.Wait()
	for _, b := range o.got {
		if wire.KindOf(b) == kind {
			n++
		}
	}
	return n
}

func (c *client) stun(b []byte) {
	r, ok := secure.ParsePathQuestion(b)
	if !ok {
		c.stuns = append(c.stuns, b)
		return
	}
	if !secure.PathAuthentic(b, &c.key) {
		c.w.t.Error("the daemon's question is not authentic")
	}
	c.questions = append(c.questions, r)
	if !c.mute {
		c.send(secure.AppendPathAnswer(nil, r.TxID, c.addr, &c.key))
	}
}

// consume grants credit for entries as a peer does.
func (c *client) consume(n int) {
	c.consumed += uint64(n)
	if c.miserly || c.consumed+wire.FirstCredit < c.limit+wire.CreditStep {
		return
	}
	c.limit = c.consumed + wire.FirstCredit
	if err := c.stream.Send(creditMessage(c.limit)); err != nil {
		c.w.t.Error(err)
	}
}

func creditMessage(limit uint64) []byte {
	return wire.Encode(&wire.Message_Credit{Credit: &wire.Credit{Limit: limit}})
}

// sessionID is what Welcome said.
func (c *client) sessionID() secure.SessionID {
	c.w.t.Helper()
	w := last(c, (*wire.Message).GetWelcome)
	if len(w.GetSessionId()) != len(secure.SessionID{}) {
		c.w.t.Fatalf("no session id in %v", w)
	}
	return secure.SessionID(w.GetSessionId())
}

// txid is that of the client's request with a count.
func txid(count uint64) [12]byte { return [12]byte{7, byte(count >> 8), byte(count)} }

// pathRequest makes a request about the client's path.
func (c *client) pathRequest(count uint64, nonce []byte) []byte {
	c.w.t.Helper()
	return secure.AppendPathRequest(nil, secure.PathRequest{
		TxID: txid(count), Session: c.sessionID(), Count: count, Nonce: nonce,
	}, &c.key)
}

// roam has all that the client sends and gets go through another address from now on. The one it had is left to nobody.
func (c *client) roam(o *outpost) {
	synctest.Wait()
	if c.w.clients[c.addr] == c {
		delete(c.w.clients, c.addr)
	}
	delete(c.w.posts, o.addr)
	c.w.clients[o.addr] = c
	c.run(func(time.Time) { c.addr = o.addr })
}

// hello says Hello, naming a session to go on with.
func (c *client) hello(nick string, id []byte) *wire.Welcome {
	c.say(wire.Encode(&wire.Message_Hello{Hello: &wire.Hello{Versions: []uint32{1}, Nick: nick, SessionId: id}}))
	return last(c, (*wire.Message).GetWelcome)
}

// ping has the client show that it lives.
func (c *client) ping() { c.say(wire.Encode(&wire.Message_Ping{Ping: &wire.Ping{}})) }

// rest lets time go by while clients show that they live.
func rest(d time.Duration, clients ...*client) {
	for ; d > 0; d -= 5 * time.Second {
		clients[0].w.pass(min(d, 5*time.Second))
		for _, c := range clients {
			c.ping()
		}
	}
}

// dropped gives how many of a kind were dropped. The loop must be idle.
func (w *world) dropped(why drop) uint64 {
	synctest.Wait()
	return w.server.hub.drops.now[why].Load()
}

// pass lets time go by, after what the test has read of the daemon and its peers.
func (w *world) pass(d time.Duration) {
	w.server.hub.plane.tell.add(func(time.Time) {})
	pass(d)
}
