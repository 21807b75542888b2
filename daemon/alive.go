package daemon

import (
	"context"
	"fmt"
	"time"
)

// lookAgain is how often Alive looks whether what worked has gone on.
const lookAgain = 2 * time.Millisecond

// Alive tells whether the daemon works: the hub's loop turns, and each reader and pump goes on with what it has to do; one that waits for datagrams does, and
// one that has ended or gets nothing but errors does not. It
// returns at once while all do, and waits for those that do not until ctx ends: then the error is ErrStuck, with what is stuck. It is ErrStopped of a daemon
// that has ended.
//
// The room log's writer is left out on purpose: one that waits for a slow disk cannot be told from one that waits for ever, and a daemon that is
// started again has the same disk, and has dropped the voices. Its panic ends the process, and its errors end the daemon or are Writable's.
func (d *Daemon) Alive(ctx context.Context) error {
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	probes := d.server.probes()
	d.server.hub.plane.bell.ring()
	for {
		stuck := stillStuck(probes)
		if stuck == nil {
			return nil
		}
		select {
		case <-d.server.done:
			return ErrStopped
		case <-ctx.Done():
			return fmt.Errorf("%w: %s (%w)", ErrStuck, stuck.name, context.Cause(ctx))
		case <-again.C:
		}
	}
}

// Writable tells why the room log stores nothing now: its disk is full, takes no writing, or a message has waited for 10 s ([roomlog.Log.Err]). nil: it
// stores, as far as is known.
func (d *Daemon) Writable() error { return d.server.hub.messages.Err() }

// probe is a look at one goroutine.
type probe struct {
	name   string
	beat   *beat
	before uint32      // steps, when the look began
	rests  func() bool // it has nothing to do, when it does not work; nil: it is to make a step in any case
	passed bool
}

// probes begins a look at all that is to go on.
func (s *server) probes() []*probe {
	probes := []*probe{{name: "the hub's loop", beat: &s.turning}}
	for _, sh := range s.hub.plane.shards {
		rests := sh.nothingDue
		if sh == s.rounds.by {
			rests = func() bool { return sh.nothingDue() && s.rounds.goOn() }
		}
		probes = append(probes,
			&probe{name: fmt.Sprintf("reader %d", sh.index), beat: &sh.readBeat, rests: func() bool { return !sh.faults.lost() }},
			&probe{name: fmt.Sprintf("pump %d", sh.index), beat: &sh.pumpBeat, rests: rests})
	}
	for _, p := range probes {
		p.before = p.beat.steps.Load()
	}
	return probes
}

// stillStuck gives one that has not passed; nil when all have.
func stillStuck(probes []*probe) *probe {
	for _, p := range probes {
		if !p.passes() {
			return p
		}
	}
	return nil
}

// passes tells whether it has gone on since the look began, or has nothing to do.
func (p *probe) passes() bool {
	steps := p.beat.steps.Load()
	p.passed = p.passed || steps != p.before || p.rests != nil && !working(steps) && p.rests()
	return p.passed
}

// nothingDue tells that a pump that waits may wait. Who holds ticks for long is stuck, so nobody is waited for.
func (sh *shard) nothingDue() bool {
	if !sh.ticks.TryLock() {
		return false
	}
	defer sh.ticks.Unlock()
	next := sh.timers.next()
	return len(sh.parts) == 0 && (next.IsZero() || next.After(time.Now()))
}
