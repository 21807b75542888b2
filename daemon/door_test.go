package daemon

import (
	"encoding/binary"
	"io"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"yodel/wire/secure"
)

// porch is a shard with its reader's part played by the test, and no loop: what it lets through stays in the mailbox.
type porch struct {
	t    testing.TB
	h    *hub
	sh   *shard
	w    *writer
	now  time.Time
	out  map[netip.AddrPort][][]byte
	size int // of all that was sent
}

func newPorch(t testing.TB) *porch {
	t.Helper()
	p := &porch{t: t, now: epoch, out: make(map[netip.AddrPort][][]byte)}
	s := memorySocket(func(b []byte, to netip.AddrPort) error {
		p.out[to] = append(p.out[to], append([]byte(nil), b...))
		p.size += len(b)
		return nil
	})
	id, err := secure.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	p.h = newHub(Config{Identity: id, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}, []*socket{s})
	p.sh, p.w = p.h.plane.shards[0], newWriter(s)
	return p
}

// come has a datagram come, and tells whether it waits for the hub.
func (p *porch) come(from netip.AddrPort, b []byte) bool {
	before := len(p.sh.box.in.entries)
	p.sh.receive(p.now, []inbound{{from: from, data: b, at: p.now}}, p.w)
	p.w.flush()
	return len(p.sh.box.in.entries) > before
}

// pass has the hub take what waits.
func (p *porch) pass() {
	p.h.collect(p.now)
	p.h.w.flush()
}

func (p *porch) dropped(why drop) int { return int(p.h.drops.now[why].Load()) }

// nonce gets one for an address.
func (p *porch) nonce(from netip.AddrPort) []byte {
	p.t.Helper()
	p.come(from, secure.BindingRequest(nil, txid(1), nil))
	got := p.out[from]
	if len(got) == 0 {
		p.t.Fatalf("%v gets no nonce", from)
	}
	reply, err := secure.ParseBindingReply(got[len(got)-1], txid(1))
	if err != nil || reply.Nonce == nil {
		p.t.Fatalf("%+v, %v", reply, err)
	}
	return reply.Nonce
}

// validate has an address validated.
func (p *porch) validate(from netip.AddrPort) {
	p.t.Helper()
	if !p.come(from, secure.BindingRequest(nil, txid(2), p.nonce(from))) {
		p.t.Fatalf("a good nonce of %v does not go to the hub", from)
	}
	p.pass()
}

// address is one of many, each in a subnet of its own.
func address(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 7)
}

// hello is what is looked at of a ClientHello, with a random; it is malformed otherwise.
func hello(random uint32) []byte {
	b := make([]byte, 13+12+2+32)
	copy(b, []byte{22, 254, 253})
	binary.BigEndian.PutUint16(b[11:], uint16(len(b)-13))
	b[13], b[16], b[24] = 1, 34, 34
	binary.BigEndian.PutUint32(b[27:], random)
	return b
}

func srtp(kind byte, size int) []byte {
	b := make([]byte, size)
	b[0], b[1] = 128, kind
	return b
}

// strangers' datagrams, by what becomes of each.
func strangers() map[string]struct {
	b     []byte
	why   drop // dropKinds: none
	reply bool
} {
	path := secure.AppendPathRequest(nil, secure.PathRequest{Session: secure.SessionID{1}, Count: 1, Nonce: []byte("abcdefghijklmnopqrstuvwx")}, new(secure.PathKey))
	type row = struct {
		b     []byte
		why   drop
		reply bool
	}
	return map[string]row{
		"STUN":                    {secure.BindingRequest(nil, txid(1), nil), dropKinds, true},
		"short STUN":              {[]byte("\x00\x01\x00\x00\x21\x12\xa4\x42............"), dropSTUN, false},
		"STUN with a wrong nonce": {secure.BindingRequest(nil, txid(1), []byte("abcdefghijklmnopqrstuvwx")), dropKinds, true},
		"path of a session":       {path, dropKinds, true},
		"answer to a question":    {secure.AppendPathAnswer(nil, txid(1), address(1), new(secure.PathKey)), dropSTUN, false},
		"broken STUN":             {make([]byte, 20), dropSTUN, false},
		"ClientHello":             {hello(1), dropNotValidated, false},
		"other DTLS":              {append([]byte{20, 254, 253}, make([]byte, 20)...), dropNotValidated, false},
		"junk":                    {append([]byte{77}, make([]byte, 40)...), dropUnknownKind, false},
		"nothing":                 {nil, dropUnknownKind, false},
	}
}

// What comes from an address that has not shown to be there ends at the door, and is never answered with more bytes than it has.
func TestStrangersEndAtTheDoor(t *testing.T) {
	for name, tt := range strangers() {
		p := newPorch(t)
		from := address(1)
		if p.come(from, tt.b) {
			t.Errorf("%s: it goes to the hub", name)
		}
		if got := p.out[from]; (len(got) == 1) != tt.reply || p.size > len(tt.b) {
			t.Errorf("%s: %d answers, %d bytes for %d", name, len(got), p.size, len(tt.b))
		}
		if tt.why < dropKinds && p.dropped(tt.why) != 1 {
			t.Errorf("%s: %q was not counted", name, dropNames[tt.why])
		}
		if len(p.sh.routes) > 0 || len(p.h.table) > 0 {
			t.Errorf("%s: something is kept", name)
		}
	}
}

