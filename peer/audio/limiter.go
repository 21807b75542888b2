package audio

import (
	"math"
	"slices"
)

// The limiter's steps and the time in which its gain comes back.
const (
	limiterStep    = SampleRate / 400 // 2.5 ms
	limiterCeiling = math.MaxInt16
	// limiterRise is how fast the gain comes back: 4 dB a second, in nepers. Steady sums of 3 to 50 voices then move it by less than 3 dB in
	// 200 ms.
	limiterRise = 4 * math.Ln10 / 20
	// limiterHaste is how fast when for limiterCalm nothing needed less than twice the gain: 30 dB a second. What was loud is over.
	limiterHaste = 30 * math.Ln10 / 20
	limiterCalm  = 3 * SampleRate / 10
)

// limiter brings a mix into 16 bits. What fits passes bit by bit, so one voice always does. What does not is turned down: the gain
// falls within the step before the peak, and comes back slowly, so that it neither clips nor pumps. At the first step of a block nothing
// is known in advance, and the gain falls at once.
type limiter struct {
	gain float32 // at the end of the last step
	calm int     // samples since less than twice the gain was needed
}

// run writes mix, limited, to dst of the same length.
func (l *limiter) run(dst []int16, mix []int32) {
	next := peak(mix[:min(limiterStep, len(mix))])
	for at := 0; at < len(mix); at += limiterStep {
		end := min(at+limiterStep, len(mix))
		here := next
		next = peak(mix[end:min(end+limiterStep, len(mix))])
		l.calm += end - at
		if fit(here) < 2*l.gain {
			l.calm = 0
		}
		from := min(l.gain, fit(here))
		l.gain = min(l.recover(end-at), fit(here), fit(next))
		scale(dst[at:end], mix[at:end], from, l.gain)
	}
}

// recover is the gain after n samples if nothing is too loud.
func (l *limiter) recover(n int) float32 {
	rise := float32(limiterRise)
	if l.calm > limiterCalm {
		rise = limiterHaste
	}
	return min(1, l.gain*(1+rise*float32(n)/SampleRate))
}

// scale writes mix to dst with a gain that goes from … to.
func scale(dst []int16, mix []int32, from, to float32) {
	if from == 1 && to == 1 {
		for i, v := range mix {
			dst[i] = int16(v)
		}
		return
	}
	slope := (to - from) / float32(len(mix))
	for i, v := range mix {
		dst[i] = clip16(float32(v) * (from + slope*float32(i)))
	}
}

// fit is the gain at which a peak just fits.
func fit(peak int32) float32 {
	if peak <= limiterCeiling {
		return 1
	}
	return limiterCeiling / float32(peak)
}

// peak is the largest magnitude in mix; −32768 counts as 32767, because it fits too.
func peak(mix []int32) int32 {
	if len(mix) == 0 {
		return 0
	}
	return max(slices.Max(mix), -slices.Min(mix)-1)
}
