package control

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A daemon that lives but accepts nobody keeps its socket.
func TestSocketWithAFullQueueIsNotStale(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 1)); err != nil {
		t.Fatal(err)
	}
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	for {
		conn, err := connect(path, probeFor)
		if errors.Is(err, syscall.EAGAIN) {
			break
		}
		if err != nil || len(conns) > 100 {
			t.Fatal(len(conns), err)
		}
		conns = append(conns, conn)
	}
	if _, err := Listen(path); !errors.Is(err, ErrInUse) {
		t.Errorf("%v", err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
}

func TestWhoListens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	listenAt(t, path)
	if pid := NewClient(path).listener(); pid != os.Getpid() {
		t.Errorf("process %d", pid)
	}
	if pid := NewClient(path + "x").listener(); pid != 0 {
		t.Errorf("of nobody: process %d", pid)
	}
}
