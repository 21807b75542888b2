package impair

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"yodel/cmd/internal/fates"
)

const (
	maxClients   = 1024     // sockets towards the target
	socketBuffer = 4 << 20  // bytes; bursts must be lost by dice only
	maxDatagram  = 64 << 10 // bytes; no UDP datagram is longer
)

// A Proxy passes datagrams between its clients and its target. All methods may
// be called from any goroutine.
type Proxy struct {
	cfg       Config
	target    *net.UDPAddr
	listener  *net.UDPConn
	queue     *fates.Queue
	blackhole atomic.Bool
	refused   atomic.Int64
	up, down  counters

	done    chan struct{}
	closing sync.Once
	running sync.WaitGroup

	mu      sync.Mutex
	clients map[netip.AddrPort]*client // nil once closed
}

// A client is one source address and its socket towards the target.
type client struct {
	addr     netip.AddrPort
	upstream *net.UDPConn
	up, down *fates.Dice
}

// New starts a proxy. It returns an error wrapping ErrConfig when cfg makes no
// sense, or the network's own.
func New(cfg Config) (*Proxy, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	target, err := net.ResolveUDPAddr("udp", cfg.Target)
	if err != nil {
		return nil, fmt.Errorf("impair: target: %w", err)
	}
	local, err := net.ResolveUDPAddr("udp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("impair: listen: %w", err)
	}
	listener, err := net.ListenUDP("udp", local)
	if err != nil {
		return nil, fmt.Errorf("impair: listen: %w", err)
	}
	grow(listener)
	p := &Proxy{
		cfg: cfg, target: target, listener: listener, queue: fates.NewQueue(),
		done: make(chan struct{}), clients: make(map[netip.AddrPort]*client),
	}
	p.running.Go(func() { p.queue.Run(p.done) })
	p.running.Go(p.readClients)
	return p, nil
}

// Addr is the address that clients send to.
func (p *Proxy) Addr() *net.UDPAddr { return p.listener.LocalAddr().(*net.UDPAddr) }

// SetBlackhole opens or closes the black hole: while it is open, all that
// arrives is dropped, in both directions. What is already on its way is still
// delivered. Dropped datagrams throw no dice.
func (p *Proxy) SetBlackhole(open bool) { p.blackhole.Store(open) }

// Blackhole reports whether the black hole is open.
func (p *Proxy) Blackhole() bool { return p.blackhole.Load() }

// Stats returns the counts so far.
func (p *Proxy) Stats() Stats {
	p.mu.Lock()
	clients := len(p.clients)
	p.mu.Unlock()
	return Stats{Clients: clients, Refused: p.refused.Load(), Up: p.up.count(), Down: p.down.count()}
}

// Close ends the proxy and drops what is on its way. It returns when all
// goroutines have ended; calling it again does nothing.
func (p *Proxy) Close() error {
	var errs []error
	p.closing.Do(func() {
		close(p.done)
		errs = append(errs, p.listener.Close())
		p.mu.Lock()
		for _, c := range p.clients {
			errs = append(errs, c.upstream.Close())
		}
		p.clients = nil
		p.mu.Unlock()
	})
	p.running.Wait()
	return errors.Join(errs...)
}

// readClients passes on what clients send, until the listener is closed.
func (p *Proxy) readClients() {
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := p.listener.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error about a client that has gone
		}
		c, err := p.clientAt(from)
		if err != nil {
			p.refused.Add(1)
			continue
		}
		p.pass(buf[:n], direction{count: &p.up, dice: c.up, write: c.upstream.Write})
	}
}

// clientAt returns the client at an address, a new one when it is not known.
func (p *Proxy) clientAt(addr netip.AddrPort) (*client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c, ok := p.clients[addr]; ok {
		return c, nil
	}
	if p.clients == nil {
		return nil, net.ErrClosed
	}
	number := uint64(len(p.clients))
	if number >= maxClients {
		return nil, fmt.Errorf("impair: more than %d clients", maxClients)
	}
	upstream, err := net.DialUDP("udp", nil, p.target)
	if err != nil {
		return nil, fmt.Errorf("impair: socket for %v: %w", addr, err)
	}
	grow(upstream)
	c := &client{
		addr: addr, upstream: upstream,
		up: fates.NewDice(p.cfg.Seed, 2*number), down: fates.NewDice(p.cfg.Seed, 2*number+1),
	}
	p.clients[addr] = c
	p.running.Go(func() { p.readTarget(c) })
	return c, nil
}

// readTarget passes on what the target sends to one client, until the client's
// socket is closed.
func (p *Proxy) readTarget(c *client) {
	back := direction{count: &p.down, dice: c.down, write: func(b []byte) (int, error) {
		return p.listener.WriteToUDPAddrPort(b, c.addr)
	}}
	buf := make([]byte, maxDatagram)
	for {
		n, err := c.upstream.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // connection refused: the target does not run (yet)
		}
		p.pass(buf[:n], back)
	}
}

// A direction is the way of one client's datagrams to one socket.
type direction struct {
	count *counters
	dice  *fates.Dice
	write func([]byte) (int, error)
}

// pass throws the dice for a datagram and queues the copies that survive. It
// copies the datagram.
func (p *Proxy) pass(datagram []byte, d direction) {
	d.count.received.Add(1)
	if p.blackhole.Load() {
		d.count.blackholed.Add(1)
		return
	}
	f := d.dice.Throw(&p.cfg.Profile)
	d.count.add(f)
	if f.Copies == 0 {
		return
	}
	now := time.Now()
	payload := append([]byte(nil), datagram...)
	for _, delay := range f.Delays[:f.Copies] {
		if !p.queue.Push(fates.Item{Due: now.Add(delay), Payload: payload, Deliver: d.deliver}) {
			d.count.overflowed.Add(1)
		}
	}
}

// deliver writes one copy, as the last step of its way.
func (d direction) deliver(payload []byte) {
	if _, err := d.write(payload); err != nil {
		d.count.writeFailed.Add(1)
		return
	}
	d.count.delivered.Add(1)
}

// grow asks for large socket buffers. The kernel may give less, which shows
// only under a flood.
func grow(conn *net.UDPConn) {
	_ = conn.SetReadBuffer(socketBuffer)
	_ = conn.SetWriteBuffer(socketBuffer)
}
