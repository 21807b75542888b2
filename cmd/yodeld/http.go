package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"yodel/daemon"
	"yodel/daemon/metrics"
)

// Bounds of the HTTP server: what it answers is short, and asked for by a few.
const (
	httpReadIn    = 5 * time.Second
	httpWriteIn   = 15 * time.Second
	httpIdleFor   = time.Minute
	httpMaxHeader = 8 << 10
	httpMaxConns  = 64
	httpStopIn    = time.Second
)

// httpAddress reads an address for metrics and health; without a host it is a loopback address.
func httpAddress(text string) (netip.AddrPort, error) { return localAddress(text, loopback) }

// listenHTTP opens the TCP socket for metrics and health at an address, or gives those that were passed; none when there is neither. confined tells that the
// daemon's port was passed, too: then the service may have no sockets of its own, and does without.
func listenHTTP(address string, passed []net.Listener, confined bool, log *slog.Logger) ([]net.Listener, error) {
	if len(passed) > 0 {
		httpUnused(log, address)
		for _, l := range passed {
			warnOfReach(l.Addr(), log)
		}
		return passed, nil
	}
	if address == "" {
		return nil, nil
	}
	at, err := httpAddress(address)
	if err != nil {
		return nil, usage("an address is like 127.0.0.1:9636, [::1]:9636 or :9636", "--http %s: %v", address, err)
	}
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
	if err != nil {
		return nil, notListening(at, err, confined, log)
	}
	warnOfReach(l.Addr(), log)
	return []net.Listener{l}, nil
}

// notListening tells what it means that a socket could not be opened; nil: the daemon does without.
func notListening(at netip.AddrPort, err error, confined bool, log *slog.Logger) error {
	if !confined || !errors.Is(err, syscall.EAFNOSUPPORT) {
		return fmt.Errorf("--http: %w", err)
	}
	log.Error("no metrics and no health by HTTP: this service may open no socket of its own", "address", at, "error", err,
		"hint", "systemctl edit yodeld.socket, add under [Socket]: ListenStream="+at.String())
	return nil
}

// warnOfReach warns of an address that others can reach.
func warnOfReach(at net.Addr, log *slog.Logger) {
	if tcp, ok := at.(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		log.Warn("everyone who can reach this address sees the metrics", "address", at)
	}
}

// serveHTTP answers on sockets until stop is called, which waits for requests under way, up to a second.
func serveHTTP(on []net.Listener, d *daemon.Daemon, log *slog.Logger) (stop func()) {
	s := &http.Server{
		Handler: metrics.Mux(d), ReadHeaderTimeout: httpReadIn, ReadTimeout: httpReadIn, WriteTimeout: httpWriteIn, IdleTimeout: httpIdleFor,
		MaxHeaderBytes: httpMaxHeader, ConnState: limitConns(httpMaxConns), ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	var ended sync.WaitGroup
	for _, l := range on {
		log.Info("metrics and health", "address", l.Addr())
		ended.Go(func() {
			if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				log.Error("no metrics any more", "address", l.Addr(), "error", err)
			}
		})
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), httpStopIn)
		defer cancel()
		if s.Shutdown(ctx) != nil {
			_ = s.Close() // who is still there has had a second
		}
		ended.Wait()
	}
}

// limitConns closes connections beyond a number.
func limitConns(most int64) func(net.Conn, http.ConnState) {
	var n atomic.Int64
	return func(c net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			if n.Add(1) > most {
				_ = c.Close() // the server finds it closed, and it counts no longer
			}
		case http.StateClosed, http.StateHijacked:
			n.Add(-1)
		case http.StateActive, http.StateIdle:
		}
	}
}
