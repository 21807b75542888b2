package control

import (
	"fmt"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// backlog is how many connections wait to be accepted.
const backlog = 128

// listen makes a socket that has its mode before anyone can connect: what is bound refuses connections until it listens (unix(7)). So the umask, which is
// the whole process's, need not change.
func listen(path string) (*net.UnixListener, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	file := os.NewFile(uintptr(fd), path)
	defer func() { _ = file.Close() }() // the listener has its own
	err = named(path, func(name string) error {
		return os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrUnix{Name: name}))
	})
	if err == nil {
		err = os.Chmod(path, 0o660)
	}
	if err == nil {
		err = os.NewSyscallError("listen", unix.Listen(fd, backlog))
	}
	if err != nil {
		_ = os.Remove(path)
		return nil, err
	}
	listener, err := net.FileListener(file)
	if err != nil {
		return nil, err
	}
	return listener.(*net.UnixListener), nil
}

// named has f use a name of a path that fits the address of a socket: that of the folder's descriptor in /proc when the path does not.
func named(path string, f func(name string) error) error {
	if len(path) <= maxName {
		return f(path)
	}
	folder, base := filepath.Split(path)
	fd, err := unix.Open(folder, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: folder, Err: err}
	}
	defer func() { _ = unix.Close(fd) }()
	return f(fmt.Sprintf("/proc/self/fd/%d/%s", fd, base))
}

// uidOf gives the user at the other end, -1 if that is not known (SO_PEERCRED, unix(7)).
func uidOf(conn net.Conn) int {
	cred, err := credentials(conn)
	if err != nil {
		return -1
	}
	return int(cred.Uid)
}

// pidOf gives the process at the other end, of a listener the one that began to listen; 0 if it is not known, or not to be seen from here.
func pidOf(conn net.Conn) int {
	cred, err := credentials(conn)
	if err != nil {
		return 0
	}
	return int(cred.Pid)
}

func credentials(conn net.Conn) (cred *unix.Ucred, err error) {
	c, ok := conn.(*net.UnixConn)
	if !ok {
		return nil, unix.ENOTSOCK
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	var inner error
	err = raw.Control(func(fd uintptr) { cred, inner = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err == nil {
		err = inner
	}
	return cred, err
}
