package secure

import (
	"sync"
	"time"
)

// deadline is a point in time that can be set anew and waited for.
type deadline struct {
	mu    *sync.Mutex
	timer *time.Timer
	past  chan struct{} // closed once the deadline has passed
}

func newDeadline() deadline {
	return deadline{mu: new(sync.Mutex), past: make(chan struct{})}
}

// done gives a channel that is closed when the deadline set last has passed.
func (d *deadline) done() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.past
}

// set moves the deadline; the zero time is never. Who waits already is woken when the new deadline passes, unless the
// old one had passed before.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil && !d.timer.Stop() {
		<-d.past // the timer has fired: let it finish
	}
	d.timer = nil
	passed := d.hasPassed()
	switch wait := time.Until(t); {
	case !t.IsZero() && wait <= 0:
		if !passed {
			close(d.past)
		}
		return
	case passed:
		d.past = make(chan struct{})
	}
	if !t.IsZero() {
		past := d.past
		d.timer = time.AfterFunc(time.Until(t), func() { close(past) })
	}
}

func (d *deadline) hasPassed() bool {
	select {
	case <-d.past:
		return true
	default:
		return false
	}
}
