package daemon

import "time"

// alarm is what a pump waits by. It goes off at the last time that it was set to, or at once when it is rung; being rung may be forgotten
// when it is set afterwards. Any goroutine may set and ring; one waits.
type alarm struct {
	timer *time.Timer
	rung  chan struct{} // of one
	file  *alarmFile    // instead of both, where there is one
}

func newAlarm() *alarm {
	a := &alarm{timer: time.NewTimer(time.Hour), rung: make(chan struct{}, 1)}
	a.timer.Stop()
	return a
}

// set has the alarm go off at a time, and no other; the zero time is never.
func (a *alarm) set(at time.Time) {
	switch {
	case a.file != nil && at.IsZero():
		a.file.set(0)
	case a.file != nil:
		a.file.set(max(time.Until(at), 1))
	case at.IsZero():
		a.timer.Stop()
	default:
		a.timer.Reset(time.Until(at))
	}
}

// ring has it go off now.
func (a *alarm) ring() {
	if a.file != nil {
		a.file.set(1)
		return
	}
	select {
	case a.rung <- struct{}{}:
	default:
	}
}

// wait waits for it; false when done is closed or close was called.
func (a *alarm) wait(done <-chan struct{}) bool {
	if a.file != nil {
		return a.file.wait()
	}
	select {
	case <-a.timer.C:
	case <-a.rung:
	case <-done:
		a.timer.Stop()
		return false
	}
	return true
}

// close ends what waits.
func (a *alarm) close() {
	if a.file != nil {
		a.file.close()
	}
}
