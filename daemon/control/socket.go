package control

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// maxName is the longest path that fits an address of a Unix socket everywhere (sun_path, 104 bytes on some systems).
const maxName = 103

// probeFor bounds how long a socket that is there already is asked whether somebody listens.
const probeFor = time.Second

// Socket is the control socket before and while it is served: its name and who listens on it.
type Socket struct {
	listener *net.UnixListener
	path     string
	made     os.FileInfo
}

// Listen makes the socket at a path: mode 0660, of the process's group. It can be used by nobody before it has that mode, and takes the place of one that
// a daemon has left there, at once. Errors: ErrInUse when a daemon listens there; ErrForeign when something is there that is no socket; of the system.
func Listen(path string) (*Socket, error) {
	if err := replaceable(path); err != nil {
		return nil, err
	}
	// It is made under another name, and renamed when it is ready.
	temporary := filepath.Join(filepath.Dir(path), ".control-"+strconv.Itoa(os.Getpid()))
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	listener, err := listen(temporary)
	if err != nil {
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	made, err := os.Lstat(temporary)
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		_ = listener.Close()
		_ = os.Remove(temporary)
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return &Socket{listener: listener, path: path, made: made}, nil
}

// Path is where the socket is.
func (s *Socket) Path() string { return s.path }

// Close ends the listening and removes the socket, if it is still this one. It may be called more than once.
func (s *Socket) Close() error {
	s.remove()
	if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// remove takes the socket's name away, if it is still this one.
func (s *Socket) remove() {
	if now, err := os.Lstat(s.path); err == nil && os.SameFile(now, s.made) {
		_ = os.Remove(s.path) // a later daemon replaces it
	}
}

// replaceable tells whether a socket may be made at a path: nothing is there, or a socket on which nobody listens.
func replaceable(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("control socket: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%w: %s is there, and is no socket", ErrForeign, path)
	}
	conn, err := connect(path, probeFor)
	switch {
	case err == nil:
		_ = conn.Close()
		return fmt.Errorf("%w %s", ErrInUse, path)
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return nil // nobody listens
	case errors.Is(err, syscall.EAGAIN):
		return fmt.Errorf("%w %s: its queue is full", ErrInUse, path)
	}
	return fmt.Errorf("control socket: is there another daemon? %w", err)
}

// connect connects to the socket at a path.
func connect(path string, patience time.Duration) (conn net.Conn, err error) {
	err = named(path, func(name string) error {
		conn, err = net.DialTimeout("unix", name, patience)
		return err
	})
	return conn, err
}
