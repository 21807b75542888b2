package daemon

import (
	"net/netip"
	"testing"
)

// Sessions that never say Hello give way to those who come, the oldest first, and not before they have had their time.
func TestSessionsWithoutHelloGiveWay(t *testing.T) {
	c := newCrowd(t, maxGreetless)
	h := c.hub
	oldest := func(i int) *session { return h.table[c.peers[i].addr].session }
	all := []*session{oldest(0), oldest(1), oldest(2), oldest(3)}
	begin := func(from netip.AddrPort) bool {
		h.validate(c.now, h.plane.shards[0], from)
		at := h.table[from]
		h.begin(c.now, at, &handshake{from: from}, fragmentOfHello())
		return at.pending != nil
	}
	if begin(address(1<<20)) || h.census.greetless.Len() != maxGreetless {
		t.Error("a handshake begins where there is no room for its session")
	}
	c.now = c.now.Add(pendingLeast)
	for i, from := range []netip.AddrPort{address(1 << 20), netip.MustParseAddrPort("127.0.0.1:1"), c.peers[maxGreetless-1].addr} {
		if !begin(from) || !all[i].gone || all[i+1].gone || len(h.farewells) != i+1 {
			t.Errorf("%v: begun %v; the oldest has gone: %v, the next: %v", from, h.table[from].pending != nil, all[i].gone, all[i+1].gone)
		}
		c.connect(address(1<<21 + i)) // it has become a session
	}
	if n := h.census.greetless.Len(); n != maxGreetless || h.drops.now[dropCutShort].Load() != 3 {
		t.Errorf("%d have not said Hello, %d were cut short", n, h.drops.now[dropCutShort].Load())
	}
	c.peers[maxGreetless-1].join("alice")
	c.settle()
	if n := h.census.greetless.Len(); n != maxGreetless-1 || h.census.sessions != 1 {
		t.Errorf("%d have not said Hello, %d have", n, h.census.sessions)
	}
}
