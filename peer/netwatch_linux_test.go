package peer

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What a route socket brings is told, many changes at once as one, until it is closed.
func TestChangesOfTheNetworkAreTold(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	kernel, socket := os.NewFile(uintptr(fds[0]), "kernel"), os.NewFile(uintptr(fds[1]), "route socket")
	defer func() { _ = kernel.Close() }()
	told, ended := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(ended)
		readChanges(socket, told)
	}()
	for range 100 {
		if _, err := kernel.Write(make([]byte, 64)); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-told:
	case <-time.After(patience):
		t.Error("nothing is told")
	}
	if err := socket.Close(); err != nil {
		t.Error(err)
	}
	<-ended
}

// The watch of the real system ends when it is told to.
func TestTheWatchEnds(t *testing.T) {
	_, end := watchNetwork()
	done := make(chan struct{})
	go func() {
		defer close(done)
		end()
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("it goes on")
	}
}
