package main

import (
	"context"
	"log/slog"
	"net"
	"sync"

	"yodel/daemon"
)

// watched is what shows a daemon to others while it runs: the HTTP server, if there are sockets for it, and the supervisor.
type watched struct {
	web     []net.Listener
	log     *slog.Logger
	ended   chan struct{}
	others  sync.WaitGroup
	stopWeb func()
}

// start begins when the daemon is ready. stopping ends when the daemon is to stop.
func (w *watched) start(stopping context.Context, d *daemon.Daemon) {
	if len(w.web) > 0 {
		w.stopWeb = serveHTTP(w.web, d, w.log)
	}
	s := newSupervisor(d, w.log)
	w.others.Go(func() { s.run(stopping, w.ended) })
}

// stop ends all, when the daemon has ended or has never begun.
func (w *watched) stop() {
	close(w.ended)
	w.others.Wait()
	if w.stopWeb != nil {
		w.stopWeb()
		return
	}
	_ = closeAll(w.web) // nobody has used them
}
