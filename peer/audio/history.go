package audio

// Where the period of a sound is looked for, in samples: voices are between 55 and 400 Hz.
const (
	shortestPeriod = SampleRate / 400
	longestPeriod  = SampleRate / 55
	matchLength    = SampleRate / 100 // how much sound is compared
	coarse         = 4                // step of the rough search
)

// history continues sound that broke off by repeating its last period, as ITU-T G.711, Appendix I does.
type history struct {
	last   [longestPeriod + matchLength]int16
	period int // of the end of last; 0 not known yet
}

// record remembers the end of pcm.
func (h *history) record(pcm []int16) {
	h.period = 0
	if len(pcm) >= len(h.last) {
		copy(h.last[:], pcm[len(pcm)-len(h.last):])
		return
	}
	copy(h.last[:], h.last[len(pcm):])
	copy(h.last[len(h.last)-len(pcm):], pcm)
}

// fill writes the continuation from its sample at on.
func (h *history) fill(dst []int16, at int) {
	if h.period == 0 {
		h.period = findPeriod(h.last[:], len(h.last)-matchLength, matchLength)
		if h.period == 0 {
			h.period = longestPeriod
		}
	}
	from := h.last[len(h.last)-h.period:]
	for i := range dst {
		dst[i] = from[(at+i)%h.period]
	}
}

// findPeriod returns the lag at which the n samples from x[at] on are most like what was before them: roughly first, then exactly around
// that. It is 0 if they are like nothing in the longest period before them.
func findPeriod(x []int16, at, n int) int {
	rough := bestLag(x[at-longestPeriod:at+n], [2]int{shortestPeriod, longestPeriod}, coarse)
	if rough == 0 {
		return 0
	}
	return bestLag(x[at-longestPeriod:at+n], [2]int{max(rough-coarse, shortestPeriod), min(rough+coarse, longestPeriod)}, 1)
}

// bestLag returns the lag in a range, in steps, with the greatest normalised correlation of every step-th sample after the longest
// period; 0 if there is none.
func bestLag(x []int16, lags [2]int, step int) int {
	end := x[longestPeriod:]
	best, at := float32(0), 0
	for lag := lags[0]; lag <= lags[1]; lag += step {
		before := x[longestPeriod-lag:][:len(end)]
		var cross, energy float32
		for i := 0; i < len(end); i += step {
			b := float32(before[i])
			cross += float32(end[i]) * b
			energy += b * b
		}
		if cross > 0 && cross*cross > best*(energy+1) {
			best, at = cross*cross/(energy+1), lag
		}
	}
	return at
}
