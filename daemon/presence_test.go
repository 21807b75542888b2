package daemon

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

// tell compares what peers were told since the last time.
func (c *crowd) tell(what string, want ...string) {
	c.tb.Helper()
	for i, w := range want {
		if got := shown(c.peers[i].take()); got != w {
			c.tb.Errorf("%s: peer %d was told %q, want %q", what, i, got, w)
		}
	}
}

func TestSmallRoomIsToldAtOnce(t *testing.T) {
	c := newCrowd(t, 3)
	for i, p := range c.peers {
		p.join(fmt.Sprint("n", i))
		c.settle()
	}
	c.tell("three joins", "+n1 =2 +n2 =3", "+n2 =3", "")
	c.peers[1].leave()
	c.settle()
	c.tell("a departure", "-n1 =2", "", "-n1 =2")
}

func TestMiddlingRoomIsToldTogether(t *testing.T) {
	c := newCrowd(t, 4)
	c.fill(40)
	c.peers[0].join("a")
	c.pass(1100 * time.Millisecond)
	c.tell("alone", "")
	for _, step := range []func(){
		func() { c.peers[1].join("b") }, func() { c.peers[2].join("c") }, c.peers[1].leave, func() { c.peers[3].join("d") },
	} {
		step()
		c.pass(100 * time.Millisecond)
	}
	c.tell("before the second is over", "", "", "", "")
	c.pass(time.Second)
	// b came and went, which only c has seen half of; each knows itself and who was there before it.
	c.tell("after it", "+c +d =43", "", "-b +d =43", "")
	c.peers[0].say(wire.Encode(&wire.Message_SetNick{SetNick: &wire.SetNick{Nick: "e"}}))
	c.pass(time.Second)
	c.tell("a change of nick", "", "", "-a +e =43", "-a +e =43")
	c.pass(10 * time.Second)
	c.tell("nothing more happens", "", "", "", "")
}

func TestLargeRoomIsToldTheCount(t *testing.T) {
	c := newCrowd(t, 3)
	c.fill(presentNamed)
	for i, p := range c.peers {
		p.join(fmt.Sprint("n", i))
		c.pass(10 * time.Millisecond)
	}
	c.pass(time.Second)
	c.tell("three joins", "=203", "=203", "")
	c.peers[1].leave()
	c.pass(10 * time.Millisecond)
	c.peers[1].say(wire.Encode(&wire.Message_Join{Join: &wire.Join{Room: "lobby"}}))
	c.pass(time.Second)
	c.tell("one left and came back", "", "", "")
	for range 4 {
		c.hub.rooms["lobby"].leave(c.now, c.hub.rooms["lobby"].members[0], wire.ByeLeft)
	}
	c.pass(time.Second)
	c.tell("it has become smaller", "-00002 -00003 =199", "-00002 -00003 =199", "-00002 -00003 =199")
}

func TestRoomThatShrinksIsToldAtOnceAgain(t *testing.T) {
	c := newCrowd(t, 1)
	c.fill(presentAtOnce)
	c.peers[0].join("a") // the 33rd
	c.pass(2 * time.Second)
	r := c.hub.rooms["lobby"]
	r.enter(c.now, &member{session: &session{hub: c.hub, gone: true}, room: r, nick: "z", key: "z"})
	r.leave(c.now, r.members[0], wire.ByeLeft)
	c.settle()
	c.tell("33 still", "")
	r.leave(c.now, r.members[0], wire.ByeLeft)
	c.settle()
	c.tell("32", "+z -00000 -00001 =32")
}

// One who joins a room of 5000 is told how many there are and who talks, and that costs no more than in a small one.
func TestJoinerOfAFullHallGetsCountAndTalkers(t *testing.T) {
	c := newCrowd(t, 2)
	c.fill(4998)
	talker, joiner := c.peers[0], c.peers[1]
	talker.join("talker")
	talker.say(wire.Encode(&wire.Message_Talk{Talk: &wire.Talk{Room: "lobby", PayloadType: wire.PayloadOpus}}))
	c.settle()
	talker.say(wire.Encode(&wire.Message_TalkStart{TalkStart: &wire.TalkStart{Room: "lobby", Ssrc: c.hub.plane.ssrcs.Load()}}))
	c.pass(5 * time.Second) // a millisecond for each
	talker.take()
	before := c.bytes
	joiner.join("joiner")
	c.settle()
	if n := c.bytes - before; n > 1000 {
		t.Errorf("a join cost %d bytes", n)
	}
	var joined *wire.Joined
	for _, m := range joiner.got {
		if j := m.GetJoined(); j != nil {
			joined = j
		}
	}
	if joined.GetCount() != 5000 || len(joined.GetTalking()) != 1 {
		t.Errorf("count %d, %d streams", joined.GetCount(), len(joined.GetTalking()))
	}
	if m := joined.GetMembers(); len(m) != 1 || m[0].GetNick() != "talker" || !m[0].GetTalking() {
		t.Errorf("members %v", m)
	}
	c.pass(5 * time.Second)
	c.tell("the others", "=5000")
}

