package daemon

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// started is a daemon on loopback. It has ended when the test has.
func started(t *testing.T) (d *Daemon, stop func()) {
	t.Helper()
	cfg := Config{Listen: netip.MustParseAddrPort("127.0.0.1:0"), Identity: newID(t), State: t.TempDir(), Limits: DefaultLimits}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan *Daemon, 1), make(chan error, 1)
	go func() { ended <- Run(ctx, cfg, func(d *Daemon) { ready <- d }) }()
	over := false
	stop = func() {
		if cancel(); !over {
			over = true
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(stop)
	select {
	case d = <-ready:
	case err := <-ended:
		over = true
		t.Fatal(err)
	}
	return d, stop
}

// alive asks with patience for a busy machine.
func alive(d *Daemon) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return d.Alive(ctx)
}

// seen waits until something is so.
func seen(t *testing.T, what string, is func() bool) {
	t.Helper()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for range 20_000 {
		if is() {
			return
		}
		<-again.C
	}
	t.Fatal("never: " + what)
}

// wantStuck asks a daemon of which a part is held up. That part may make a last step or two before it is.
func wantStuck(t *testing.T, d *Daemon, what string) {
	t.Helper()
	var err error
	for range 5 {
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		err = d.Alive(ctx)
		if cancel(); err != nil {
			break
		}
	}
	if !errors.Is(err, ErrStuck) || !strings.Contains(err.Error(), what) {
		t.Errorf("%v; want that %s is stuck", err, what)
	}
}

func TestAliveUntilTheEnd(t *testing.T) {
	d, stop := started(t)
	for range 3 {
		if err := alive(d); err != nil {
			t.Error(err)
		}
	}
	if err := d.Writable(); err != nil {
		t.Error(err)
	}
	stop()
	if err := alive(d); !errors.Is(err, ErrStopped) {
		t.Errorf("after the end: %v", err)
	}
	if _, err := d.Stats(context.Background()); !errors.Is(err, ErrStopped) {
		t.Errorf("figures after the end: %v", err)
	}
}

func TestAWedgedLoopIsNotAlive(t *testing.T) {
	d, _ := started(t)
	release := make(chan struct{})
	asked := make(chan struct{})
	go func() {
		_, _ = ask(context.Background(), d, func(*hub, time.Time) bool {
			close(asked)
			<-release
			return true
		})
	}()
	<-asked
	wantStuck(t, d, "the hub's loop")
	close(release)
	if err := alive(d); err != nil {
		t.Errorf("when it goes on: %v", err)
	}
}

// Who was told that the daemon did not do something in time can be sure that it does not do it afterwards.
func TestWhatComesTooLateIsNotDone(t *testing.T) {
	d, _ := started(t)
	release, asked := make(chan struct{}), make(chan struct{})
	go func() {
		_, _ = ask(context.Background(), d, func(*hub, time.Time) bool {
			close(asked)
			<-release
			return true
		})
	}()
	<-asked
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := d.Reload(ctx, Config{Limits: DefaultLimits, Delay: 7 * time.Second})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while the loop is held up: %v", err)
	}
	close(release)
	delay, err := ask(context.Background(), d, func(h *hub, _ time.Time) time.Duration { return h.cfg.Delay })
	if err != nil || delay != 0 {
		t.Errorf("afterwards the delay is %v, %v", delay, err)
	}
}

// What the loop does already is waited for, so that nothing is told of it that is not so.
func TestWhatIsBeingDoneIsWaitedFor(t *testing.T) {
	d, _ := started(t)
	ctx, cancel := context.WithCancel(context.Background())
	done, err := ask(ctx, d, func(*hub, time.Time) bool {
		cancel()
		return true
	})
	if !done || err != nil {
		t.Errorf("%v, %v", done, err)
	}
}

// The locks stand for whatever a reader or a pump may hang in.
func TestAStuckReaderIsNotAlive(t *testing.T) {
	d, _ := started(t)
	shards := d.server.hub.plane.shards
	for _, sh := range shards {
		sh.reading.Lock()
	}
	// The kernel chooses the reader.
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(d.Addr()))
	if err == nil {
		_, err = conn.Write([]byte("something"))
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	seen(t, "a reader has the datagram", func() bool {
		return slices.ContainsFunc(shards, func(sh *shard) bool { return working(sh.readBeat.steps.Load()) })
	})
	wantStuck(t, d, "reader")
	for _, sh := range shards {
		sh.reading.Unlock()
	}
	if err := alive(d); err != nil {
		t.Errorf("when it goes on: %v", err)
	}
}

func TestAStuckPumpIsNotAlive(t *testing.T) {
	d, _ := started(t)
	sh := d.server.hub.plane.shards[0]
	sh.ticks.Lock()
	wantStuck(t, d, "pump 0")
	sh.ticks.Unlock()
	if err := alive(d); err != nil {
		t.Errorf("when it goes on: %v", err)
	}
}

// A reader that has ended though the daemon has not, or that gets nothing but errors, rests no more.
func TestAReaderThatReadsNothingIsNotAlive(t *testing.T) {
	d, _ := started(t)
	sh := d.server.hub.plane.shards[0]
	now := time.Now()
	fail := func(every time.Duration) {
		for range lostAfter {
			now = now.Add(every)
			sh.faults.failed(now)
		}
	}
	fail(failsAgain + 1) // errors of peers
	if err := alive(d); err != nil {
		t.Errorf("after errors now and then: %v", err)
	}
	fail(time.Millisecond)
	wantStuck(t, d, "reader 0")
	sh.faults.succeeded()
	if err := alive(d); err != nil {
		t.Errorf("when it can be read again: %v", err)
	}
	sh.faults.ended.Store(true)
	wantStuck(t, d, "reader 0")
}

// A reader whose socket is gone has ended.
func TestAReaderOfAClosedSocketIsNotAlive(t *testing.T) {
	d, _ := started(t)
	sh := d.server.hub.plane.shards[0]
	if err := (&port{sockets: []*socket{sh.socket}}).close(); err != nil {
		t.Fatal(err)
	}
	seen(t, "the reader has ended", sh.faults.lost)
	wantStuck(t, d, "reader 0")
}

// A turn that is due and that nobody begins is as bad as one that does not end.
func TestAPumpThatSleepsOverItsWorkIsNotAlive(t *testing.T) {
	d, _ := started(t)
	sh := d.server.hub.plane.shards[0]
	seen(t, "the pump waits", func() bool {
		steps := sh.pumpBeat.steps.Load()
		return steps > 0 && !working(steps)
	})
	late := timer{run: func(time.Time) {}}
	sh.ticks.Lock()
	sh.timers.set(&late, time.Now()) // without the alarm
	sh.ticks.Unlock()
	wantStuck(t, d, "pump 0")
	sh.alarm.ring()
	if err := alive(d); err != nil {
		t.Errorf("when it goes on: %v", err)
	}
}
