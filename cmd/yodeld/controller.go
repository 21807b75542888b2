package main

import (
	"os"
	"path/filepath"
	"strings"

	"yodel/daemon/control"
)

// controller is the control socket of a daemon that serve runs.
type controller struct {
	socket *control.Socket // nil: there is none
	server *control.Server // nil: it is not served yet
	why    error           // that there is none
}

// openController makes the control socket, which waits until it is served. Where nobody has said where it is to be, and it cannot be there, the daemon
// does without.
func openController(s *settings) (*controller, error) {
	path, said := socketFor(s)
	socket, err := control.Listen(path)
	if err != nil && !said {
		return &controller{why: err}, nil
	}
	return &controller{socket: socket}, err
}

// socketFor gives the path where a daemon has its socket. said tells that somebody has said where.
func socketFor(s *settings) (path string, said bool) {
	if s.Control != "" {
		return s.Control, true
	}
	if dir, _, _ := strings.Cut(os.Getenv("RUNTIME_DIRECTORY"), ":"); dir != "" {
		return filepath.Join(dir, socketName), true
	}
	return filepath.Join(s.State, socketName), false
}

// serve begins to serve it, or tells why it cannot be: only now, for a daemon that does not come to this has another fault, which is the reason of this one.
func (c *controller) serve(cfg control.Config) {
	if c.socket == nil {
		cfg.Logger.Warn("no control socket", "error", c.why)
		return
	}
	c.server = control.Serve(c.socket, cfg)
}

// close ends it, and removes the socket.
func (c *controller) close() {
	switch {
	case c.server != nil:
		c.server.Close()
	case c.socket != nil:
		_ = c.socket.Close()
	}
}