// What a crowd is told when it comes in is bounded: 32 messages while the room is small, then one a second.
func TestCrowdThatComesIn(t *testing.T) {
	const n = 250
	c := newCrowd(t, n)
	for i, p := range c.peers {
		p.join(fmt.Sprintf("%032d", i))
		c.pass(10 * time.Millisecond)
	}
	c.pass(2 * time.Second)
	messages := 0
	for i, p := range c.peers {
		told := p.take()
		if len(told) > presentAtOnce+4 {
			t.Errorf("peer %d was told %d times in 4.5 s", i, len(told))
		}
		if i < n-1 && (len(told) == 0 || told[len(told)-1].GetCount() != n) {
			t.Errorf("peer %d was told %v", i, told)
		}
		messages += len(told)
	}
	if most := presentAtOnce*presentAtOnce/2 + 4*n; messages > most {
		t.Errorf("%d presence messages for %d joins, at most %d", messages, n, most)
	}
	if most := 20 * n; c.datagrams > most {
		t.Errorf("%d datagrams for %d joins, at most %d", c.datagrams, n, most)
	}
	t.Logf("%d presence messages, %d datagrams, %d KiB for %d joins", messages, c.datagrams, c.bytes>>10, n)
}

// What a peer is told, put upon what Joined told it, is always who is there.
func TestPresenceAddsUp(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 8))
	c := newCrowd(t, 12)
	c.fill(27)
	in := make([]bool, len(c.peers))
	knows := make([]map[string]bool, len(c.peers))
	for i, p := range c.peers {
		p.say(wire.Encode(&wire.Message_Hello{Hello: &wire.Hello{Versions: []uint32{1}, Nick: fmt.Sprint("p", i)}}))
	}
	learn := func(i int) {
		for _, m := range c.peers[i].got {
			if j := m.GetJoined(); j != nil {
				knows[i] = make(map[string]bool)
				for _, x := range j.GetMembers() {
					knows[i][x.GetNick()] = true
				}
			}
			for _, e := range m.GetPresence().GetEvents() {
				if e.GetJoined() == knows[i][e.GetMember().GetNick()] {
					t.Fatalf("peer %d is told %v, which it knows", i, e)
				}
				knows[i][e.GetMember().GetNick()] = e.GetJoined()
				if !e.GetJoined() {
					delete(knows[i], e.GetMember().GetNick())
				}
			}
		}
		c.peers[i].got = nil
	}
	for round := range 400 {
		if round%20 == 0 {
			for _, p := range c.peers { // else they are taken for dead
				p.say(wire.Encode(&wire.Message_Ping{Ping: &wire.Ping{}}))
			}
		}
		i := r.IntN(len(c.peers))
		if in[i] = !in[i]; in[i] {
			c.peers[i].say(wire.Encode(&wire.Message_Join{Join: &wire.Join{Room: "lobby"}}))
		} else {
			c.peers[i].leave()
		}
		c.pass(time.Duration(r.IntN(300)) * time.Millisecond)
		learn(i)
		if r.IntN(10) > 0 {
			continue
		}
		c.pass(1100 * time.Millisecond)
		for i := range c.peers {
			if learn(i); !in[i] {
				continue
			}
			if got, want := len(knows[i]), len(c.hub.rooms["lobby"].roster); got != want {
				t.Fatalf("peer %d knows %d, there are %d: %v", i, got, want, knows[i])
			}
		}
	}
}

// The lists of a room with the longest nicks there can be fit into messages.
func TestListsOfLongNicksFit(t *testing.T) {
	c := newCrowd(t, 2)
	r := c.hub.room("lobby")
	for i := range presentNamed - 1 {
		nick := strings.Repeat("\U00020000", 29) + fmt.Sprintf("%03d", i)
		m := &member{session: &session{hub: c.hub, gone: true, who: secure.Fingerprint{1}}, room: r, nick: nick, key: nick, since: c.now}
		m.session.addr = c.peers[0].addr
		r.enter(c.now, m)
	}
	c.peers[0].join("a")
	c.settle()
	var count uint32
	for _, m := range c.peers[0].got {
		count += m.GetJoined().GetCount()
	}
	if count != presentNamed {
		t.Errorf("the answer to the join tells of %d", count)
	}
}

// A thousand joins to one room. The hub's own time is reported, without handshakes.
func BenchmarkJoins(b *testing.B) {
	const n = 1000
	var worked time.Duration
	var datagrams, bytes int
	for b.Loop() {
		c := newCrowd(b, n)
		for i, p := range c.peers {
			p.join(fmt.Sprint("nick", i))
			c.pass(2 * time.Millisecond)
		}
		c.pass(2 * time.Second)
		worked += c.worked
		datagrams += c.datagrams
		bytes += c.bytes
	}
	b.ReportMetric(worked.Seconds()/float64(b.N), "hub-s/op")
	b.ReportMetric(float64(datagrams)/float64(b.N), "datagrams/op")
	b.ReportMetric(float64(bytes)/float64(b.N)/1024, "KiB/op")
}
