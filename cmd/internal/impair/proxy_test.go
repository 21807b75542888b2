package impair

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yodel/cmd/internal/fates"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	patience = time.Minute           // for what must come
	silence  = 30 * time.Millisecond // for what must not
)

// listen returns a UDP socket on loopback that ends with the test.
func listen(t *testing.T) *net.UDPConn {
	t.Helper()
	return listenAt(t, 0)
}

func listenAt(t *testing.T, port int) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// start returns a proxy in front of the target that ends with the test.
func start(t *testing.T, target net.Conn, cfg Config) *Proxy {
	t.Helper()
	cfg.Target = target.LocalAddr().String()
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return p
}

// dial returns a socket connected to the proxy that ends with the test.
func dial(t *testing.T, p *Proxy) *net.UDPConn {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func send(t *testing.T, conn *net.UDPConn, text string) {
	t.Helper()
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

// receive returns the next datagram and its source.
func receive(t *testing.T, conn *net.UDPConn) (string, netip.AddrPort) {
	t.Helper()
	text, from, err := read(conn, patience)
	if err != nil {
		t.Fatalf("receive: %v", err)
	}
	return text, from
}

// eventually waits until what it looks at is true.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	late := time.Now().Add(patience)
	for tick := time.Tick(time.Millisecond); !is(); <-tick {
		if time.Now().After(late) {
			t.Fatalf("it never came true: %s", what)
		}
	}
}

// wantNothing fails the test if a datagram comes.
func wantNothing(t *testing.T, conn *net.UDPConn) {
	t.Helper()
	text, _, err := read(conn, silence)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("received %q, %v; want nothing", text, err)
	}
}

func read(conn *net.UDPConn, wait time.Duration) (string, netip.AddrPort, error) {
	if err := conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return "", netip.AddrPort{}, err
	}
	buf := make([]byte, 2048)
	n, from, err := conn.ReadFromUDPAddrPort(buf)
	return string(buf[:n]), from, err
}

// throws returns the fates of the first client's first n datagrams to the target.
func throws(cfg *Config, n int) []fates.Fate {
	d, p := fates.NewDice(cfg.Seed, 0), cfg.Profile
	thrown := make([]fates.Fate, n)
	for i := range thrown {
		thrown[i] = d.Throw(&p)
	}
	return thrown
}

func TestClientsAreKeptApart(t *testing.T) {
	target := listen(t)
	p := start(t, target, Config{})
	alice, bob := dial(t, p), dial(t, p)
	send(t, alice, "from alice")
	_, aliceSeen := receive(t, target)
	send(t, bob, "from bob")
	text, bobSeen := receive(t, target)
	if text != "from bob" || aliceSeen == bobSeen {
		t.Fatalf("got %q from %v after alice at %v", text, bobSeen, aliceSeen)
	}
	for _, reply := range []struct {
		to   netip.AddrPort
		conn *net.UDPConn
		text string
	}{{bobSeen, bob, "for bob"}, {aliceSeen, alice, "for alice"}} {
		if _, err := target.WriteToUDPAddrPort([]byte(reply.text), reply.to); err != nil {
			t.Fatal(err)
		}
		if got, _ := receive(t, reply.conn); got != reply.text {
			t.Errorf("got %q, want %q", got, reply.text)
		}
	}
	if s := p.Stats(); s.Clients != 2 || s.Up.Received != 2 || s.Down.Received != 2 {
		t.Errorf("stats %+v", s)
	}
}

