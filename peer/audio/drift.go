package audio

// How the drift of a talker's clock against the listener's is followed, in samples.
const (
	driftWindow = 2 * SampleRate
	tooEarly    = 10 * SampleRate / 1000 // played this much before its time: late packets threaten
	tooLate     = 20 * SampleRate / 1000 // after it; more, because the first packets may all have been slow ones
	offMost     = 40 * SampleRate / 1000 // either, where the buffer is deep
	offShare    = 8                      // of the depth: a busy machine that is slow for seconds is no drift, and a deep buffer has time
)

// drift watches how arrivals move against timestamps, and how much is to be corrected.
type drift struct {
	watching bool
	since    int64 // position at which the window began
	minRel   int64 // least arrival − timestamp in it
	creep    int64 // samples to insert (or, negative, to leave out), one a packet
}

// watchDrift takes an arrival into account; a window that is over decides.
func (s *stream) watchDrift(a *arrival) {
	d, rel := &s.drift, a.at-a.ts
	if !d.watching {
		d.watching, d.since, d.minRel = true, a.at, rel
		return
	}
	d.minRel = min(d.minRel, rel)
	if a.at-d.since < driftWindow {
		return
	}
	d.watching, d.creep = false, 0
	deep := min(s.lead/offShare, offMost)
	if off := d.minRel + s.lead - s.anchor; off >= max(tooEarly, deep) || off <= -max(tooLate, deep) {
		d.creep = off
	}
}

// followDrift inserts or leaves out one sample of pcm if that is due.
func (s *stream) followDrift() {
	if len(s.pcm) < 3 {
		return
	}
	switch {
	case s.drift.creep > 0:
		s.drift.creep--
		s.anchor++
		s.pcm = insertSample(s.pcm)
	case s.drift.creep < 0:
		s.drift.creep++
		s.anchor--
		s.pcm = removeSample(s.pcm)
	}
}

// insertSample adds a sample between the two neighbours that differ least.
func insertSample(pcm []int16) []int16 {
	best, least := 0, 1<<17
	for i := range len(pcm) - 1 {
		if d := step(pcm[i], pcm[i+1]); d < least {
			best, least = i, d
		}
	}
	pcm = append(pcm, 0) // pcm has a sample of room behind it
	copy(pcm[best+1:], pcm[best:len(pcm)-1])
	pcm[best+1] = int16((int(pcm[best]) + int(pcm[best+2])) / 2)
	return pcm
}

// removeSample leaves out the sample whose neighbours differ least.
func removeSample(pcm []int16) []int16 {
	best, least := 1, 1<<17
	for i := 1; i < len(pcm)-1; i++ {
		if d := step(pcm[i-1], pcm[i+1]); d < least {
			best, least = i, d
		}
	}
	return append(pcm[:best], pcm[best+1:]...)
}

func step(a, b int16) int { return max(int(a)-int(b), int(b)-int(a)) }