// One address gets some answers a second, and who repeats takes none from those who ask for the first time.
func TestAnswersAreRationed(t *testing.T) {
	p := newPorch(t)
	request := secure.BindingRequest(nil, txid(1), nil)
	for range 3 * answersOf {
		p.come(address(1), request)
	}
	if n := len(p.out[address(1)]); n != answersOf || p.dropped(dropQuestions) != 2*answersOf {
		t.Errorf("%d answers, %d not given", n, p.dropped(dropQuestions))
	}
	again := int(againRate * answerBurst / time.Second)
	for i := range again { // until nothing is left for those who repeat
		for range answersOf {
			p.come(address(100+i), request)
		}
	}
	before := p.dropped(dropQuestions)
	if p.come(address(100), request); p.dropped(dropQuestions) != before+1 {
		t.Error("repetitions have no end")
	}
	if p.come(address(50_000), request); len(p.out[address(50_000)]) != 1 {
		t.Error("a first request has no answer")
	}
	p.now = p.now.Add(time.Second)
	if p.come(address(1), request); len(p.out[address(1)]) != answersOf+1 {
		t.Error("no answer a second later")
	}
}

// However many ask, a shard answers so many a second.
func TestAnswersOfAShardAreRationed(t *testing.T) {
	p := newPorch(t)
	request := secure.BindingRequest(nil, txid(1), nil)
	for i := range 3 * firstRate {
		p.come(address(i), request)
		p.now = p.now.Add(time.Second / (3 * firstRate))
	}
	all := firstRate + againRate // for some have the luck of another's cells
	if n, most := len(p.out), all+int(time.Duration(all)*answerBurst/time.Second); n > most || n < firstRate*9/10 {
		t.Errorf("%d answers in a second, want %d to %d", n, firstRate, most)
	}
}

