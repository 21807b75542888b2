package daemon

import (
	"context"
	"runtime"

	"net/netip"
	"sync"
	"time"

	"yodel/wire"
)

const (
	// queued is how many functions may wait for the loop.
	queued = 1024
	// turn is how many events the loop takes before it sends what they gave.
	turn = 64
)

// server is the daemon at work: the shards with their readers and pumps, and the loop that owns the hub.
type server struct {
	hub    *hub
	rounds rounds
	posts  chan func(now time.Time)
	done   chan struct{} // closed when the loop has ended
}

// Run serves until ctx ends, then tells all peers that the daemon is stopping. ready is called once, when the daemon can be
// used, with the address that it listens on. Run returns within a second of ctx's end; the error is of the
// configuration or the socket.
func Run(ctx context.Context, cfg Config, ready func(netip.AddrPort)) error {
	if err := cfg.check(); err != nil {
		return err
	}
	port, err := listen(cfg.Listen, runtime.GOMAXPROCS(0), false)
	if err != nil {
		return err
	}
	s := newServer(cfg, port.sockets)
	cfg.Logger.Info("sockets", "how", port.how, "receive buffer", port.sockets[0].receiveBuffer())
	if port.warning != nil {
		cfg.Logger.Warn("socket options", "error", port.warning)
	}
	var others sync.WaitGroup
	for _, sh := range s.hub.plane.shards {
		others.Go(func() { sh.read(s.done) })
	}
	s.pumps(&others)
	ready(port.addr())
	s.loop(ctx)
	_ = port.close() // ends the readers
	others.Wait()
	return nil
}

// newServer makes a server on sockets.
func newServer(cfg Config, sockets []*socket) *server {
	h := newHub(cfg, sockets)
	return &server{
		hub: h, rounds: newRounds(h.plane.shards), posts: make(chan func(time.Time), queued), done: make(chan struct{}),
	}
}

// pumps starts the shards' pumps, which end with the loop.
func (s *server) pumps(others *sync.WaitGroup) {
	for _, sh := range s.hub.plane.shards {
		others.Go(func() { sh.pump(s.done) })
	}
}

// post gives the loop something to run; after the loop's end it does nothing.
func (s *server) post(f func(now time.Time)) {
	select {
	case s.posts <- f:
	case <-s.done:
	}
}

// loop owns the hub until ctx ends.
func (s *server) loop(ctx context.Context) {
	defer close(s.done)
	s.hub.began = time.Now()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-s.hub.plane.arrived:
			s.hub.collect(time.Now())
		case f := <-s.posts:
			f(time.Now())
		case <-s.hub.plane.tell.poke:
		case <-timer.C:
		case <-ctx.Done():
			s.stop()
			return
		}
		timer.Reset(s.turn())
	}
}

// turn does what is to be done now; it gives for how long there is nothing.
func (s *server) turn() time.Duration {
	now, h := s.more(), s.hub
	if s.rounds.due(now) {
		s.rounds.look(now, now.Sub(h.knocked) < joiningFor, h.w)
		s.unring()
		h.collect(now)
	}
	h.advance(now)
	h.flush(now)
	s.rounds.pace(now, h.calm(now), h.taken, h.w)
	next := h.deadline()
	if s.rounds.on {
		next = earliest(next, s.rounds.next)
	}
	if next.IsZero() {
		return time.Hour
	}
	return time.Until(next)
}

// unring takes back that something is in the mailboxes: it is taken anyway.
func (s *server) unring() {
	select {
	case <-s.hub.plane.arrived:
	default:
	}
}

// more takes what else is there, so that one flush serves several events. It gives the time.
func (s *server) more() time.Time {
	now := time.Now()
	for range turn {
		select {
		case <-s.hub.plane.arrived:
			s.hub.collect(now)
		case f := <-s.posts:
			f(now)
		default:
			return now
		}
	}
	return now
}

// stop takes some of what has already come, sends what is queued, and tells all peers three times within 100 ms.
func (s *server) stop() {
	now := s.more()
	s.hub.flush(now)
	for i := range wire.ByeTimes {
		if i > 0 {
			<-time.After(wire.ByeSpacing)
		}
		s.hub.stop(time.Now(), wire.ByeStopping)
	}
}
