package peer

import (
	"context"
	"time"

	"yodel/peer/audio"
)

const (
	// paceFrame is how many samples Pace reads at once: 20 ms.
	paceFrame = audio.SampleRate / 50
	// windowLength is how long a greatest value counts at least.
	windowLength = 2 * time.Second
)

// Pace reads in real time, by the clock: each 20 ms frame is read when its last sample's time has come, and given to sink, which must
// not keep it. It returns sink's error, or ctx's at its end. A sink that blocks makes the frames that follow come late, all of them.
func (h *Hearing) Pace(ctx context.Context, sink func([]int16) error) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	start := h.Start()
	frame := h.pace[:]
	for {
		due := start.Add(samplesToTime(h.Position() + paceFrame))
		if wait := time.Until(due); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		} else if err := ctx.Err(); err != nil {
			return err
		}
		h.Read(frame)
		if err := sink(frame); err != nil {
			return err
		}
	}
}

// window remembers the greatest value of the last two to four seconds.
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
