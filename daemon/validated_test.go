package daemon

import (
	"net/netip"
	"testing"
	"time"

	"yodel/wire/secure"
)

// known notes that an address is validated, as the hub does.
func (p *porch) known(from netip.AddrPort) { p.h.validate(p.now, p.sh, from) }

// consistent checks that what waits is what the table and the routes say.
func (p *porch) consistent() {
	p.t.Helper()
	n := 0
	for addr, at := range p.h.table {
		r := p.sh.routes[addr]
		if at.addr != addr || !r.validated.Equal(at.validated) || r.pending != (at.pending != nil) {
			p.t.Fatalf("%v: %+v, route %+v", addr, at, r)
		}
		if at.waits != nil {
			n++
		}
	}
	if n != p.h.anteroom.all.Len() || len(p.sh.routes) > len(p.h.table) {
		p.t.Fatalf("%d places wait, %d are listed; %d routes for %d places", n, p.h.anteroom.all.Len(), len(p.sh.routes), len(p.h.table))
	}
}

// A subnet has so many validated addresses; the oldest goes for a new one, and nobody else's.
func TestValidatedAddressesOfASubnetAreBounded(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		most int
	}{
		{"192.0.2.1", "192.0.2.1", maxValidatedOf},
		{"2001:db8::1", "2001:db8::2", maxValidatedOf},
		{"127.0.0.1", "127.0.0.1", maxValidatedOf + 10},
		{"::1", "::1", maxValidatedOf + 10},
	} {
		p := newPorch(t)
		p.known(address(1))
		addrs := []netip.Addr{netip.MustParseAddr(tt.a), netip.MustParseAddr(tt.b)}
		at := func(i int) netip.AddrPort { return netip.AddrPortFrom(addrs[i%2], uint16(i+1)) }
		for i := range maxValidatedOf {
			p.known(at(i))
		}
		p.known(at(0)) // is the newest now
		for i := range 10 {
			p.known(at(maxValidatedOf + i))
		}
		p.consistent()
		if n := len(p.h.table) - 1; n != tt.most || p.dropped(dropValidated) != maxValidatedOf+10-tt.most {
			t.Errorf("%s: %d addresses, %d made to wait", tt.a, n, p.dropped(dropValidated))
		}
		if p.h.table[address(1)] == nil || p.h.table[at(0)] == nil || (p.h.table[at(1)] != nil) != (tt.most > maxValidatedOf) {
			t.Errorf("%s: the wrong ones have gone", tt.a)
		}
	}
}

// In all there are so many; those where there is more than that are not among them.
func TestValidatedAddressesAreBounded(t *testing.T) {
	p := newPorch(t)
	p.known(address(0))
	p.h.begin(p.now, p.h.table[address(0)], &handshake{from: address(0)}, hello(1)) // it fails, and is where it was
	for i := range maxValidated + 100 {
		p.known(address(1 + i))
	}
	p.consistent()
	if n := len(p.h.table); n != maxValidated || p.dropped(dropValidated) != 101 {
		t.Errorf("%d addresses, %d made to wait", n, p.dropped(dropValidated))
	}
	p.now = p.now.Add(secure.ValidatedFor + time.Second)
	p.h.runSweep(p.now)
	if len(p.h.table) != 0 || len(p.sh.routes) != 0 || p.h.anteroom.all.Len() != 0 || len(p.h.anteroom.of) != 0 {
		t.Errorf("%d addresses, %d routes are left", len(p.h.table), len(p.sh.routes))
	}
}

// Handshakes that are begun and left give way to new ones, and who has begun one has to wait while there are many.
func TestHalfOpenHandshakesGiveWay(t *testing.T) {
	p := newPorch(t)
	good := fragmentOfHello()
	begin := func(i int) bool {
		from := address(i)
		p.known(from)
		at := p.h.table[from]
		p.h.begin(p.now, at, &handshake{from: from}, good)
		return at.pending != nil && at.began.Equal(p.now)
	}
	for i := range maxPending {
		if !begin(i) {
			t.Fatalf("handshake %d does not begin", i)
		}
	}
	if begin(maxPending) || p.dropped(dropHandshakes) != 1 {
		t.Errorf("one more than %d begins", maxPending)
	}
	p.now = p.now.Add(pendingLeast)
	if !begin(maxPending) || p.dropped(dropCutShort) != 1 || p.h.table[address(0)].pending != nil || p.h.census.pending != maxPending {
		t.Errorf("no room was made: %d run, %d cut short", p.h.census.pending, p.dropped(dropCutShort))
	}
	p.consistent()
	if begin(0) || begin(1) {
		t.Error("who has begun one begins another")
	}
	p.now = p.now.Add(againAfter)
	if !begin(0) || p.h.census.pending != maxPending {
		t.Errorf("not even after %v; %d run", againAfter, p.h.census.pending)
	}
	p.consistent()
}

// fragmentOfHello is the beginning of a ClientHello whose rest does not come: a handshake waits for it.
func fragmentOfHello() []byte {
	b := hello(1)
	b[16] = 200 // of the message
	return b
}

// A nonce that is too old when the hub sees it, and was not yet when the reader did, leaves nothing behind.
func TestNonceThatGrowsTooOldOnItsWay(t *testing.T) {
	p := newPorch(t)
	p.now = epoch.Truncate(time.Minute).Add(30 * time.Second)
	request := secure.BindingRequest(nil, txid(2), p.nonce(address(1)))
	p.known(address(2))
	again := secure.BindingRequest(nil, txid(2), p.nonce(address(2)))
	before := p.h.table[address(2)].validated
	p.now = epoch.Truncate(time.Minute).Add(2*time.Minute - time.Millisecond)
	if !p.come(address(1), request) || !p.come(address(2), again) || len(p.sh.routes) != 2 {
		t.Fatalf("%d routes", len(p.sh.routes))
	}
	p.now = p.now.Add(2 * time.Millisecond)
	p.pass()
	p.consistent()
	if r, there := p.sh.routes[address(1)]; there || !p.sh.routes[address(2)].validated.Equal(before) {
		t.Errorf("%+v is left, and %+v", r, p.sh.routes[address(2)])
	}
}

// Who begins a handshake is not the one that makes room when the handshake that gives way for it comes back among those that wait.
func TestWhoBeginsAHandshakeStays(t *testing.T) {
	p := newPorch(t)
	at := func(port int) netip.AddrPort {
		return netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(port))
	}
	begin := func(from netip.AddrPort) {
		p.h.begin(p.now, p.h.table[from], &handshake{from: from}, fragmentOfHello())
	}
	p.known(at(60_000)) // has the oldest handshake
	begin(at(60_000))
	for i := range maxPending - 1 {
		p.known(address(i))
		begin(address(i))
	}
	for port := range maxValidatedOf {
		p.known(at(1 + port))
	}
	p.now = p.now.Add(pendingLeast / 2)
	if begin(at(1)); p.dropped(dropHandshakes) != 1 || p.h.table[at(1)].waits == nil {
		t.Error("it begins too early, or waits no more")
	}
	p.consistent()
	p.now = p.now.Add(pendingLeast / 2)
	begin(at(1))
	if here := p.h.table[at(1)]; here == nil || here.pending == nil || p.h.census.pending != maxPending || p.h.shaking.Len() != maxPending {
		t.Errorf("%+v is there, %d handshakes run", here, p.h.census.pending)
	}
	p.consistent()
}
