package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yodel/cmd/internal/fates"
	"yodel/cmd/internal/impair"
	"yodel/daemon"
	"yodel/peer"
	"yodel/wire"
	"yodel/wire/secure"
)

// shout lets three peers publish n lines each at once, and gives what two readers got.
func shout(t *testing.T, n int, writers, readers []*peer.Client) [][]string {
	t.Helper()
	for _, c := range readers {
		join(t, c, peer.JoinOptions{Room: "lobby"})
	}
	var all sync.WaitGroup
	for i, c := range writers {
		all.Go(func() {
			var pubs []*peer.Publication
			for k := range n {
				p, err := c.Publish(t.Context(), peer.Outgoing{Room: "lobby", Body: fmt.Appendf(nil, "%d:%d", i, k)})
				if err != nil {
					t.Error(err)
					return
				}
				pubs = append(pubs, p)
			}
			for _, p := range pubs {
				if _, err := p.Receipt(soon(t)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	got := make([][]string, len(readers))
	for i, c := range readers {
		for range n * len(writers) {
			got[i] = append(got[i], string(next[*peer.Message](t, c).Body))
		}
	}
	all.Wait()
	return got
}

// checkShout wants every line once, those of one writer in order, and one order for all readers.
func checkShout(t *testing.T, got [][]string, writers, n int) {
	t.Helper()
	for _, other := range got[1:] {
		if d := cmp.Diff(got[0], other); d != "" {
			t.Fatalf("two readers saw different orders:\n%s", d)
		}
	}
	line := make([]int, writers)
	for _, text := range got[0] {
		var i, k int
		if _, err := fmt.Sscanf(text, "%d:%d", &i, &k); err != nil || k != line[i] {
			t.Fatalf("%q came where line %d of writer %d was next", text, line[i], i)
		}
		line[i]++
	}
	for i, k := range line {
		if k != n {
			t.Errorf("%d lines of writer %d came, want %d", k, i, n)
		}
	}
}

func TestEveryMessageOnceAndInOneOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, daemon.Config{})
	const n = 200
	writers := []*peer.Client{w.dial(w.config("a")), w.dial(w.config("b")), w.dial(w.config("c"))}
	readers := []*peer.Client{w.dial(w.config("x")), w.dial(w.config("y"))}
	checkShout(t, shout(t, n, writers, readers), len(writers), n)
}

func TestMessagesOverABadNetwork(t *testing.T) {
	t.Parallel()
	w := newWorld(t, daemon.Config{})
	proxy, err := impair.New(impair.Config{
		Listen: "127.0.0.1:0", Target: w.addr.String(), Seed: 7,
		Profile: fates.Profile{Loss: 0.1, Dup: 0.05, Reorder: 0.1, Delay: 20 * time.Millisecond, Jitter: 10 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = proxy.Close() })
	far := func(nick string) *peer.Client {
		cfg := w.config(nick)
		cfg.Server = proxy.Addr().String()
		return w.dial(cfg)
	}
	const n = 60
	writers := []*peer.Client{far("a"), far("b"), far("c")}
	readers := []*peer.Client{far("x"), far("y")}
	checkShout(t, shout(t, n, writers, readers), len(writers), n)
}

func TestReadingFromWhereOneLeft(t *testing.T) {
	w := newWorld(t, daemon.Config{})
	c := w.dial(w.config("a"))
	var pos []uint64
	for i := range 5 {
		pos = append(pos, receipt(t, publish(t, c, "lobby", strconv.Itoa(i))).Pos)
	}
	j := join(t, c, peer.JoinOptions{Room: "lobby", From: peer.Last(2), Observe: true})
	if j.Replay != 2 || j.Newest != pos[4] || len(j.Members) != 0 {
		t.Errorf("%+v", j)
	}
	for _, want := range pos[3:] {
		if m := next[*peer.Message](t, c); m.Pos != want || m.Media != "text/plain" || m.From != "a" || m.Fingerprint != c.Fingerprint() {
			t.Errorf("%+v", m)
		}
	}
	d := w.dial(w.config("b"))
	join(t, d, peer.JoinOptions{Room: "lobby", From: peer.AfterPos(j.LogID, pos[1])})
	for _, want := range pos[2:] {
		if m := next[*peer.Message](t, d); m.Pos != want {
			t.Errorf("position %d, want %d", m.Pos, want)
		}
	}
}

func TestPresenceWhoRoomsPing(t *testing.T) {
	w := newWorld(t, daemon.Config{Rooms: map[string]daemon.RoomConfig{"studio": {Delay: 250 * time.Millisecond}}})
	alice := w.dial(w.config("alice"))
	join(t, alice, peer.JoinOptions{Room: "studio"})
	bob := w.dial(w.config("bob"))
	j := join(t, bob, peer.JoinOptions{Room: "studio"})
	if len(j.Members) != 2 || j.Delay != 250*time.Millisecond || j.Lead != wire.Lead(j.Delay) {
		t.Errorf("%+v", j)
	}
	if p := next[*peer.Presence](t, alice); !p.Joined || p.Member.Nick != "bob" || p.Member.Fingerprint != bob.Fingerprint() {
		t.Errorf("%+v", p)
	}
	members, _, err := alice.Who(soon(t), "studio")
	if err != nil || len(members) != 2 || members[0].Nick != "alice" {
		t.Errorf("%+v %v", members, err)
	}
	if nick, err := bob.SetNick(soon(t), "robert"); err != nil || nick != "robert" || bob.Nick() != "robert" {
		t.Errorf("%q %v", nick, err)
	}
	if _, err := bob.SetNick(soon(t), "Alice"); !errors.Is(err, peer.ErrRefused) {
		t.Errorf("a taken nick: %v", err)
	}
	rooms, err := alice.Rooms(soon(t))
	if err != nil || len(rooms) == 0 {
		t.Errorf("%+v %v", rooms, err)
	}
	if d, err := alice.Ping(soon(t)); err != nil || d <= 0 {
		t.Errorf("%v %v", d, err)
	}
	if err := bob.Leave(soon(t), "studio"); err != nil {
		t.Error(err)
	}
	for p := next[*peer.Presence](t, alice); p.Member.Nick != "robert" || p.Joined; p = next[*peer.Presence](t, alice) {
	}
	if alice.Daemon() != w.cfg.Identity.Fingerprint() || alice.Addr() != w.addr || alice.RTT() <= 0 {
		t.Errorf("%v %v %v", alice.Daemon(), alice.Addr(), alice.RTT())
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t, daemon.Config{})
	c := w.dial(w.config("alice"))
	var refusal *peer.RefusedError
	other := w.dial(w.config("ALICE"))
	for _, err := range []error{other.Welcomed(soon(t)), other.Welcomed(soon(t)), joinError(t, other)} {
		if !errors.As(err, &refusal) || refusal.Code != wire.Code_CODE_NICK_TAKEN {
			t.Errorf("taken nick: %v", err)
		}
	}
	if err := joinError(t, w.dial(w.config("ALICE"))); !errors.As(err, &refusal) || refusal.Code != wire.Code_CODE_NICK_TAKEN {
		t.Errorf("the first call with a taken nick: %v", err)
	}
	if _, err := c.Join(soon(t), peer.JoinOptions{Room: "no such/room"}); !errors.Is(err, peer.ErrRefused) {
		t.Errorf("illegal room: %v", err)
	}
	if _, err := c.Publish(soon(t), peer.Outgoing{Room: "lobby"}); !errors.Is(err, peer.ErrEmpty) {
		t.Errorf("empty: %v", err)
	}
	if _, err := c.Publish(soon(t), peer.Outgoing{Room: "lobby", Body: make([]byte, wire.MaxBody+1)}); !errors.Is(err, peer.ErrTooLong) {
		t.Errorf("too long: %v", err)
	}
	big := receipt(t, publish(t, c, "lobby", strings.Repeat("x", wire.MaxBody)))
	if big.Pos == 0 {
		t.Error("the longest message has no position")
	}
	cfg := w.config("bob")
	host := w.addr.String()
	if _, err := cfg.KnownHosts.Check(host, secure.Fingerprint{1}); err != nil {
		t.Fatal(err)
	}
	if _, err := peer.Dial(soon(t), cfg); !errors.Is(err, secure.ErrHostKeyChanged) {
		t.Errorf("changed key: %v", err)
	}
}

func joinError(t *testing.T, c *peer.Client) error {
	_, err := c.Join(soon(t), peer.JoinOptions{Room: "lobby"})
	return err
}

func TestTwoSessionsOfOneIdentity(t *testing.T) {
	w := newWorld(t, daemon.Config{})
	cfg := w.config("alice")
	const n = 50
	both := []*peer.Client{w.dial(cfg), w.dial(cfg)}
	checkShout(t, shout(t, n, both, []*peer.Client{w.dial(w.config("x")), w.dial(w.config("y"))}), 2, n)
}

func TestDaemonStops(t *testing.T) {
	w := newWorld(t, daemon.Config{})
	c := w.dial(w.config("alice"))
	if err := c.Welcomed(soon(t)); err != nil {
		t.Fatal(err)
	}
	w.stop()
	for range c.Events() {
	}
	if err := c.Err(); !errors.Is(err, peer.ErrLost) || !strings.Contains(err.Error(), wire.ByeStopping) {
		t.Errorf("%v", err)
	}
	if _, err := c.Ping(soon(t)); !errors.Is(err, peer.ErrLost) {
		t.Errorf("ping: %v", err)
	}
}

func TestCloseEndsEverything(t *testing.T) {
	w := newWorld(t, daemon.Config{})
	c := w.dial(w.config("alice"))
	closes(t, c)
	if _, ok := <-c.Events(); ok || c.Err() != nil {
		t.Errorf("events are open, or %v", c.Err())
	}
	if _, err := c.Ping(soon(t)); !errors.Is(err, peer.ErrClosed) {
		t.Errorf("ping: %v", err)
	}
	closes(t, c)
}

// A peer comes back to a daemon that was started again, and is told if it has another room log then.
func TestDaemonIsStartedAgain(t *testing.T) {
	for name, other := range map[string]bool{"with its room log": false, "with another one": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, daemon.Config{})
			cfg := w.config("alice")
			cfg.Reconnect = true
			c := w.dial(cfg)
			join(t, c, peer.JoinOptions{Room: "lobby"})
			receipt(t, publish(t, c, "lobby", "before"))
			if m := next[*peer.Message](t, c); string(m.Body) != "before" {
				t.Errorf("%+v", m)
			}
			w.stop()
			if ev := next[*peer.Lost](t, c); !errors.Is(ev.Err, peer.ErrLost) {
				t.Error(ev.Err)
			}
			p := publish(t, c, "lobby", "meanwhile")
			if other {
				w.cfg.State = t.TempDir()
			}
			w.start()
			told := false
			for back := false; !back; {
				switch ev := next[peer.Event](t, c).(type) {
				case *peer.Truncated:
					told = true
				case *peer.Back:
					if back = true; len(ev.Rooms) != 1 {
						t.Errorf("%+v", ev)
					}
				}
			}
			if told != other {
				t.Errorf("told that messages are gone: %v", told)
			}
			receipt(t, p)
			if m := next[*peer.Message](t, c); string(m.Body) != "meanwhile" {
				t.Errorf("%+v", m)
			}
			if _, err := c.Ping(soon(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

// A peer that is looking for its daemon can be closed.
func TestCloseWhileTheDaemonIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, daemon.Config{})
	cfg := w.config("alice")
	cfg.Reconnect = true
	c := w.dial(cfg)
	join(t, c, peer.JoinOptions{Room: "lobby"})
	w.stop()
	next[*peer.Lost](t, c)
	closes(t, c)
	if err := c.Err(); err != nil {
		t.Errorf("after Close: %v", err)
	}
}

// A peer can be closed at once while it shakes hands and known_hosts, on a slow disk or locked by others, cannot be read.
func TestCloseWhileKnownHostsBlocks(t *testing.T) {
	w := newWorld(t, daemon.Config{})
	cfg := w.config("alice")
	cfg.Reconnect = true
	c := w.dial(cfg)
	if err := c.Welcomed(soon(t)); err != nil { // only who has been there comes back
		t.Fatal(err)
	}
	path := cfg.KnownHosts.Path
	pinned, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600)); err != nil {
		t.Fatal(err)
	}
	w.stop()
	w.start()
	fifo, err := os.OpenFile(path, os.O_WRONLY, 0) // returns when the other end is opened: by the peer that has come back
	if err != nil {
		t.Fatal(err)
	}
	closes(t, c) // nothing is in the FIFO yet
	if _, err := fifo.Write(pinned); err != nil {
		t.Error(err)
	}
	if err := fifo.Close(); err != nil {
		t.Error(err)
	}
}

// A call ends with its context while the network is away, and the session goes on afterwards.
func TestCallsEndWithTheirContext(t *testing.T) {
	w := newWorld(t, daemon.Config{})
	proxy, err := impair.New(impair.Config{Target: w.addr.String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = proxy.Close() })
	cfg := w.config("alice")
	cfg.Server = proxy.Addr().String()
	c := w.dial(cfg)
	proxy.SetBlackhole(true)
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	p := publish(t, c, "lobby", "into the dark")
	if _, err := c.Ping(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ping: %v", err)
	}
	if _, err := p.Receipt(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("receipt: %v", err)
	}
	for err == nil {
		_, err = c.Publish(short, peer.Outgoing{Room: "lobby", Body: make([]byte, wire.MaxBody)})
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("publish: %v", err)
	}
	proxy.SetBlackhole(false)
	receipt(t, p)
	if _, err := c.Ping(soon(t)); err != nil {
		t.Error(err)
	}
}
