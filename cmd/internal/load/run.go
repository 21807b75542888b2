//go:build linux

package load

import (
	"context"
	"fmt"
	"time"

	"yodel/wire"
)

const (
	// settle is how long all talk before anything is measured, beyond the room's delay.
	settle = time.Second
	// stragglers is how long messages that are still on their way are waited for.
	stragglers = 5 * time.Second
	// audioGrace is how long audio is waited for, beyond the time for which the room holds it, unless all of it is there.
	audioGrace = 3 * time.Second
	// goodbye bounds the wait for the last acknowledgements.
	goodbye = time.Second
	// look is how often the loop is asked how things are.
	look = 20 * time.Millisecond
	// byeChunk goodbyes are said one after the other, then there is a pause, so that they do not flood the daemon.
	byeChunk = 64
)

// run is one run by its phases.
type run struct {
	cfg     *Config
	loop    *loop
	joining joining
	daemon  process
	marks   [3]mark // before the first session, and at the beginning and the end of the measuring phase
	joinCPU time.Duration
	counted counts
	stopped bool // by the context, while it was measuring
}

// mark is what the daemon's process had used at an instant, and what had been received then.
type mark struct {
	at       time.Time
	cpu      time.Duration
	rss      int64
	received int
}

// Run begins the sessions, has them talk, measures, and ends them. It returns when all is over. When ctx ends in the
// measuring phase the result is of what was measured until then; before that there is none, and the error is the context's cause.
// Other errors wrap those of this package.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if err := allowFiles(cfg.Sessions()); err != nil {
		return nil, err
	}
	r := &run{cfg: &cfg, daemon: process(cfg.PID)}
	if err := r.mark(0); err != nil {
		return nil, err
	}
	var err error
	if r.loop, err = newLoop(r.cfg); err != nil {
		return nil, err
	}
	go r.loop.run()
	defer r.loop.close()
	defer r.farewell(ctx)
	if err := r.phases(ctx); err != nil {
		return nil, err
	}
	return r.result(), nil
}

func (r *run) phases(ctx context.Context) error {
	if err := r.join(ctx); err != nil {
		return err
	}
	var hold time.Duration
	if err := r.loop.do(func() { hold = r.loop.beginTalking() }); err != nil {
		return err
	}
	r.cfg.Progress("settling")
	if err := r.pass(ctx, hold+settle); err != nil {
		return err
	}
	if err := r.measure(ctx); err != nil {
		return err
	}
	most := hold + audioGrace
	if r.cfg.ChatRate > 0 {
		most = max(most, stragglers)
	}
	if !r.stopped {
		r.await(ctx, most, r.loop.complete)
	}
	return r.loop.do(func() { r.counted = r.loop.counts })
}

// join is the joining phase.
func (r *run) join(ctx context.Context) error {
	r.joining.loop, r.joining.cfg = r.loop, r.cfg
	before, err := r.daemon.cpu()
	if err != nil {
		return err
	}
	if r.cfg.Plain {
		err = r.joining.registerPlain(ctx)
	} else {
		r.cfg.Progress(fmt.Sprintf("joining: %d sessions, %g a second", r.cfg.Sessions(), r.cfg.JoinRate))
		err = r.joining.join(ctx)
	}
	if err != nil {
		return err
	}
	if first := r.joining.first(); first != nil {
		r.cfg.Fault(fmt.Sprintf("%d sessions could not join: %v", r.joining.failed, first))
	}
	after, err := r.daemon.cpu()
	r.joinCPU = after - before
	return err
}

// mark notes what the daemon has used.
func (r *run) mark(i int) (err error) {
	m := &r.marks[i]
	if m.rss, err = r.daemon.rss(); err == nil {
		m.cpu, err = r.daemon.cpu()
	}
	m.at = time.Now()
	if r.loop != nil {
		m.received = r.loop.counts.received
	}
	return err
}

// measure is the measuring phase.
func (r *run) measure(ctx context.Context) error {
	var err error
	r.cfg.Progress(fmt.Sprintf("measuring: %v", r.cfg.For))
	if lost := r.loop.do(func() {
		r.loop.beginMeasuring()
		err = r.mark(1)
	}); lost != nil {
		return lost
	}
	if err != nil {
		return err
	}
	if passed := r.pass(ctx, r.cfg.For); passed != nil {
		if ctx.Err() == nil {
			return passed
		}
		r.stopped = true
	}
	if lost := r.loop.do(func() {
		err = r.mark(2)
		r.loop.endMeasuring()
	}); lost != nil {
		return lost
	}
	return err
}

// pass lets time go by. The error is the end of the context, or of all sessions.
func (r *run) pass(ctx context.Context, d time.Duration) error {
	end := time.NewTimer(d)
	defer end.Stop()
	tick := time.NewTicker(10 * look)
	defer tick.Stop()
	for {
		select {
		case <-end.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		var lost, joined int
		if err := r.loop.do(func() { lost, joined = r.loop.counts.lost, r.joining.took.n }); err != nil {
			return err
		}
		if lost == joined {
			return fmt.Errorf("%w: all %d sessions have ended", ErrUnreachable, lost)
		}
	}
}

// await waits until the loop says that something is so, at most for a time.
func (r *run) await(ctx context.Context, most time.Duration, is func() bool) {
	end := time.NewTimer(most)
	defer end.Stop()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		yes := true
		if err := r.loop.do(func() { yes = is() }); err != nil || yes {
			return
		}
		select {
		case <-tick.C:
		case <-end.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// farewell ends the talks and the sessions. After an interruption it does not wait.
func (r *run) farewell(ctx context.Context) {
	if r.cfg.Plain {
		_ = r.loop.do(func() {
			for _, m := range r.loop.members {
				if m != nil && m.fd >= 0 {
					_ = send(m.fd, []byte{plainForget})
					return
				}
			}
		})
		return
	}
	if err := r.loop.do(r.loop.endTalking); err != nil {
		return
	}
	r.await(ctx, goodbye, r.loop.reported)
	for range wire.ByeTimes {
		said := time.NewTimer(wire.ByeSpacing)
		r.sayBye(ctx)
		<-said.C
	}
}

func (r *run) sayBye(ctx context.Context) {
	pause := time.NewTicker(plainPause)
	defer pause.Stop()
	for from := 0; from < len(r.loop.members); from += byeChunk {
		_ = r.loop.do(func() { r.loop.bye(from, min(from+byeChunk, len(r.loop.members))) })
		if ctx.Err() == nil {
			<-pause.C
		}
	}
}
