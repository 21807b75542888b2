package daemon

import (
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A shard has a socket of its own, and its peers stay with it.
func TestSocketsOfAPortDivideThePeers(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "0.0.0.0:0"} {
		p, err := listen(netip.MustParseAddrPort(addr), 4, false)
		if err != nil || len(p.sockets) != 4 || p.warning != nil {
			t.Fatalf("%d sockets: %v, %v", len(p.sockets), err, p.warning)
		}
		defer func() { _ = p.close() }()
		if !strings.HasPrefix(p.how, "4 sockets, recvmmsg, sendmmsg") {
			t.Errorf("how: %s", p.how)
		}
		const peers, each = 200, 3
		for range peers {
			c := newCaller(t, "127.0.0.1")
			for range each {
				c.say(p, []byte("hello"))
			}
		}
		whose, total := map[netip.AddrPort]int{}, 0
		for i, s := range p.sockets {
			if s.local != p.addr() {
				t.Errorf("socket %d is at %v, the port at %v", i, s.local, p.addr())
			}
			got := 0
			for _, from := range senders(t, s) {
				if j, there := whose[from]; there && j != i {
					t.Errorf("%v came to sockets %d and %d", from, i, j)
				}
				whose[from] = i
				got++
			}
			if got < peers*each/10 {
				t.Errorf("%s: %d datagrams came to socket %d", addr, got, i)
			}
			total += got
		}
		if total != peers*each || len(whose) != peers {
			t.Errorf("%s: %d datagrams of %d peers, want %d of %d", addr, total, len(whose), peers*each, peers)
		}
	}
}

