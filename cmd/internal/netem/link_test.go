//go:build linux

package netem

import (
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"yodel/cmd/internal/fates"
)

func TestBothFamiliesReachTheOtherSide(t *testing.T) {
	w := newWorld(t, 0)
	addrs := [][2]netip.Addr{{w.link.Addr(A), w.link.Addr(B)}}
	if hasIPv6() {
		addrs = append(addrs, [2]netip.Addr{w.link.Addr6(A), w.link.Addr6(B)})
	}
	for _, pair := range addrs {
		a, b := listen(t, w.a, pair[0]), listen(t, w.b, pair[1])
		send(t, a, port(b), "ping")
		if from := want(t, b, "ping"); from != port(a) {
			t.Errorf("from %v, want %v", from, port(a))
		}
		send(t, b, port(a), "pong")
		want(t, a, "pong")
	}
}

// A namespace in the middle has two links, as a daemon between two peers.
func TestThreeNamespaces(t *testing.T) {
	w := newWorld(t, 0)
	c := namespace(t)
	second, err := Connect(Config{A: c, B: w.b})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := second.Close(); err != nil {
			t.Error(err)
		}
	}()
	middle := listen(t, w.b, netip.IPv4Unspecified())
	to := port(middle).Port()
	a, other := listen(t, w.a, w.link.Addr(A)), listen(t, c, second.Addr(A))
	send(t, a, netip.AddrPortFrom(w.link.Addr(B), to), "from a")
	want(t, middle, "from a")
	send(t, other, netip.AddrPortFrom(second.Addr(B), to), "from c")
	from := want(t, middle, "from c")
	send(t, middle, from, "back")
	want(t, other, "back")
}

func TestSeedDecidesWhatIsLostAndDoubled(t *testing.T) {
	const n = 300
	imp := Impairment{Profile: fates.Profile{Loss: 0.3, Dup: 0.2}}
	w := newWorld(t, 0)
	w.set(imp)
	a, b := w.pair()
	var expected []string
	for i, dice := 0, fates.NewDice(seed, 0); i < n; i++ {
		for range dice.Throw(&imp.Profile).Copies {
			expected = append(expected, fmt.Sprintf("datagram %d", i))
		}
	}
	if got := flood(t, a, b, n, len(expected)); !slices.Equal(got, expected) {
		t.Errorf("seed %d let through\n%v, want\n%v", seed, got, expected)
	}
	wantNothing(t, b)
	s := w.link.Stats(A)
	if s.Received.Packets != n || s.Delivered.Packets != int64(len(expected)) || s.Lost+s.Delivered.Packets-s.Duplicated != n {
		t.Errorf("counts do not add up: %+v", s)
	}
	if bytes := s.Received.Bytes; bytes < n*(28+10) || bytes > n*(28+12) {
		t.Errorf("%d bytes received for %d packets of 38 to 40", bytes, n)
	}
}

// tries is how often is tried what a stall of the machine can spoil.
const tries = 10

func TestDelayAndItsChange(t *testing.T) {
	w := newWorld(t, 0)
	a, b := w.pair()
	for _, delay := range []time.Duration{60 * time.Millisecond, 0} {
		w.set(Impairment{Profile: fates.Profile{Delay: delay}})
		took, most := time.Duration(0), 2*delay+50*time.Millisecond
		for n := 0; n == 0 || n < tries && took > most; n++ {
			begin := time.Now()
			send(t, a, port(b), "there")
			want(t, b, "there")
			send(t, b, port(a), "back")
			want(t, a, "back")
			if took = time.Since(begin); took < 2*delay {
				t.Errorf("there and back took %v with %v each way", took, delay)
			}
		}
		if took > most {
			t.Errorf("there and back took %v with %v each way", took, delay)
		}
	}
}

func TestOneDirectionByItself(t *testing.T) {
	w := newWorld(t, 0)
	a, b := w.pair()
	if err := w.link.Set(A, Impairment{Profile: fates.Profile{Loss: 1}}); err != nil {
		t.Fatal(err)
	}
	send(t, a, port(b), "lost")
	send(t, b, port(a), "comes")
	want(t, a, "comes")
	eventually(t, "one is lost", func() bool { return w.link.Stats(A).Lost == 1 })
	wantNothing(t, b)
}

func TestCorruption(t *testing.T) {
	w := newWorld(t, 0)
	a, b := w.pair()
	text := strings.Repeat("x", 100)
	w.set(Impairment{Profile: fates.Profile{Corrupt: 1}})
	send(t, a, port(b), text)
	eventually(t, "one is corrupted", func() bool { return w.link.Stats(A).Delivered.Packets == 1 })
	wantNothing(t, b) // the checksum is wrong

	w.set(Impairment{Profile: fates.Profile{Corrupt: 1}, Rewrite: true})
	send(t, a, port(b), text)
	got, _, err := read(b, patience)
	if err != nil || len(got) != len(text) || got == text {
		t.Errorf("received %q, %v; want %d bytes, some other", got, err, len(text))
	}
	if s := w.link.Stats(A); s.Corrupted != 2 {
		t.Errorf("%+v", s)
	}
}

// A bottleneck of 64 kbit/s passes 8000 bytes a second; what would wait longer than the queue is dropped.
func TestBottleneck(t *testing.T) {
	var err error
	for range tries {
		if err = bottleneck(t); err == nil {
			return
		}
		t.Log(err)
	}
	t.Error(err)
}

