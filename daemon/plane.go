package daemon

import (
	"sync"
	"sync/atomic"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

// plane is what all that moves audio shares: the shards, the settings, and the way to the hub.
type plane struct {
	shards    []*shard
	gather    time.Duration // how long a live room with several talkers may gather
	grid      grid
	drops     drops
	faults    faults
	echo      atomic.Int64  // bytes in all delay lines …
	echoLimit atomic.Int64  // … and how many there may be
	control   atomic.Int64  // packets a second that are no audio a session may send
	ssrcs     atomic.Uint32 // the last one that was given
	tell      notices
	bell      bell

	validator *secure.Validator // for its twins
	knocked   atomic.Int64      // when a STUN message came, in Unix nanoseconds
}

// knock notes that a STUN message came, so that the loop has the sockets read more often while somebody joins.
func (p *plane) knock(now time.Time) {
	if at := now.UnixNano(); at-p.knocked.Load() > int64(joiningFor/4) {
		p.knocked.Store(at)
		p.bell.ring()
	}
}

// joining tells whether somebody may be joining.
func (p *plane) joining(now time.Time) bool {
	return now.UnixNano()-p.knocked.Load() < int64(joiningFor)
}

// bell wakes the hub's loop: something is in a shard's mailbox, or among the notices. It has room for one; anyone may ring.
type bell chan struct{}

func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default: // it is ringing already
	}
}

// newSSRC gives an SSRC that this process has not given before.
func (p *plane) newSSRC() uint32 {
	for {
		if ssrc := p.ssrcs.Add(1); ssrc >= wire.MinAudioSSRC {
			return ssrc
		}
	}
}

// grid is the common clock on which the rooms with a delay play out. Step 0 is no grid.
type grid struct {
	origin time.Time
	step   time.Duration
}

// nearest gives the instant of the grid that is nearest to a time.
func (g grid) nearest(t time.Time) time.Time {
	if g.step == 0 {
		return t
	}
	n := (t.Sub(g.origin) + g.step/2) / g.step
	return g.origin.Add(n * g.step)
}

// notices is what the hub is to learn of the voices: things that happen a few times in a talkspurt. Anyone may add, with any lock but its own held;
// the hub takes.
type notices struct {
	mu    sync.Mutex
	queue []func(now time.Time)
	bell  bell
}

func (n *notices) add(f func(now time.Time)) {
	n.mu.Lock()
	n.queue = append(n.queue, f)
	n.mu.Unlock()
	n.bell.ring()
}

// run does what has been noticed.
func (n *notices) run(now time.Time) {
	for {
		n.mu.Lock()
		queue := n.queue
		n.queue = nil
		n.mu.Unlock()
		if len(queue) == 0 {
			return
		}
		for _, f := range queue {
			f(now)
		}
	}
}
