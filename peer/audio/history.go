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
		h.period = h.findPeriod()
	}
	from := h.last[len(h.last)-h.period:]
	for i := range dst {
		dst[i] = from[(at+i)%h.period]
	}
}

// findPeriod returns the lag at which the last sound is most like what was before it: roughly first, then exactly around that.
func (h *history) findPeriod() int {
	rough := h.bestLag(shortestPeriod, longestPeriod, coarse)
	return h.bestLag(max(rough-coarse, shortestPeriod), min(rough+coarse, longestPeriod), 1)
}

// bestLag returns the lag from … to, in steps, with the greatest normalised correlation of every step-th sample.
func (h *history) bestLag(from, to, step int) int {
	end := h.last[len(h.last)-matchLength:]
	best, at := float32(0), to
	for lag := from; lag <= to; lag += step {
		before := h.last[len(h.last)-matchLength-lag:][:matchLength]
		var cross, energy float32
		for i := 0; i < matchLength; i += step {
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
