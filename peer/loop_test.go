package peer

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"yodel/peer/audio"
	"yodel/wire/secure"
)

// scriptConn is a connection whose reads bring the errors that the test sends, and whose writes go nowhere.
type scriptConn struct {
	net.Conn // nothing else is called
	reads    chan error
	closed   chan struct{}
	once     sync.Once
}

func (c *scriptConn) Read([]byte) (int, error) {
	select {
	case err := <-c.reads:
		return 0, err
	case <-c.closed:
		return 0, net.ErrClosed
	}
}

func (c *scriptConn) Write(b []byte) (int, error) { return len(b), nil }

func (c *scriptConn) LocalAddr() net.Addr { return &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (c *scriptConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

func readError(errno syscall.Errno) error {
	return &net.OpError{Op: "read", Net: "udp", Err: os.NewSyscallError("read", errno)}
}

// scripted runs a client on a connection that the test breaks.
func scripted(t *testing.T) (*Client, *link, *scriptConn) {
	t.Helper()
	cfg, err := Config{Server: "localhost", Identity: mustIdentity(t)}.checked()
	if err != nil {
		t.Fatal(err)
	}
	conn := &scriptConn{reads: make(chan error), closed: make(chan struct{})}
	secrets, _ := shake(t, cfg.Identity, mustIdentity(t))
	l := newLink(conn, netip.AddrPort{})
	if err := l.protect(secrets); err != nil {
		t.Fatal(err)
	}
	c := newClient(cfg)
	go c.run(l)
	t.Cleanup(func() { _ = c.Close() })
	return c, l, conn
}

// A datagram that was too long for the path ends neither the session nor its reader, and is told as what may have been the reason.
func TestDatagramsTooLongForThePathAreNotTheEnd(t *testing.T) {
	c, l, conn := scripted(t)
	for range 3 {
		conn.reads <- readError(syscall.EMSGSIZE)
	}
	conn.reads <- readError(syscall.ECONNREFUSED)
	<-c.over
	if n := l.tooLong.Load(); n != 3 {
		t.Errorf("%d counted, want 3", n)
	}
	if err := c.Err(); !errors.Is(err, errNothingThere) || !strings.Contains(err.Error(), "3 datagrams were too long") {
		t.Errorf("%v", err)
	}
}

// After the end every call fails, and none begins what would never end.
func TestCallsAfterTheEndFail(t *testing.T) {
	c, _, conn := scripted(t)
	enc, err := audio.NewEncoder(audio.L16)
	if err != nil {
		t.Fatal(err)
	}
	talk := newTalk(c, "lobby", enc)
	conn.reads <- readError(syscall.ECONNREFUSED)
	<-c.over
	for range 1000 {
		runtime.Gosched() // to the loop, which must not take what comes
		if _, err := c.Publish(t.Context(), Outgoing{Room: "lobby", Body: []byte("x")}); !errors.Is(err, ErrLost) {
			t.Fatalf("publish: %v", err)
		}
		if err := talk.Write(make([]int16, audio.L16.FrameSamples)); !errors.Is(err, ErrLost) {
			t.Fatalf("write: %v", err)
		}
	}
}

// A lock on known_hosts that another program holds does not keep dialling from ending with its context.
func TestVerifyEndsWithItsContext(t *testing.T) {
	known, unlock := lockedKnownHosts(t)
	pinned := make(logged)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- verify(ctx, Config{KnownHosts: known, Logger: slog.New(slog.NewTextHandler(pinned, nil))}, "localhost:1", mustIdentity(t).Fingerprint())
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) { // while the lock is held
		t.Error(err)
	}
	unlock()
	<-pinned // the goroutine that was left behind ends
}

// logged tells of each line of a log.
type logged chan struct{}

func (l logged) Write(b []byte) (int, error) {
	close(l)
	return len(b), nil
}

// lockedKnownHosts is a known_hosts file whose lock another program has until unlock.
func lockedKnownHosts(t *testing.T) (known *secure.KnownHosts, unlock func()) {
	t.Helper()
	known = &secure.KnownHosts{Path: filepath.Join(t.TempDir(), "known_hosts")}
	lock, err := os.Create(known.Path + ".lock")
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	return known, func() {
		if err := lock.Close(); err != nil {
			t.Error(err)
		}
	}
}
