package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"yodel/cmd/internal/fates"
	"yodel/cmd/internal/impair"
	"yodel/peer"
	"yodel/wire/secure"
)

// settleFor bounds the wait, at the end, for what is on its way: a black-out and a resumption.
const settleFor = 2 * time.Minute

// faultEvery is the least time from one fault of the network to the next.
const faultEvery = 3 * time.Second

// soak is a run.
type soak struct {
	options
	*ledger
	server  *server
	mu      sync.Mutex
	proxies [2]*impair.Proxy
	running sync.WaitGroup

	failMu sync.Mutex
	failed []string
}

// soakFor runs for the time, and gives what was not as it should be.
func soakFor(ctx context.Context, o options, out io.Writer) (faults []string, err error) {
	srv, err := startServer(ctx, o)
	if err != nil {
		return nil, err
	}
	defer srv.Kill()
	s := &soak{options: o, ledger: newLedger(), server: srv}
	for i := range s.proxies {
		if s.proxies[i], err = impair.New(s.way(i, "")); err != nil {
			return nil, err
		}
	}
	defer s.closeProxies()
	readers, stopReaders := context.WithCancel(ctx)
	defer stopReaders()
	if err := s.startReaders(readers); err != nil {
		return nil, err
	}
	load, stopLoad := context.WithCancel(ctx)
	defer stopLoad()
	var writers sync.WaitGroup
	s.startLoad(load, &writers)
	t := newTable(out)
	s.sample(ctx, t)
	stopLoad()
	writers.Wait()
	s.settle(ctx)
	stopReaders()
	s.running.Wait()
	dropped, panics := srv.drops()
	if f, err := srv.figures(); err == nil {
		t.row(f, s.ledger, dropped)
	}
	faults = append(append(s.failed, s.faults(o.last)...), t.faults(o.last)...)
	if panics > 0 {
		faults = append(faults, fmt.Sprintf("%d kinds of panic were contained", panics))
	}
	if err := srv.stop(ctx); err != nil {
		faults = append(faults, err.Error())
	}
	return faults, ctx.Err()
}

// way is the configuration of a proxy.
func (s *soak) way(i int, listen string) impair.Config {
	return impair.Config{
		Listen: listen, Target: s.server.addr, Seed: s.seed + uint64(i),
		Profile: fates.Profile{Loss: 0.02, Dup: 0.005, Reorder: 0.01, Delay: 15 * time.Millisecond, Jitter: 5 * time.Millisecond},
	}
}

func (s *soak) closeProxies() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.proxies {
		_ = p.Close()
	}
}

// proxy gives where a proxy listens.
func (s *soak) proxy(i int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proxies[i].Addr().String()
}

// sample prints the rows and makes the faults of the network, until the time is over.
func (s *soak) sample(ctx context.Context, t *table) {
	every := time.NewTicker(s.last / rows)
	defer every.Stop()
	faults := 0
	calm := time.Now()
	for n := 1; n <= rows; n++ {
		select {
		case <-every.C:
		case <-s.server.Done():
			s.fail("the daemon has ended: " + s.server.LastWords())
			return
		case <-ctx.Done():
			return
		}
		f, err := s.server.figures()
		if err != nil {
			s.fail(err.Error())
			return
		}
		dropped, _ := s.server.drops()
		t.row(f, s.ledger, dropped)
		if n < rows && time.Since(calm) >= faultEvery {
			faults++
			s.disturb(ctx, faults)
			calm = time.Now()
		}
	}
}

// disturb makes a fault of the network: a black-out of one proxy or the other, or another proxy in the place of one.
func (s *soak) disturb(ctx context.Context, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n%3 == 0 {
		old := s.proxies[1]
		listen := old.Addr().String()
		_ = old.Close()
		fresh, err := impair.New(s.way(1, listen))
		if err != nil {
			s.fail(err.Error())
			return
		}
		s.proxies[1] = fresh
		return
	}
	p := s.proxies[n%2]
	p.SetBlackhole(true)
	wait(ctx, min(1500*time.Millisecond, s.last/rows/2))
	p.SetBlackhole(false)
}

// settle waits until all that has a receipt has come, and all that was published has one.
func (s *soak) settle(ctx context.Context) {
	for end := time.Now().Add(settleFor); time.Now().Before(end) && ctx.Err() == nil; wait(ctx, 100*time.Millisecond) {
		if s.missing() == 0 {
			return
		}
	}
}

// wait lets time pass; it is false when the context has ended.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// fail notes what should not be.
func (s *soak) fail(what string) {
	s.failMu.Lock()
	defer s.failMu.Unlock()
	s.failed = append(s.failed, what)
}

// dial begins a session of somebody.
func (s *soak) dial(ctx context.Context, addr, nick string, id *secure.Identity) (*peer.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, settleFor)
	defer cancel()
	return peer.Dial(ctx, peer.Config{
		Server: addr, Identity: id, Nick: nick, Software: "soak", Reconnect: true,
	})
}

// dialAs is dial with a new key.
func (s *soak) dialAs(ctx context.Context, addr, nick string) (*peer.Client, error) {
	id, err := secure.NewIdentity()
	if err != nil {
		return nil, err
	}
	return s.dial(ctx, addr, nick, id)
}

// over tells whether an error is only the end of the run.
func over(ctx context.Context, err error) bool {
	return err == nil || ctx.Err() != nil || errors.Is(err, peer.ErrClosed)
}
