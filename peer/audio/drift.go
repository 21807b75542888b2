package audio

// How the drift of a talker's clock against the player's is followed: a control loop, proportional and integral, on how much deeper the buffer
// has become. It is critically damped: Ki = Kp²/4.
const (
	driftEvery  = SampleRate              // how often, in samples
	driftBorne  = 4 * SampleRate / 1000   // so much is not met until it is exceeded once
	driftSmooth = 4                       // measurements over which it is smoothed
	driftKp     = 0.1                     // a second
	driftKi     = driftKp * driftKp / 4   // a second, squared
	driftMost   = 0.001                   // ±1000 ppm
	driftNone   = 50e-6                   // less than that is left to add up again,
	driftCalm   = 10                      // for so many measurements
	driftGap    = 5 * float64(SampleRate) // a longer pause counts as so long
)

// drift watches how a talk's arrivals move against what is played.
type drift struct {
	held  bool    // whether depth is known
	depth int64   // that is to be kept
	from  int64   // position since when
	last  int64   // position of the last measurement
	off   float64 // deeper by, smoothed; in seconds

	on       bool
	calm     int // measurements by which there is no drift
	integral float64
	rate     float64
}

// watch takes the anchor and the least arrival − timestamp of the last two seconds at a position, and returns how much faster the
// talk is to be played.
func (d *drift) watch(at, anchor, floor int64) float64 {
	switch {
	case !d.held:
		d.held, d.depth, d.from, d.last, d.off = true, anchor-floor, at, at, 0
	case at-d.last < driftEvery:
	case at-d.from < wayRecent, max(anchor-floor-d.depth, floor+d.depth-anchor) > stepped:
		d.depth, d.last, d.off = anchor-floor, at, 0
		if at-d.from >= wayRecent {
			d.from = at
		}
	default:
		d.measure(at, float64(anchor-floor-d.depth)/SampleRate)
	}
	return d.rate
}

// settle ends what was no drift, but a way that changed.
func (d *drift) settle() {
	if max(d.integral, -d.integral) > driftNone || max(d.off, -d.off)*SampleRate > driftBorne/2 {
		d.calm = 0
		return
	}
	if d.calm++; d.calm > driftCalm {
		d.on, d.calm, d.integral, d.rate = false, 0, 0, 0
		d.held = false
	}
}

// measure takes how much deeper the buffer is, in seconds.
func (d *drift) measure(at int64, off float64) {
	d.off += (off - d.off) / driftSmooth
	if !d.on {
		d.last = at
		if max(d.off, -d.off)*SampleRate < driftBorne {
			return
		}
		d.on = true
		d.integral = off * SampleRate / float64(at-d.from) // as fast as it went until now
	} else {
		dt := min(float64(at-d.last), driftGap) / SampleRate
		d.integral += driftKi * d.off * dt
		d.last = at
	}
	d.integral = min(max(d.integral, -driftMost), driftMost)
	if d.settle(); !d.on {
		return
	}
	d.rate = min(max(driftKp*d.off+d.integral, -driftMost), driftMost)
}