func TestLossAndDuplicatesFollowTheSeed(t *testing.T) {
	const n = 200
	cfg := Config{Profile: fates.Profile{Loss: 0.3, Dup: 0.2}, Seed: 42}
	target := listen(t)
	p := start(t, target, cfg)
	conn := dial(t, p)
	for i := range n {
		send(t, conn, strconv.Itoa(i))
	}
	for i, f := range throws(&cfg, n) {
		for range f.Copies {
			if got, _ := receive(t, target); got != strconv.Itoa(i) {
				t.Fatalf("got %s, want datagram %d, which the seed lets through %d times", got, i, f.Copies)
			}
		}
	}
	wantNothing(t, target)
	s := p.Stats().Up
	if s.Received != n || s.Received-s.Lost+s.Duplicated != s.Delivered {
		t.Errorf("counts do not add up: %+v", s)
	}
}

func TestDelayHoldsBothWays(t *testing.T) {
	const delay = 40 * time.Millisecond
	target := listen(t)
	p := start(t, target, Config{Profile: fates.Profile{Delay: delay}})
	conn := dial(t, p)
	begin := time.Now()
	send(t, conn, "ping")
	_, from := receive(t, target)
	if took := time.Since(begin); took < delay {
		t.Errorf("one way took %v, want at least %v", took, delay)
	}
	if _, err := target.WriteToUDPAddrPort([]byte("pong"), from); err != nil {
		t.Fatal(err)
	}
	receive(t, conn)
	if took := time.Since(begin); took < 2*delay {
		t.Errorf("there and back took %v, want at least %v", took, 2*delay)
	}
}

func TestReorderOvertakes(t *testing.T) {
	t.Parallel()                                                                         // it mostly waits
	cfg := Config{Profile: fates.Profile{Reorder: 0.5, Delay: 3 * time.Second}, Seed: 5} // all is sent meanwhile
	thrown := throws(&cfg, 64)
	target := listen(t)
	p := start(t, target, cfg)
	conn := dial(t, p)
	for i := range thrown {
		send(t, conn, strconv.Itoa(i))
	}
	var want []string // those that skip the delay, then the others
	for _, early := range []bool{true, false} {
		for i, f := range thrown {
			if f.Early == early {
				want = append(want, strconv.Itoa(i))
			}
		}
	}
	for i := range want {
		if got, _ := receive(t, target); got != want[i] {
			t.Fatalf("place %d: got %s, want %s", i, got, want[i])
		}
	}
}

func TestBlackholeSwallowsBothDirections(t *testing.T) {
	target := listen(t)
	p := start(t, target, Config{})
	conn := dial(t, p)
	send(t, conn, "before")
	_, from := receive(t, target)

	p.SetBlackhole(true)
	send(t, conn, "swallowed")
	if _, err := target.WriteToUDPAddrPort([]byte("swallowed"), from); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both are swallowed", func() bool { return p.Stats().Up.Blackholed == 1 && p.Stats().Down.Blackholed == 1 })
	wantNothing(t, target)
	wantNothing(t, conn)

	p.SetBlackhole(false)
	send(t, conn, "after")
	if got, _ := receive(t, target); got != "after" {
		t.Errorf("got %q after the black hole", got)
	}
	if s := p.Stats(); s.Up.Blackholed != 1 || s.Down.Blackholed != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestTargetMayComeLater(t *testing.T) {
	target := listenAt(t, 27000+rand.IntN(1000)) // nobody else takes it meanwhile
	addr := target.LocalAddr().(*net.UDPAddr)
	p := start(t, target, Config{})
	conn := dial(t, p)
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
	send(t, conn, "to nobody")
	eventually(t, "one is passed on", func() bool { return p.Stats().Up.Delivered+p.Stats().Up.WriteFailed == 1 })
	wantNothing(t, conn)
	again, err := net.ListenUDP("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	send(t, conn, "to somebody")
	if got, _ := receive(t, again); got != "to somebody" {
		t.Errorf("got %q", got)
	}
}

func TestCloseDropsWhatIsOnItsWay(t *testing.T) {
	target := listen(t)
	p := start(t, target, Config{Profile: fates.Profile{Delay: time.Hour}})
	conn := dial(t, p)
	for range 10 {
		send(t, conn, "never")
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	wantNothing(t, target)
}
