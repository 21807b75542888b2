//go:build linux

package netem

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Namespace is a network namespace of its own: at first it has a loopback device and nothing else. All methods may be called from
// any goroutine.
type Namespace struct {
	file  *os.File // holds the namespace
	calls chan call
	done  chan struct{} // closed by Close
	ended chan struct{} // closed when the worker has ended

	closing sync.Once
	mu      sync.Mutex
	links   int // the number of the last one
}

// call is a function for the worker, and where its error goes.
type call struct {
	f     func() error
	reply chan error
}

// NewNamespace makes a namespace.
func NewNamespace() (*Namespace, error) {
	ns := &Namespace{calls: make(chan call), done: make(chan struct{}), ended: make(chan struct{})}
	made := make(chan error, 1)
	go ns.work(made)
	if err := <-made; err != nil {
		return nil, fmt.Errorf("netem: namespace: %w", err)
	}
	if err := ns.IP("link set lo up"); err != nil {
		_ = ns.Close()
		return nil, err
	}
	return ns, nil
}

// work is the worker: it makes the namespace and runs calls in it. Its thread is never unlocked, so it ends with the goroutine.
func (ns *Namespace) work(made chan<- error) {
	defer close(ns.ended)
	runtime.LockOSThread()
	err := unix.Unshare(unix.CLONE_NEWNET)
	if err == nil {
		ns.file, err = os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
	}
	made <- err
	if err != nil {
		return
	}
	for {
		select {
		case c := <-ns.calls:
			c.reply <- c.f()
		case <-ns.done:
			return
		}
	}
}

// Do runs f on a thread that is in the namespace, and returns its error: sockets that f opens itself (not on goroutines that it
// starts) are in the namespace, and stay so on whatever goroutine they are used. Calls wait for each other, so f should not wait.
func (ns *Namespace) Do(f func() error) error {
	c := call{f: f, reply: make(chan error, 1)}
	select {
	case ns.calls <- c:
		return <-c.reply
	case <-ns.done:
		return ErrClosed
	}
}

// Start starts a command in the namespace. It is killed when the namespace is closed or this process ends, whichever is first.
func (ns *Namespace) Start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL // when its thread ends: the worker's
	return ns.Do(cmd.Start)
}

// IP runs `ip ARGUMENTS` in the namespace; the arguments are separated by spaces.
func (ns *Namespace) IP(arguments string) error {
	cmd := exec.Command("ip", strings.Fields(arguments)...)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	err := ns.Start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return fmt.Errorf("netem: ip %s: %w %s", arguments, err, strings.TrimSpace(said.String()))
	}
	return nil
}

// Path names the namespace for nsenter --net=PATH, as long as it is open.
func (ns *Namespace) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), ns.file.Fd()) }

// Close ends the namespace: children that Start has started are killed, and calls get ErrClosed. Close its links first.
func (ns *Namespace) Close() error {
	var err error
	ns.closing.Do(func() {
		close(ns.done)
		<-ns.ended
		err = ns.file.Close()
	})
	return err
}

// number gives a link between two namespaces a number that neither has.
func number(a, b *Namespace) int {
	for _, ns := range []*Namespace{a, b} {
		ns.mu.Lock()
		defer ns.mu.Unlock()
	}
	a.links = max(a.links, b.links) + 1
	b.links = a.links
	return a.links
}

// address gives the IPv4 and IPv6 address of a host in the network of a link.
func address(link, host int) (four, six netip.Addr) {
	four = netip.AddrFrom4([4]byte{10, 77, byte(link), byte(host)})
	six = netip.AddrFrom16([16]byte{0: 0xfd, 1: 0x77, 7: byte(link), 15: byte(host)})
	return four, six
}
