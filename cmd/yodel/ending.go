package main

import (
	"time"

	"yodel/peer/audio"
)

// quiet is the level, in dB relative to full scale, up to which a frame counts as silence.
const quiet = -60.0

// ending decides where a timeline of 48 kHz samples ends. The zero value never ends it.
type ending struct {
	limit   int64 // samples in all; 0: no limit
	silence int64 // samples of silence after something was heard; 0: no matter
	pos     int64
	still   int64 // samples of silence up to pos
	heard   bool
}

func newEnding(limit, silence time.Duration) *ending {
	return &ending{limit: samples(limit), silence: samples(silence)}
}

// samples gives a time as a number of samples, at least one unless it is 0.
func samples(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return max(1, int64(d/time.Microsecond)*audio.SampleRate/int64(time.Second/time.Microsecond))
}

// take looks at the next frame: how many of its samples still belong to the timeline, and whether it ends with them.
func (e *ending) take(frame []int16) (n int, done bool) {
	n = len(frame)
	if e.limit > 0 {
		n = int(min(int64(n), e.limit-e.pos))
	}
	e.pos += int64(n)
	if audio.Peak(frame[:n]) > quiet {
		e.heard, e.still = true, 0
	} else {
		e.still += int64(n)
	}
	return n, (e.limit > 0 && e.pos >= e.limit) || (e.silence > 0 && e.heard && e.still >= e.silence)
}
