package peer

import (
	"context"
	"time"

	"yodel/peer/audio"
)

const (
	// paceStalled is how late Pace is when this machine stood still. What was sent meanwhile is on its way then, so it waits for paceGrace before it
	// makes up for the time: nothing is missing that only the standstill held up.
	paceStalled = 15 * time.Millisecond
	paceGrace   = 30 * time.Millisecond
	// paceSpare is how much more than a step what was read lags the clock at most while Pace waits for its time, unless this machine stood still: then
	// it is not the packets that are late. While sink holds Pace up they are placed by the clock.
	paceSpare = audio.SampleRate / 100
	// windowLength is how long a greatest value counts at least: longer than a sound card that takes much at once waits until it does so again, and
	// no longer, because one that stood still is as much less ahead from then on.
	windowLength = 250 * time.Millisecond
)

// Frame is the step of Pace for what is to be heard as soon as it can be.
const Frame = 20 * time.Millisecond

// Pace reads in real time, by the clock: a step of samples, a whole number of milliseconds, is read when the last one's time has come, and given to
// sink, which must not keep it. Longer steps cost less, and packets may come so much later. It returns sink's error, or ctx's at its end. A sink that
// blocks makes the steps that follow come late, all of them.
func (h *Hearing) Pace(ctx context.Context, step time.Duration, sink func([]int16) error) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	start := h.Start()
	frame := make([]int16, timeToSamples(step))
	stalled, heldUp := false, false // behind, because this machine stood still; because sink took its time
	for {
		due := start.Add(samplesToTime(h.Position()) + step)
		wait := time.Until(due)
		switch {
		case wait > -paceStalled:
			stalled, heldUp = false, false
		case !stalled && !heldUp:
			stalled, wait = true, paceGrace
		}
		if wait > 0 {
			timer.Reset(wait)
			h.setWaiting(int64(len(frame)) + paceSpare)
			select {
			case <-timer.C:
				h.setWaiting(0)
			case <-ctx.Done():
				h.setWaiting(0)
				return ctx.Err()
			}
		} else if err := ctx.Err(); err != nil {
			return err
		}
		h.Read(frame)
		began := time.Now()
		if err := sink(frame); err != nil {
			return err
		}
		heldUp = heldUp || time.Since(began) > paceStalled
	}
}

// window remembers the greatest value of the last 250 to 500 ms.
type window struct {
	began        time.Time
	now, before  int64
	some, former bool
}

func (w *window) add(at time.Time, v int64) {
	w.turn(at)
	if !w.some || v > w.now {
		w.now, w.some = v, true
	}
}

// max is the greatest value; 0 when there was none, and the last one known when nothing was added for long.
func (w *window) max() int64 {
	switch {
	case w.some && w.former:
		return max(w.now, w.before)
	case w.some:
		return w.now
	}
	return w.before
}

func (w *window) turn(at time.Time) {
	if w.began.IsZero() {
		w.began = at
	}
	if at.Sub(w.began) < windowLength || !w.some {
		return
	}
	w.before, w.former = w.now, true
	w.some = false
	w.began = at
}
