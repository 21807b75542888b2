package control

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// conns lets so many connections of a listener be open at once.
type conns struct {
	net.Listener
	places chan struct{}
	ending <-chan struct{}

	mu   sync.Mutex
	idle map[net.Conn]time.Time // those of which no request is there, and since when
}

func newConns(l net.Listener, ending <-chan struct{}) *conns {
	return &conns{Listener: l, places: make(chan struct{}, maxConns), ending: ending, idle: make(map[net.Conn]time.Time)}
}

// Accept waits for a connection, and then for a place.
func (c *conns) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(idleLeast / 4)
	defer tick.Stop()
	for {
		select {
		case c.places <- struct{}{}:
			return conn, nil
		default:
		}
		c.closeIdle(time.Now())
		select {
		case c.places <- struct{}{}:
			return conn, nil
		case <-c.ending:
			_ = conn.Close()
			return nil, net.ErrClosed
		case <-tick.C:
		}
	}
}

// note is told what becomes of a connection.
func (c *conns) note(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew, http.StateIdle:
		c.idle[conn] = time.Now()
	case http.StateActive:
		delete(c.idle, conn)
	case http.StateClosed, http.StateHijacked:
		delete(c.idle, conn)
		<-c.places
	}
}

// closeIdle closes the connection that has asked for nothing for the longest time, if that is long.
func (c *conns) closeIdle(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var oldest net.Conn
	for conn, since := range c.idle {
		if now.Sub(since) >= idleLeast && (oldest == nil || since.Before(c.idle[oldest])) {
			oldest = conn
		}
	}
	if oldest != nil {
		delete(c.idle, oldest)
		_ = oldest.Close() // the server finds it closed, and gives its place back
	}
}
