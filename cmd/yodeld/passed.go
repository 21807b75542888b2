package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"

	"github.com/coreos/go-systemd/v22/activation"
)

// sockets are those that the service manager has opened for the daemon (sd_listen_fds(3)).
type sockets struct {
	udp *net.UDPConn   // the daemon's port; nil: none
	tcp []net.Listener // of TCP, for metrics and health
}

// passed gives them.
func passed() (s sockets, err error) {
	for _, file := range activation.Files(true) {
		err = errors.Join(err, s.take(file))
	}
	if err != nil {
		err = errors.Join(err, s.close())
		return sockets{}, fmt.Errorf("passed sockets: %w", err)
	}
	return s, nil
}

// take makes a socket of a file, which it closes.
func (s *sockets) take(file *os.File) error {
	defer func() { _ = file.Close() }() // the socket is another descriptor by then
	if conn, err := net.FilePacketConn(file); err == nil {
		if c, ok := conn.(*net.UDPConn); ok && s.udp == nil {
			s.udp = c
			return nil
		}
		_ = conn.Close()
	} else if l, err := net.FileListener(file); err == nil {
		if _, ok := l.(*net.TCPListener); ok {
			s.tcp = append(s.tcp, l)
			return nil
		}
		_ = l.Close()
	}
	return fmt.Errorf("%s: one UDP socket and TCP sockets that listen can be served, and no other", file.Name())
}

// tellUnused has the log tell that the address which is set is not that of the socket that was passed.
func tellUnused(s *settings) {
	passed := s.Socket.LocalAddr().(*net.UDPAddr).AddrPort()
	is := passed.Addr().Unmap()
	same := passed.Port() == s.Listen.Port() && (is == s.Listen.Addr() || is.IsUnspecified() && s.Listen.Addr().IsUnspecified())
	if !same && s.Listen != usualSettings().Listen {
		s.Logger.Info("listen is not used: the service manager has opened the port", "listen", s.Listen, "address", passed)
	}
}

func (s *sockets) close() error {
	var errs []error
	if s.udp != nil {
		errs = append(errs, s.udp.Close())
	}
	return errors.Join(append(errs, closeAll(s.tcp))...)
}

func closeAll[C io.Closer](all []C) error {
	var errs []error
	for _, c := range all {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// httpUnused tells that a setting is of no use, because a socket was passed in its place.
func httpUnused(log *slog.Logger, address string) {
	if address != "" {
		log.Warn("http.listen is not used: the service manager has passed a TCP socket", "http.listen", address)
	}
}
