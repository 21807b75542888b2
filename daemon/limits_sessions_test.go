package daemon

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

func TestPrefixes(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1":         "192.0.2.1",
		"::ffff:192.0.2.1":  "192.0.2.1",
		"2001:db8:1:2:3::4": "2001:db8:1:2::",
		"2001:db8:1:2::":    "2001:db8:1:2::",
		"fe80::1%eth0":      "fe80::",
		"10.0.0.1":          "10.0.0.1",
		"127.3.2.1":         "",
		"::1":               "",
		"::ffff:127.0.0.1":  "",
	} {
		first, ok := prefixOf(netip.MustParseAddr(in))
		if ok != (want != "") || ok && first.String() != want {
			t.Errorf("%s: %v, %v; want %s", in, first, ok, want)
		}
	}
}

// Handshakes are bounded in all and of a prefix, at once and a second.
func TestHandshakesAreBounded(t *testing.T) {
	at := func(prefix, i int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(prefix >> 16), byte(prefix >> 8), byte(prefix)}), uint16(1+i))
	}
	site := func(prefix, i int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, 1, byte(prefix >> 8), byte(prefix), 15: 1}), uint16(1+i))
	}
	local := func(_, i int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(1+i))
	}
	for name, c := range map[string]struct {
		prefixes    int
		at          func(prefix, i int) netip.AddrPort
		pends       bool
		burst, rate int
	}{
		"of a prefix that wait": {1, at, true, maxPendingOf, 0},
		"of a prefix":           {1, at, false, handshakeBurstOf, handshakeRateOf},
		"of a site that wait":   {1000, site, true, ofSite * maxPendingOf, 0},
		"of a site":             {1000, site, false, ofSite * handshakeBurstOf, ofSite * handshakeRateOf},
		"in all":                {1000, at, false, handshakeBurst, handshakeRate},
		"of this machine":       {1, local, false, handshakeBurstHere, handshakeRateHere},
	} {
		t.Run(name, func(t *testing.T) {
			census := newCensus(1)
			try := func(now time.Time) (begun int) {
				for i := range 5000 {
					if from := c.at(i%c.prefixes, i); census.mayShake(now, from, true) {
						begun++
						census.shakes(from, 1)
						if !c.pends {
							census.shakes(from, -1)
						}
					}
				}
				return begun
			}
			if n := try(epoch); n != c.burst {
				t.Errorf("%d began at once, want %d", n, c.burst)
			}
			if n := try(epoch.Add(time.Second)); n != c.rate {
				t.Errorf("%d began in the second after that, want %d", n, c.rate)
			}
			census.sweep(epoch.Add(2 * time.Second))
			if _, counts := prefixOf(c.at(0, 0).Addr()); counts && c.prefixes == 1 && len(census.prefixes) == 0 {
				t.Error("a prefix whose rate is not at rest is forgotten")
			}
		})
	}
}

// What one prefix is refused takes nothing from the others.
func TestOnePrefixDoesNotUseUpTheRateOfAll(t *testing.T) {
	c := newCensus(1)
	for now := epoch; now.Before(epoch.Add(10 * time.Second)); now = now.Add(time.Millisecond) {
		c.mayShake(now, netip.MustParseAddrPort("10.0.0.1:1"), true)
	}
	if owed := c.rate.paid.Sub(epoch.Add(10 * time.Second)); owed > 0 {
		t.Errorf("%v of the rate of all are used", owed)
	}
}

func TestPrefixesAreBoundedAndForgotten(t *testing.T) {
	c := newCensus(1)
	now, n := epoch, 0
	for i := range 2 * maxPrefixes {
		now = now.Add(time.Second / handshakeRate)
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 1)
		if c.mayShake(now, from, true) {
			n++
		}
	}
	if n != maxPrefixes || len(c.prefixes) != maxPrefixes {
		t.Errorf("%d prefixes, %d handshakes, want %d", len(c.prefixes), n, maxPrefixes)
	}
	c.shakes(netip.MustParseAddrPort("10.0.0.7:1"), 1)
	c.sweep(now.Add(time.Minute))
	if len(c.prefixes) != 1 || len(c.sites) != 1 {
		t.Errorf("%d prefixes after a minute, want the one with a handshake", len(c.prefixes))
	}
}

// A handshake that runs can be begun anew when no other may begin, as a program does that is started again.
func TestAHandshakeMayBeBegunAnewWhereTheresNoRoomForMore(t *testing.T) {
	c := newCensus(1)
	from := netip.MustParseAddrPort("10.0.0.1:1")
	c.shakes(from, maxPendingOf)
	if c.mayShake(epoch, from, true) || !c.mayShake(epoch, from, false) {
		t.Error("the wrong one may begin")
	}
}

// An address that begins too much is dropped by the daemon and counted.
func TestHandshakesBeyondTheLimitAreDroppedAndCounted(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		o := w.outpost("10.0.0.1:1")
		w.server.hub.plane.tell.add(func(time.Time) { w.server.hub.census.shakes(o.addr, maxPendingOf) })
		o.send(secure.BindingRequest(nil, txid(1), o.nonce()))
		conn := secure.NewMemConn(func(b []byte) { w.send(o.addr, append([]byte(nil), b...)) })
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := secure.Handshake(ctx, conn, secure.Config{
			Identity: newID(t), Client: true, Verify: func(secure.Fingerprint) error { return nil },
		})
		if err == nil || w.dropped(dropHandshakes) == 0 || o.count(wire.KindDTLS) != 0 {
			t.Errorf("%v, %d dropped", err, w.dropped(dropHandshakes))
		}
	})
}

