package secure

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// link is one direction between two MemConns: it delays, and loses with a seed. Under synctest its
// time is the bubble's.
type link struct {
	loss  float64
	delay time.Duration
	to    *MemConn
	tap   func(datagram []byte) // sees every datagram that arrives

	mu    sync.Mutex // Feed is for one goroutine at a time
	rng   *rand.Rand
	sent  int
	bytes int
}

func newLink(seed uint64, loss float64) *link {
	return &link{loss: loss, delay: 30 * time.Millisecond, rng: rand.New(rand.NewPCG(seed, 1))}
}

func (l *link) send(datagram []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent++
	l.bytes += len(datagram)
	if l.rng.Float64() < l.loss {
		return
	}
	copied := append([]byte(nil), datagram...)
	time.AfterFunc(l.delay, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.tap != nil {
			l.tap(copied)
		}
		if l.to != nil {
			_ = l.to.Feed(copied) // what is refused counts as lost
		}
	})
}

// pair is two ends of a handshake.
type pair struct {
	client, server         *MemConn
	up, down               *link
	clientConf, serverConf Config
}

func newPair(tb testing.TB, seed uint64, loss float64) *pair {
	tb.Helper()
	p := &pair{up: newLink(2*seed, loss), down: newLink(2*seed+1, loss)}
	p.client, p.server = NewMemConn(p.up.send), NewMemConn(p.down.send)
	p.up.to, p.down.to = p.server, p.client
	p.clientConf = Config{Identity: mustIdentity(tb), Client: true, Verify: anyone}
	p.serverConf = Config{Identity: mustIdentity(tb), Verify: anyone}
	return p
}

func anyone(Fingerprint) error { return nil }

func mustIdentity(tb testing.TB) *Identity {
	tb.Helper()
	id, err := NewIdentity()
	if err != nil {
		tb.Fatal(err)
	}
	return id
}

// outcome is what Handshake returned at one end, and how long that took.
type outcome struct {
	secrets *Secrets
	err     error
	took    time.Duration
}

func start(conn *MemConn, cfg Config) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		begin := time.Now()
		secrets, err := Handshake(context.Background(), conn, cfg)
		done <- outcome{secrets, err, time.Since(begin)}
	}()
	return done
}

// run runs the handshake as the package's doc wants it: the client frees at once, the server when
// the client has finished.
func (p *pair) run() (client, server outcome) {
	atServer, atClient := start(p.server, p.serverConf), start(p.client, p.clientConf)
	client = <-atClient
	if client.err == nil {
		client.secrets.Free()
	}
	server = <-atServer
	if server.err == nil {
		server.secrets.Free()
	}
	return client, server
}

// session is a finished one: both directions of both ends.
type session struct {
	clientTx, serverTx *Tx
	clientRx, serverRx *Rx
}

func (p *pair) session(tb testing.TB) session {
	tb.Helper()
	client, server := p.run()
	if client.err != nil || server.err != nil {
		tb.Fatalf("client: %v, server: %v", client.err, server.err)
	}
	var s session
	var err error
	if s.clientTx, s.clientRx, err = client.secrets.Protect(); err != nil {
		tb.Fatal(err)
	}
	if s.serverTx, s.serverRx, err = server.secrets.Protect(); err != nil {
		tb.Fatal(err)
	}
	return s
}