func bottleneck(t *testing.T) error {
	const size, n = 500 - 28, 20
	w := newWorld(t, 0)
	a, b := w.pair()
	w.set(Impairment{Rate: 64000, Queue: 300 * time.Millisecond})
	begin := time.Now()
	for range n {
		send(t, a, port(b), strings.Repeat("x", size))
	}
	got, took := 0, time.Duration(0)
	for got+int(w.link.Stats(A).Overflowed) < n {
		switch _, _, err := read(b, silence); {
		case err == nil:
			got, took = got+1, time.Since(begin)
		case time.Since(begin) > patience:
			return fmt.Errorf("%d of %d came: %+v", got, n, w.link.Stats(A))
		}
	}
	// Each takes 62.5 ms: the first four wait under 300 ms for those before them, and one more for its own.
	if got < 5 || got > 6 {
		return fmt.Errorf("%d of %d came", got, n)
	}
	if least := time.Duration(got) * 62500 * time.Microsecond; took < least-20*time.Millisecond || took > least+100*time.Millisecond {
		return fmt.Errorf("%d came in %v, want %v", got, took, least)
	}
	return nil
}

func TestBlackout(t *testing.T) {
	w := newWorld(t, 0)
	a, b := w.pair()
	w.link.Blackout(true)
	send(t, a, port(b), "swallowed")
	send(t, b, port(a), "swallowed")
	eventually(t, "both are swallowed", func() bool { return w.link.Stats(A).BlackedOut == 1 && w.link.Stats(B).BlackedOut == 1 })
	wantNothing(t, b)
	wantNothing(t, a)
	w.link.Blackout(false)
	send(t, a, port(b), "after")
	want(t, b, "after")
	if there, back := w.link.Stats(A).BlackedOut, w.link.Stats(B).BlackedOut; there != 1 || back != 1 {
		t.Errorf("%d and %d packets blacked out", there, back)
	}
}

func TestMTU(t *testing.T) {
	w := newWorld(t, 1280)
	a, b := w.pair()
	w.set(Impairment{MTU: 1000})
	send(t, a, port(b), strings.Repeat("x", 1000-28))
	want(t, b, strings.Repeat("x", 1000-28))
	send(t, a, port(b), strings.Repeat("x", 1001-28))
	eventually(t, "one is too long", func() bool { return w.link.Stats(A).TooLong == 1 })
	wantNothing(t, b)
}

func TestRebind(t *testing.T) {
	w := newWorld(t, 0)
	families := [][2]netip.Addr{{w.link.Addr(A), w.link.Addr(B)}}
	if hasIPv6() {
		families = append(families, [2]netip.Addr{w.link.Addr6(A), w.link.Addr6(B)})
	}
	for _, f := range families {
		a, b := listen(t, w.a, f[0]), listen(t, w.b, f[1])
		seen := map[netip.AddrPort]bool{port(a): true}
		for range 3 {
			w.link.Rebind()
			send(t, a, port(b), "here I am")
			from := want(t, b, "here I am")
			if seen[from] {
				t.Fatalf("the address %v is not new", from)
			}
			for old := range seen {
				send(t, b, old, "to nobody")
			}
			wantNothing(t, a)
			seen[from] = true
			send(t, b, from, "for you")
			if got := want(t, a, "for you"); got != port(b) {
				t.Errorf("the answer comes from %v, want %v", got, port(b))
			}
		}
	}
	if s := w.link.Stats(B); s.Untranslated == 0 {
		t.Errorf("nothing was dropped by the NAT: %+v", s)
	}
}

// A child is in its namespace, and dies with it.
func TestStart(t *testing.T) {
	w := newWorld(t, 0)
	var said strings.Builder
	cmd := exec.Command("ip", "-br", "addr", "show", "dev", w.link.Device(A))
	cmd.Stdout = &said
	if err := errors.Join(w.a.Start(cmd), cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(said.String(), w.link.Addr(A).String()) {
		t.Errorf("ip says %q", said.String())
	}
	ns, err := NewNamespace()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command("sleep", "600")
	if err := errors.Join(ns.Start(child), ns.Close()); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil || child.ProcessState.Exited() {
		t.Errorf("the child ended with %v, want that it was killed", err)
	}
	if err := ns.Do(func() error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("Do after Close: %v, want ErrClosed", err)
	}
}

func TestBadImpairment(t *testing.T) {
	w := newWorld(t, 0)
	for _, imp := range []Impairment{{Rate: -1}, {Queue: -1}, {MTU: -1}, {Profile: fates.Profile{Loss: 2}}} {
		if err := w.link.Set(A, imp); !errors.Is(err, fates.ErrProfile) {
			t.Errorf("%+v: %v, want ErrProfile", imp, err)
		}
	}
}

func TestCloseDropsWhatIsOnItsWay(t *testing.T) {
	w := newWorld(t, 0)
	a, b := w.pair()
	w.set(Impairment{Profile: fates.Profile{Delay: time.Hour}})
	send(t, a, port(b), "never")
	if err := errors.Join(w.link.Close(), w.link.Close()); err != nil {
		t.Fatal(err)
	}
	wantNothing(t, b)
}