// Of DTLS the hub gets what may be of use there: from where a handshake may begin, runs, or has ended just now.
func TestDTLSPassesWhereItMayBeOfUse(t *testing.T) {
	for name, tt := range map[string]struct {
		r    route
		pass bool
	}{
		"stranger":       {route{}, false},
		"validated":      {route{validated: epoch.Add(time.Nanosecond)}, true},
		"validated once": {route{validated: epoch}, false},
		"handshake":      {route{pending: true}, true},
		"session":        {route{links: []recognised{{}}, settled: true}, false},
		"new session":    {route{links: []recognised{{}}, settled: true, lingers: true}, true},
	} {
		p := newPorch(t)
		p.sh.route(address(1), tt.r)
		if got := p.come(address(1), hello(1)); got != tt.pass || (p.dropped(dropNotValidated) == 1) == tt.pass {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A ClientHello that comes right behind the request that validates its address is not taken for a stranger's; if the hub has no room for
// that request, it is.
func TestClientHelloRightBehindTheNonce(t *testing.T) {
	p := newPorch(t)
	from := address(1)
	request := secure.BindingRequest(nil, txid(2), p.nonce(from))
	if !p.come(from, request) || !p.come(from, hello(1)) {
		t.Error("a ClientHello is lost")
	}
	p = newPorch(t)
	request = secure.BindingRequest(nil, txid(2), p.nonce(from))
	for p.sh.box.put(entry{}, make([]byte, 1000)) {
	}
	for p.sh.box.put(entry{}, nil) {
	}
	if p.come(from, request) || p.dropped(dropControl) != 1 || len(p.sh.routes) != 0 {
		t.Errorf("the hub does not hear of it, and there are %d routes", len(p.sh.routes))
	}
}

// A request with a good nonce goes to the hub when it says something new; repetitions have their answer at the door.
func TestGoodNonceGoesToTheHubOnce(t *testing.T) {
	p := newPorch(t)
	from := address(1)
	p.validate(from)
	request := secure.BindingRequest(nil, txid(2), p.nonce(from))
	before := len(p.out[from])
	if p.come(from, request) {
		t.Error("a repetition goes to the hub")
	}
	got := p.out[from]
	if len(got) != before+1 {
		t.Fatalf("%d answers", len(got)-before)
	}
	if reply, err := secure.ParseBindingReply(got[before], txid(2)); err != nil || reply.Mapped != from {
		t.Errorf("%+v, %v", reply, err)
	}
	p.now = p.now.Add(validatedAgain + time.Second)
	if !p.come(from, request) {
		t.Error("the hub does not hear of it later either")
	}
}

// What callers send to the hub is bounded by address, by subnet and in all, and the first of an address come before others.
func TestCallersAreBounded(t *testing.T) {
	pending := route{pending: true}
	p := newPorch(t)
	p.sh.route(address(1), pending)
	passed := func(from netip.AddrPort, times int) (n int) {
		p.sh.route(from, pending)
		for range times {
			if p.come(from, hello(1)) {
				n++
			}
			p.sh.box.take(batch{})
		}
		return n
	}
	if n := passed(address(1), 2*callsOf); n != callsOf || p.dropped(dropCallers) != callsOf {
		t.Errorf("%d of an address", n)
	}
	of := func(addr string) (n int) {
		p.now = p.now.Add(time.Second)
		for port := range callsOfSubnet/4 + 10 {
			n += passed(netip.AddrPortFrom(netip.MustParseAddr(addr), uint16(1+port)), 4)
			p.now = p.now.Add(time.Second / callRate)
		}
		return n
	}
	if n := of("192.0.2.1"); n != callsOfSubnet {
		t.Errorf("%d of an IPv4 address", n)
	}
	if n := of("127.0.0.1"); n != callsOfSubnet+40 {
		t.Errorf("%d of this machine", n)
	}
	if n := of("2001:db8::1") + passed(netip.MustParseAddrPort("[2001:db8::2]:1"), 1); n != callsOfSubnet {
		t.Errorf("%d of an IPv6 network", n)
	}
	p.now = p.now.Add(time.Second)
	n := 0
	for i := range 3 * callRate {
		n += passed(address(1000+i), 1)
		p.now = p.now.Add(time.Second / (3 * callRate))
	}
	if most := callRate + int(callRate*callBurst/time.Second); n > most || n < callRate*9/10 {
		t.Errorf("%d in a second, want %d to %d", n, callRate, most)
	}
	p = newPorch(t)
	for i := range int(callAgainRate * callBurst / time.Second / 2) {
		passed(address(i), callsFirst+2)
	}
	if passed(address(0), 1) != 0 || passed(address(60_000), 1) != 1 {
		t.Error("repetitions take the room of first calls")
	}
}

// What anyone can send in the name of a session's address, as an answer to a question, takes nothing of what its peer may send.
func TestForgedAnswersTakeNoCalls(t *testing.T) {
	p := newPorch(t)
	from, n := address(1), 0
	p.sh.route(from, route{links: []recognised{{}}, settled: true, pending: true})
	forged := secure.AppendPathAnswer(nil, txid(1), from, new(secure.PathKey))
	for range 2 * callsOf {
		if p.come(from, forged) {
			n++
		}
		p.sh.box.take(batch{})
	}
	if n != repliesOf || p.dropped(dropCallers) != 2*callsOf-repliesOf {
		t.Errorf("%d go to the hub, %d are dropped", n, p.dropped(dropCallers))
	}
	for i := range callsOf {
		if !p.come(from, hello(1)) {
			t.Fatalf("call %d is dropped", i)
		}
		p.sh.box.take(batch{})
	}
}

// Protected datagrams of unknown addresses go to the hub as often as it may answer them.
func TestUnknownAddressesAreBounded(t *testing.T) {
	p := newPorch(t)
	n := 0
	for range 2 * unknownOf {
		if p.come(address(1), srtp(111, 172)) {
			n++
		}
	}
	if n != unknownOf || p.dropped(dropHints) != unknownOf {
		t.Errorf("%d of an address, %d dropped", n, p.dropped(dropHints))
	}
	n = 0
	for i := range 10 * unknownRate {
		if p.come(address(1000+i), srtp(200, 172)) {
			n++
		}
	}
	if n > unknownRate {
		t.Errorf("%d at once", n)
	}
}

// The door costs no memory a datagram.
func TestTheDoorDoesNotAllocate(t *testing.T) {
	for name, tt := range strangers() {
		p := newPorch(t)
		p.w.s.write = func([]byte, netip.AddrPort) error { return nil }
		in := make([]inbound, readAtOnce)
		next := 0
		allocs := testing.AllocsPerRun(50, func() {
			for i := range in {
				next++
				in[i] = inbound{from: address(next), data: tt.b, at: p.now}
			}
			p.sh.receive(p.now, in, p.w)
			p.w.flush()
		})
		if allocs > 0 {
			t.Errorf("%s: %v allocations for %d datagrams", name, allocs, len(in))
		}
	}
}

// BenchmarkStranger is what a stranger's datagram costs behind the reading of it, and for STUN without the sending of answers.
func BenchmarkStranger(b *testing.B) {
	rows := strangers()
	rows["SRTP"] = rows["junk"]
	row := rows["SRTP"]
	row.b = srtp(111, 172)
	rows["SRTP"] = row
	for name, tt := range rows {
		b.Run(name, func(b *testing.B) {
			p := newPorch(b)
			p.w.s.write = func([]byte, netip.AddrPort) error { return nil }
			in := make([]inbound, readAtOnce)
			b.ReportAllocs()
			for n := 0; n < b.N; n += len(in) {
				for i := range in {
					in[i] = inbound{from: address((n + i) % 40_000), data: tt.b, at: p.now}
				}
				p.now = p.now.Add(readAtOnce * 3 * time.Microsecond)
				p.sh.receive(p.now, in, p.w)
				p.w.flush()
				p.sh.box.in = p.sh.box.in.emptied()
			}
		})
	}
}
