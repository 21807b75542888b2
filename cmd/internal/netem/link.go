//go:build linux

package netem

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	"yodel/cmd/internal/fates"
)

const (
	defaultMTU   = 1500
	defaultQueue = 250 * time.Millisecond
	maxPacket    = 64 << 10
)

// A Config describes a link between two namespaces.
type Config struct {
	A, B *Namespace
	MTU  int    // of both devices; 0: 1500. Under 1280 there is no IPv6
	Seed uint64 // of all fates
}

// An Impairment is what happens to the packets of one direction. The zero Impairment lets everything through at once.
type Impairment struct {
	fates.Profile
	// Rewrite makes the checksums of corrupted packets right again, so that they get to the programs. Otherwise the kernel drops them.
	Rewrite bool
	// Rate is the bottleneck's, in bit/s of IP packets; 0: none.
	Rate float64
	// Queue is how long a packet may wait for the bottleneck before it is dropped; 0: 250 ms.
	Queue time.Duration
	// MTU drops IP packets of more bytes, silently; 0: none.
	MTU int
}

func (i *Impairment) validate() error {
	if i.Rate < 0 || i.Queue < 0 || i.MTU < 0 {
		return fmt.Errorf("netem: %w: negative rate, queue or MTU", fates.ErrProfile)
	}
	if err := i.Validate(); err != nil {
		return fmt.Errorf("netem: %w", err)
	}
	return nil
}

// A Link joins two namespaces. All methods may be called from any goroutine.
type Link struct {
	ends    [2]end
	done    chan struct{}
	closing sync.Once
	running sync.WaitGroup

	mu  sync.Mutex
	nat *nat // nil: none
	way [2]*way
}

// end is one side of a link.
type end struct {
	device    string
	four, six netip.Addr
	mtu       int
	tun       *os.File
}

// way is a direction: what belongs to the packets from one side. Link.mu guards it, but for the dice, the queue and the counts.
type way struct {
	imp      Impairment
	blackout bool
	free     time.Time // when the bottleneck has sent all that waits
	dice     *fates.Dice
	queue    *fates.Queue
	count    counters
}

// Connect makes a link that impairs nothing yet.
func Connect(cfg Config) (*Link, error) {
	if cfg.MTU == 0 {
		cfg.MTU = defaultMTU
	}
	l := &Link{done: make(chan struct{})}
	n := number(cfg.A, cfg.B)
	for side, ns := range []*Namespace{cfg.A, cfg.B} {
		e := end{device: fmt.Sprintf("w%d", n), mtu: cfg.MTU}
		e.four, e.six = address(n, side+1)
		var err error
		if e.tun, err = openTUN(ns, e.device, e); err != nil {
			return nil, errors.Join(err, l.Close())
		}
		l.ends[side] = e
		l.way[side] = &way{dice: fates.NewDice(cfg.Seed, uint64(side)), queue: fates.NewQueue()}
	}
	for side, w := range l.way {
		l.running.Go(func() { w.queue.Run(l.done) })
		l.running.Go(func() { l.read(Side(side)) })
	}
	return l, nil
}

// Device is the name of the link's device on a side.
func (l *Link) Device(s Side) string { return l.ends[s].device }

// Addr is the IPv4 address of a side.
func (l *Link) Addr(s Side) netip.Addr { return l.ends[s].four }

// Addr6 is the IPv6 address of a side.
func (l *Link) Addr6(s Side) netip.Addr { return l.ends[s].six }

// Set changes what happens to packets from a side, from the next one on. The error wraps fates.ErrProfile.
func (l *Link) Set(from Side, imp Impairment) error {
	if err := imp.validate(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.way[from].imp = imp
	return nil
}

// SetBoth changes what happens to packets in both directions.
func (l *Link) SetBoth(imp Impairment) error { return errors.Join(l.Set(A, imp), l.Set(B, imp)) }

// Blackout drops all packets that start in either direction, or ends that.
func (l *Link) Blackout(on bool) {
	l.BlackoutFrom(A, on)
	l.BlackoutFrom(B, on)
}

// BlackoutFrom drops all packets that start from a side, or ends that.
func (l *Link) BlackoutFrom(from Side, on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.way[from].blackout = on
}

// Rebind puts side A behind a NAT; when it is behind one already, the NAT forgets all mappings: what A sends from now on comes
// from another address and other ports, and what B sends to the old ones is dropped. The IPv4 addresses are 10.77.n.100 and up.
func (l *Link) Rebind() {
	l.mu.Lock()
	defer l.mu.Unlock()
	number := int(l.ends[A].four.As4()[2])
	generation := 0
	if l.nat != nil {
		generation = l.nat.generation + 1
	}
	four, six := address(number, 100+generation%100)
	l.nat = newNAT(generation, four, six)
}

// Stats returns what has happened to the packets from a side.
func (l *Link) Stats(from Side) Stats { return l.way[from].count.stats() }

// Close takes the link away; what is on its way is dropped. It returns when all its goroutines have ended.
func (l *Link) Close() error {
	var errs []error
	l.closing.Do(func() {
		close(l.done)
		for _, e := range l.ends {
			if e.tun != nil {
				errs = append(errs, e.tun.Close())
			}
		}
	})
	l.running.Wait()
	return errors.Join(errs...)
}