// wantTurnedAway says Hello and wants a refusal that names a number, and the end.
func (c *client) wantTurnedAway(n int) {
	c.w.t.Helper()
	before := c.w.dropped(dropSessions)
	c.run(func(time.Time) { // with what an impatient peer sends behind it
		for _, m := range [][]byte{
			wire.Encode(&wire.Message_Hello{Hello: &wire.Hello{Versions: []uint32{1}, Nick: "late"}}),
			wire.Encode(&wire.Message_Join{Join: &wire.Join{Request: 1, Room: "lobby"}}),
		} {
			if err := c.stream.Send(m); err != nil {
				c.w.t.Error(err)
			}
		}
	})
	c.w.pass(time.Second)
	want := fmt.Sprint(" ", n, " sessions")
	refused := all(c, (*wire.Message).GetRefused)
	if len(refused) != 1 || refused[0].GetCode() != wire.Code_CODE_LIMIT || refused[0].GetRequest() != 0 || !strings.Contains(refused[0].GetReason(), want) {
		c.w.t.Errorf("refused with %v, want the limit of%s", refused, want)
	}
	if last(c, (*wire.Message).GetWelcome) != nil || c.bye != wire.ByeFull || c.w.dropped(dropSessions) != before+1 {
		c.w.t.Errorf("BYE %q, %d counted", c.bye, c.w.dropped(dropSessions)-before)
	}
}

// sayBye ends the session.
func (c *client) sayBye() {
	c.run(func(time.Time) {
		plain, err := wire.AppendBye(nil, wire.SSRCPeer, wire.ByeLeft)
		if err != nil {
			c.w.t.Error(err)
		}
		c.sendRTCP(plain)
	})
}

// Who is one too many is told so, and ended; when one leaves the next may come. What takes the place of another is none more.
func TestSessionsAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		limit int
		full  func(c *census, who secure.Fingerprint) // but for one
		says  int
	}{
		"in all":         {2, func(*census, secure.Fingerprint) {}, 2},
		"of an identity": {100, func(c *census, who secure.Fingerprint) { c.by[who] += maxSessionsBy - 2 }, maxSessionsBy},
		"of a prefix": {100, func(c *census, _ secure.Fingerprint) {
			p, _ := c.prefix(netip.MustParseAddr("10.0.0.2"))
			p.sessions += maxSessionsOf - 2
		}, maxSessionsOf},
		"of a site": {100, func(c *census, _ secure.Fingerprint) {
			_, site := c.prefix(netip.MustParseAddr("10.0.0.2"))
			site.sessions += ofSite*maxSessionsOf - 2
		}, ofSite * maxSessionsOf},
	} {
		t.Run(name, func(t *testing.T) {
			limits := DefaultLimits
			limits.Sessions = c.limit
			inWorld(t, Config{Limits: limits}, func(t *testing.T, w *world) {
				h, id := w.server.hub, newID(t)
				h.plane.tell.add(func(time.Time) { c.full(&h.census, id.Fingerprint()) })
				a, b := w.connect("10.0.0.2:1", id), w.connect("10.0.0.2:2", id)
				a.enter("a", "lobby", nil)
				b.enter("b", "lobby", nil)
				session := a.sessionID()
				w.connect("10.0.0.2:3", id).wantTurnedAway(c.says)

				resumed := w.connect("10.0.0.2:4", id) // beside the old session
				if resumed.hello("a", session[:]) == nil {
					t.Error("who resumes is turned away")
				}
				again := w.connect("10.0.0.2:2", id) // a program that was started anew
				if again.hello("b", nil) == nil {
					t.Error("who takes an address over is turned away")
				}
				w.connect("10.0.0.2:5", id).wantTurnedAway(c.says)
				resumed.sayBye()
				w.pass(time.Second)
				if w.connect("10.0.0.2:6", id).hello("c", nil) == nil {
					t.Error("there is no place after one has left")
				}
				if h.census.greetless.Len() != 0 || h.census.sessions != 2 {
					t.Errorf("%d sessions, %d without Hello", h.census.sessions, h.census.greetless.Len())
				}
			})
		})
	}
}

// Sessions of this machine are not counted by prefix.
func TestLoopbackHasNoPrefix(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		for i := range maxPendingOf {
			w.connect(fmt.Sprintf("127.0.0.1:%d", i+1), newID(t)).hello("", nil)
		}
		synctest.Wait()
		if c := &w.server.hub.census; len(c.prefixes) != 0 || c.sessions != maxPendingOf {
			t.Errorf("%d prefixes, %d sessions", len(c.prefixes), c.sessions)
		}
	})
}

// However sessions end, nothing of them stays counted.
func TestTheCensusIsEmptyWhenAllHaveGone(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		id := newID(t)
		a := w.connect("10.0.0.1:1", id)
		a.enter("a", "lobby", nil)
		session := a.sessionID()
		w.connect("10.0.0.2:1", newID(t)) // says nothing
		b := w.connect("10.0.0.3:1", id)
		b.hello("a", session[:])
		b.enter("b", "lobby", nil)
		w.pass(time.Minute)
		w.pass(time.Minute)
		c := &w.server.hub.census
		if c.pending+c.greetless.Len()+c.sessions+len(c.by)+len(c.prefixes)+len(c.sites) != 0 || len(w.server.hub.sessions) != 0 {
			t.Errorf("%+v", c)
		}
	})
}