// senders reads all that a socket holds, and tells of each datagram whose it is.
func senders(t *testing.T, s *socket) (from []netip.AddrPort) {
	t.Helper()
	b := newReadBatch()
	b.in.fd = s.fd
	err := s.ready.Read(func(uintptr) bool {
		for b.in.receive(0) {
			for i := range b.in.n {
				who, _ := b.datagram(i)
				from = append(from, who)
			}
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return from
}

func TestReceiveBufferIsWhatTheSystemAllows(t *testing.T) {
	allowed, err := os.ReadFile("/proc/sys/net/core/rmem_max")
	if err != nil {
		t.Fatal(err)
	}
	least, err := strconv.Atoi(strings.TrimSpace(string(allowed)))
	if err != nil {
		t.Fatal(err)
	}
	p := openPort(t, "127.0.0.1:0", false)
	if got := p.sockets[0].receiveBuffer(); got < min(least, wantReceive) || got > wantReceive {
		t.Errorf("%d bytes; the system allows %d, wanted are %d", got, least, wantReceive)
	}
}

// setInt sets an option of a port's first socket.
func setInt(t *testing.T, p *port, level, option, value int) {
	t.Helper()
	if err := setOption(p.sockets[0].raw, level, option, value); err != nil {
		t.Fatal(err)
	}
}

func TestOverflowIsCounted(t *testing.T) {
	p := openPort(t, "127.0.0.1:0", false)
	setInt(t, p, unix.SOL_SOCKET, unix.SO_RCVBUF, 16<<10)
	c, b := newCaller(t, "127.0.0.1"), newReadBatch()
	got, lost := 0, 0
	take := func() {
		n, err := p.sockets[0].read(b)
		if err != nil {
			t.Fatal(err)
		}
		got, lost = got+n, lost+int(b.overflow())
	}
	for range 2 { // the second time the count does not begin at 0
		for range 500 {
			c.say(p, filled(92, 0))
		}
		for _, s := range []int{0, 1, 2} {
			if s > 0 {
				c.say(p, filled(92, s)) // tells of what was lost before
			}
			take()
		}
	}
	const sent = 2 * 502
	if got+lost != sent || lost < sent/2 {
		t.Errorf("%d came, %d were lost, of %d", got, lost, sent)
	}
}

func TestOverflowCountWraps(t *testing.T) {
	b, s := newReadBatch(), new(socket)
	s.overflows.Store(1<<32 - 5)
	c := (*unix.Cmsghdr)(unsafe.Pointer(&b.in.controls[0]))
	c.Level, c.Type = unix.SOL_SOCKET, unix.SO_RXQ_OVFL
	c.SetLen(unix.CmsgLen(4))
	b.in.controls[0][unix.CmsgLen(0)] = 3
	b.in.messages[0].header.SetControllen(unix.CmsgSpace(4))
	if b.in.count(s); b.overflow() != 8 {
		t.Errorf("%d, want 8", b.overflow())
	}
	b.in.messages[0].header.SetControllen(0)
	if b.in.count(s); b.overflow() != 0 {
		t.Errorf("%d, want none where the kernel tells none", b.overflow())
	}
}

// A read takes at most a batch, and the rest stays for the next.
func TestReadTakesManyAtOnce(t *testing.T) {
	p, b := openPort(t, "127.0.0.1:0", false), newReadBatch()
	c := newCaller(t, "127.0.0.1")
	for i := range readAtOnce + 6 {
		c.say(p, filled(92, i))
	}
	for _, want := range []int{readAtOnce, 6} {
		if n, err := p.sockets[0].read(b); n != want || err != nil {
			t.Errorf("%d (%v), want %d", n, err, want)
		}
	}
}

func TestTargetsAreAddresses(t *testing.T) {
	for _, c := range []struct {
		addr, want string
		v6         bool
	}{
		{"192.0.2.1:9635", "192.0.2.1:9635", false},
		{"192.0.2.1:9635", "192.0.2.1:9635", true},
		{"[::ffff:192.0.2.1]:1", "192.0.2.1:1", false},
		{"[::ffff:192.0.2.1]:1", "192.0.2.1:1", true},
		{"[2001:db8::1]:65535", "[2001:db8::1]:65535", true},
		{"[fe80::1%7]:256", "[fe80::1%7]:256", true},
		{"[fe80::1%lo]:256", "[fe80::1%1]:256", true},
		{"[fe80::1%nowhere]:256", "[fe80::1]:256", true},
	} {
		to := newTarget(netip.MustParseAddrPort(c.addr), c.v6)
		if got := addrPort(&to.name); got != netip.MustParseAddrPort(c.want) {
			t.Errorf("%s (IPv6 socket: %v) became %v", c.addr, c.v6, got)
		}
	}
}

// The kernel's layout of control messages is that of the structures.
func TestControlMessagesAreLaidOutAsTheKernelHasThem(t *testing.T) {
	var c segmentControl
	if unsafe.Sizeof(c) != uintptr(unix.CmsgSpace(2)) || unsafe.Offsetof(c.size) != uintptr(unix.CmsgLen(0)) {
		t.Errorf("segments: %d bytes, value at %d", unsafe.Sizeof(c), unsafe.Offsetof(c.size))
	}
	var in incoming
	if room := len(in.controls[0]); room < unix.CmsgSpace(4)+unix.CmsgSpace(int(unsafe.Sizeof(unix.Timespec{}))) {
		t.Errorf("%d bytes are too few for a count and a time", room)
	}
	if at := unsafe.Offsetof(in.controls) % 8; at != 0 {
		t.Errorf("control messages are %d bytes off their alignment", at)
	}
}

// When a datagram came is told, unless the clock has been set meanwhile.
func TestArrivalIsTold(t *testing.T) {
	began := time.Now()
	p, b := openPort(t, "127.0.0.1:0", false), newReadBatch()
	c := newCaller(t, "127.0.0.1")
	var before, after, now time.Time
	for told := false; !told; { // the kernel begins to note times some while after the first socket has asked for them
		before = time.Now()
		c.say(p, filled(92, 0))
		after = time.Now()
		if n, err := p.sockets[0].read(b); n != 1 || err != nil {
			t.Fatalf("%d datagrams (%v), want 1", n, err)
		}
		now = before.Add(maxWait / 2)
		at := b.arrived(0, now)
		told = !at.Before(before) && !at.After(after)
		if !told && time.Since(began) > patience {
			t.Fatalf("came %v after it was sent", at.Sub(before))
		}
	}
	for _, step := range []time.Duration{-time.Hour, time.Hour} {
		if at := b.arrived(0, now.Add(step)); !at.Equal(now.Add(step)) {
			t.Errorf("a clock %v ahead: came %v before it was read", step, now.Add(step).Sub(at))
		}
	}
}
