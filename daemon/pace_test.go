package daemon

import (
	"strings"
	"testing"
	"time"

	"yodel/wire"
)

// owes gives how many units of work a session has been charged by f, when nothing is left of what all share.
func (c *crowd) owes(s *session, f func()) time.Duration {
	c.hub.now = c.now
	c.hub.work.charge(c.now, 24*time.Hour)
	s.work.own = bucket{paid: c.now}
	f()
	return s.work.own.paid.Sub(c.now) * workRate / time.Second
}

// A session whose requests wait is looked at when they may go on. When they cannot for another reason it is not looked at again and again.
func TestASessionThatWaitsHasNoDeadlineInThePast(t *testing.T) {
	c := newCrowd(t, 1)
	p := c.peers[0]
	p.join("alice")
	c.settle()
	h, s := c.hub, c.hub.table[p.addr].session
	h.work.charge(c.now, 3*time.Second) // a storm of others
	s.work.own.charge(c.now, atRate(workBurst+workRate, workRate))
	p.say(wire.Encode(&wire.Message_Ping{Ping: &wire.Ping{Request: 7}}))
	for s.stream.Queued() < highWater {
		s.say(wire.Encode(&wire.Message_Entry{Entry: &wire.Entry{Body: make([]byte, wire.MaxBody)}}))
	}
	if !s.work.paused {
		t.Fatal("its requests do not wait")
	}
	for range 20 { // nothing is acknowledged
		c.now = c.now.Add(time.Second)
		h.advance(c.now)
		h.flush(c.now)
		if d := s.deadline(); !d.After(c.now) {
			t.Fatalf("it is to be looked at %v ago", c.now.Sub(d))
		}
	}
	c.pass(10 * time.Second)
	answered := false
	for _, m := range p.got {
		answered = answered || m.GetPong().GetRequest() == 7
	}
	if !answered {
		t.Error("what waited is not answered when all was acknowledged")
	}
}

// A nick costs what it takes to bring it into its forms.
func TestNicksAreCharged(t *testing.T) {
	c := newCrowd(t, 1)
	s := c.hub.table[c.peers[0].addr].session
	for nick, want := range map[string]time.Duration{"al": 0, strings.Repeat("\ufdfa", 90): 90, strings.Repeat("\ufdfa", 20_000): 100} {
		if n := c.owes(s, func() { s.setNick(c.now, &wire.SetNick{Nick: nick}) }); n != want {
			t.Errorf("SetNick with %d bytes: %d units, want %d", len(nick), n, want)
		}
		if n := c.owes(s, func() { _ = s.wish(c.now, nick) }); n != want {
			t.Errorf("Hello with %d bytes: %d units, want %d", len(nick), n, want)
		}
	}
}

// What is published costs more than credit where many are to be told.
func TestPublishesToManyAreCharged(t *testing.T) {
	for members, want := range map[int]struct{ transient, stored time.Duration }{5: {0, 0}, 200: {10, 2}} {
		c := newCrowd(t, members)
		for i, p := range c.peers {
			p.join(string(rune('A'+i/100)) + string(rune('A'+i%100/10)) + string(rune('a'+i%10)))
		}
		c.pass(3 * time.Second)
		alice := c.peers[0]
		s := c.hub.table[alice.addr].session
		receipts := func() (n int) {
			for _, m := range alice.got {
				if m.GetReceipt() != nil {
					n++
				}
			}
			return n
		}
		publish := func(m *wire.Publish) func() {
			return func() {
				before := receipts()
				m.Room, m.Body = "lobby", []byte("x")
				alice.say(wire.Encode(&wire.Message_Publish{Publish: m}))
				for c.settle(); receipts() == before; c.settle() {
					<-c.hub.plane.bell // the disk has it
				}
			}
		}
		if n := c.owes(s, publish(&wire.Publish{Id: 1, Transient: true})); n != want.transient {
			t.Errorf("transient, %d members: %d units, want %d", members, n, want.transient)
		}
		if n := c.owes(s, publish(&wire.Publish{Id: 2})); n != want.stored {
			t.Errorf("%d members: %d units, want %d", members, n, want.stored)
		}
	}
}
