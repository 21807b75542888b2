package daemon

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"yodel/wire"
)

// server is the daemon at work: the shards with their readers and pumps, and the loop that owns the hub.
type server struct {
	hub    *hub
	rounds *rounds
	done   chan struct{} // closed when the loop has ended

	turning beat // the loop's
}

// Run serves until ctx ends, then tells all peers that the daemon is stopping. ready is called once, when the daemon can be
// used, and is waited for. Run returns within a second of ctx's end, or 10 s later when the disk does not answer; the error is
// of the configuration, the socket or the room log (ErrLog when that has failed meanwhile).
func Run(ctx context.Context, cfg Config, ready func(*Daemon)) error {
	if err := cfg.check(); err != nil {
		return err
	}
	cores := runtime.GOMAXPROCS(0)
	port, err := portFor(cfg, cores)
	if err != nil {
		return err
	}
	sockets := port.sockets
	for len(sockets) < cores { // one that was passed, or where the system has no more: it feeds all shards
		sockets = append(sockets, port.sockets[0])
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 1)
	s, err := newServer(cfg, sockets, func(err error) {
		failed <- fmt.Errorf("%w: %w", ErrLog, err) // once
		cancel()
	})
	if err != nil {
		_ = port.close()
		return err
	}
	cfg.Logger.Info("sockets", "how", port.how, "receive buffer", port.sockets[0].receiveBuffer())
	if port.warning != nil {
		cfg.Logger.Warn("socket options", "error", port.warning)
	}
	var others sync.WaitGroup
	for _, sh := range s.hub.plane.shards[:len(port.sockets)] {
		others.Go(func() { sh.read(s.done) })
	}
	for _, sh := range s.hub.plane.shards {
		if err := sh.alarm.useFile(); err != nil {
			cfg.Logger.Warn("timer", "error", err)
		}
	}
	s.pumps(&others)
	ready(&Daemon{server: s, addr: port.addr(), access: cfg.Access})
	s.loop(ctx)
	for _, sh := range s.hub.plane.shards {
		sh.alarm.close() // ends the pumps
	}
	_ = port.close() // ends the readers
	others.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// portFor opens the port with a socket for each core, or takes the socket that was passed.
func portFor(cfg Config, cores int) (*port, error) {
	if cfg.Socket != nil {
		return adopt(cfg.Socket)
	}
	return listen(cfg.Listen, cores, false)
}

// newServer makes a server with a shard for each of the sockets, which may be one again and again.
func newServer(cfg Config, sockets []*socket, failed func(error)) (*server, error) {
	h := newHub(cfg, sockets)
	if err := h.openLog(failed); err != nil {
		return nil, err
	}
	if err := h.openAccess(); err != nil {
		return nil, errors.Join(err, h.messages.Close())
	}
	return &server{hub: h, rounds: newRounds(h.plane.shards), done: make(chan struct{})}, nil
}

// pumps starts the shards' pumps, which end with the loop.
func (s *server) pumps(others *sync.WaitGroup) {
	for _, sh := range s.hub.plane.shards {
		others.Go(func() { sh.pump(s.done) })
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
		case <-s.hub.plane.bell:
		case <-timer.C:
		case <-ctx.Done():
			s.stop()
			return
		}
		s.turning.step()
		timer.Reset(s.turn())
		s.turning.step()
	}
}

// turn does what is to be done now; it gives for how long there is nothing.
func (s *server) turn() time.Duration {
	now, h := time.Now(), s.hub
	h.collect(now)
	h.advance(now)
	h.flush(now)
	s.rounds.pace(now, h.calm(now), h.plane.joining(now))
	next := h.deadline()
	if next.IsZero() {
		return time.Hour
	}
	return time.Until(next)
}

// closeFor bounds the wait for a disk that does not answer.
const closeFor = 10 * time.Second

// stop takes what has already come, stores it, sends what is queued, and tells all peers three times within 100 ms.
func (s *server) stop() {
	now := time.Now()
	s.hub.collect(now)
	s.hub.flush(now)
	late := now.Add(closeFor)
	s.closeLog(late)
	s.hub.gate.close(late)
	now = time.Now()
	s.hub.plane.tell.run(now) // receipts
	s.hub.judging.close(now)
	s.hub.flush(now)
	for i := range wire.ByeTimes {
		if i > 0 {
			<-time.After(wire.ByeSpacing)
		}
		s.hub.stop(time.Now(), wire.ByeStopping)
	}
}

// closeLog has the room log store what it was given. It waits for that until it is late.
func (s *server) closeLog(late time.Time) {
	closed := make(chan error, 1)
	err := errDisk
	if within(late, func() { closed <- s.hub.messages.Close() }) {
		err = <-closed
	}
	if err != nil {
		s.hub.log.Error("room log", "error", err)
	}
}
