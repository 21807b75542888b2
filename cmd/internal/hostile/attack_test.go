//go:build linux

package hostile

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"yodel/cmd/internal/netem"
)

// attack is what is done to a daemon through which a voice is heard.
type attack struct {
	name   string
	short  bool     // it is in the short form
	least  float64  // datagrams a second: fewer are no attack
	daemon []string // further arguments of the daemon
	// run attacks until stop is closed, and notes in the first part of the outcome what it did. The error is of the attacker, not of the daemon; it must
	// not call the test's methods, for it runs on a goroutine of its own.
	run func(w *world, v *victim, out *outcome, stop <-chan struct{}) error
}

// try runs those attacks of a list that the settings name.
func try(t *testing.T, attacks []attack) {
	netem.Need(t, "WHAT HOSTILE PEERS DO")
	for _, a := range attacks {
		if settings.Only != nil && !settings.Only.MatchString(a.name) || settings.Only == nil && !settings.Full && !a.short {
			continue
		}
		t.Run(a.name, a.try)
	}
}

// tries is how often an attack is tried at most while nothing but the voice or the time is found wanting, or the attacker or the victim could not begin: of a short
// voice a single hiccup of a busy machine is more than the bar. A daemon that cannot stand an attack fails all of them.
const tries = 5

// try runs an attack and holds what comes of it against the bars.
func (a attack) try(t *testing.T) {
	var out *outcome
	for n := range tries {
		if out = a.once(t); len(out.faults) == 0 || !out.again {
			break
		}
		t.Logf("try %d: %v", n+1, out.faults)
	}
	results.add(out)
	for _, err := range out.faults {
		t.Error(err)
	}
}

// once runs an attack in a world of its own.
func (a attack) once(t *testing.T) *outcome {
	length := 2 * time.Second
	if settings.Full {
		length = 10 * time.Second
	}
	w := newWorld(t, length+6*settle, a.daemon...)
	defer w.end()
	out := &outcome{attack: a.name, least: a.least}
	if !settings.Full {
		out.least /= 4
	}
	v, err := newVictim(w, length)
	if err != nil {
		out.again = w.daemonRuns()
		out.fault(fmt.Errorf("the voice did not begin: %w", err))
		return out
	}
	if err := a.attack(w, v, out); err != nil {
		out.fault(err)
	} else {
		out.judge()
	}
	return out
}

// attack runs an attack beside the victim and the newcomer, and measures.
func (a attack) attack(w *world, v *victim, out *outcome) (err error) {
	if out.before, err = figuresOf(w.daemon); err != nil {
		return err
	}
	if err := resetPeak(w.daemon); err != nil {
		return err
	}
	stop, attacked := make(chan struct{}), make(chan error, 1)
	go func() {
		began := time.Now()
		err := a.run(w, v, out, stop)
		out.during = time.Since(began)
		attacked <- err
	}()
	took, served := newcomerDuring(w)
	out.newcomer = took
	over := v.over()
	during, _ := figuresOf(w.daemon)
	close(stop)
	err = <-attacked
	if out.during > 0 {
		out.cpu = float64(during.cpu-out.before.cpu) / float64(out.during)
	}
	if err != nil {
		out.again = w.daemonRuns()
		return fmt.Errorf("the attack itself: %w", err)
	}
	out.fault(served, over, v.measure(out))
	out.late = len(out.faults) > 0 && w.daemonRuns()
	if out.later, err = newcomer(w, "carol"); err != nil {
		out.again = w.daemonRuns()
		return fmt.Errorf("after the attack: %w", err)
	}
	out.after, err = figuresOf(w.daemon)
	return err
}

// newcomerDuring has the newcomer come once the attack goes on.
func newcomerDuring(w *world) (took time.Duration, err error) {
	if err := w.pause(300 * time.Millisecond); err != nil {
		return 0, err
	}
	took, err = newcomer(w, "dave")
	if err != nil {
		err = errors.Join(errors.New("the newcomer was not served"), err)
	}
	return took, err
}
