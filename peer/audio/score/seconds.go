package score

import (
	"math"
	"slices"
	"time"
)

// How the lags are found, in samples where not said otherwise. The correlations are those of speech, which is like itself elsewhere.
const (
	head   = 10        // seconds of the reference, of which the best is looked for
	within = 30 * rate // in so much of the recording
	sure   = 0.9       // correlation at which no better one is looked for

	middle = rate / 2     // of a second is looked for: in all of it the delay may have moved
	wander = rate / 4     // so far from the lag of the second beside it
	known  = 0.5          // with this correlation at least
	leap   = 3 * rate / 2 // and if it is not there, so far from it
	plain  = 0.8          // with this one
)

// Second is one second of a reference, aligned with the recording by itself.
type Second struct {
	Lag         int     // samples at 48 kHz by which the recording lags the reference in its middle
	Correlation float64 // at that lag
	Aligned     bool    // else there is no sound in it, or another in the recording, and Lag is that of the second beside it
}

// Delay is Lag as a duration.
func (s Second) Delay() time.Duration { return time.Duration(s.Lag) * time.Second / rate }

// CompareSeconds measures as Compare does, but aligns each second of the reference by itself, so that a delay that follows the network or
// drifts is no noise: a frame has the lag of its second, of one beside it, or between them, at which it fits best. Lag is the median of the seconds,
// and Correlation belongs to all of them together. From one second to the next the delay may change by 1.5 s; the recording must have begun 20 s before
// the reference at most. What the recording does not cover is left out.
func CompareSeconds(ref, deg []int16) (Score, []Second) {
	r, d := toFloat(ref), toFloat(deg)
	seconds := follow(r, d)
	var s Score
	s.Lag = medianLag(seconds)
	r, d = realign(r, d, seconds)
	s.Correlation = correlation(r, d)
	s.compare(r, d)
	return s, seconds
}

// follow finds the lag of each second, beginning with one that is found anywhere, towards both ends.
func follow(ref, deg []float64) []Second {
	all := make([]Second, (len(ref)+rate-1)/rate)
	first := anywhere(ref, deg, all)
	for i := first + 1; i < len(all); i++ {
		all[i] = beside(ref, deg, i, all[i-1].Lag)
	}
	for i := first - 1; i >= 0; i-- {
		all[i] = beside(ref, deg, i, all[i+1].Lag)
	}
	return all
}

// anywhere aligns that second of the head of the reference which is found best in the recording, and gives its number: near to where all of the
// head fits best, or else, where its parts lie apart, anywhere.
func anywhere(ref, deg []float64, all []Second) (best int) {
	deg = deg[:min(within, len(deg))]
	seconds := all[:min(head, len(all))]
	lag, _ := align(ref[:min(head*rate, len(ref))], deg)
	for i := range seconds {
		seconds[i] = around(ref, deg, i, span{lag, wander})
		if seconds[i].Correlation > seconds[best].Correlation {
			best = i
		}
	}
	if len(seconds) > 0 && seconds[best].Aligned {
		return best
	}
	clear(seconds)
	best = 0
	for i := range seconds {
		from, piece := pieceOf(ref, i)
		s := alignPiece(piece, deg)
		s.Lag -= from
		if s.Correlation > all[best].Correlation {
			best, all[i] = i, s
		}
		if s.Correlation > sure {
			break
		}
	}
	return best
}

// beside aligns second i, whose lag is not far from another's, or else is found farther away without a doubt.
func beside(ref, deg []float64, i, lag int) Second {
	s := around(ref, deg, i, span{lag, wander})
	if !s.Aligned {
		if s = around(ref, deg, i, span{lag, leap}); s.Correlation < plain {
			return Second{Lag: lag}
		}
	}
	return s
}

// span is where a lag is looked for: as far as that from another one.
type span struct{ lag, far int }

// around aligns second i within a span.
func around(ref, deg []float64, i int, in span) Second {
	at, piece := pieceOf(ref, i)
	from := min(max(at+in.lag-in.far, 0), len(deg))
	to := min(max(at+in.lag+len(piece)+in.far, from), len(deg))
	s := alignPiece(piece, deg[from:to])
	s.Lag += from - at
	if s.Lag < in.lag-in.far || s.Lag > in.lag+in.far {
		return Second{}
	}
	return s
}

// pieceOf is the middle of second i of x, and where it begins; of a last one that is shorter all.
func pieceOf(x []float64, i int) (from int, piece []float64) {
	from, to := i*rate, min((i+1)*rate, len(x))
	if cut := (to - from - middle) / 2; cut > 0 {
		from, to = from+cut, to-cut
	}
	return from, x[from:to]
}

// alignPiece looks for a piece of the reference in a part of the recording; Lag is where it begins there.
func alignPiece(piece, deg []float64) (s Second) {
	if len(piece) < frame || energy(piece) < activeLevel*float64(len(piece)) || energy(deg) == 0 {
		return s
	}
	s.Lag, _ = align(piece, deg)
	r, d := overlap(piece, deg, s.Lag)
	if 2*len(r) < len(piece) {
		return Second{}
	}
	s.Correlation = correlation(r, d)
	s.Aligned = s.Correlation >= known
	return s
}

// correlation is that of two of the same length as they lie, −1 … 1.
func correlation(r, d []float64) float64 {
	return dot(r, d) / math.Sqrt(energy(r)*energy(d)+tiny)
}

// realign gives the frames of the reference that the recording covers, and those of the recording that belong to them.
func realign(ref, deg []float64, seconds []Second) (r, d []float64) {
	for at := 0; at+frame <= len(ref); at += frame {
		f := ref[at : at+frame]
		var fits []float64
		best := math.Inf(-1)
		for _, lag := range lagsAt(seconds, at) {
			if from := at + lag; from >= 0 && from+frame <= len(deg) {
				if c := correlation(f, deg[from:from+frame]); c > best {
					best, fits = c, deg[from:from+frame]
				}
			}
		}
		if fits != nil {
			r, d = append(r, f...), append(d, fits...)
		}
	}
	return r, d
}

// lagsAt are the lags that a frame may have.
func lagsAt(seconds []Second, at int) (lags [4]int) {
	i := at / rate
	before, now, after := seconds[max(i-1, 0)].Lag, seconds[i].Lag, seconds[min(i+1, len(seconds)-1)].Lag
	from := float64(at+frame/2)/rate - float64(i) - 0.5 // the middle of the second, in seconds
	between := float64(now) + from*float64(after-now)
	if from < 0 {
		between = float64(now) + from*float64(now-before)
	}
	return [4]int{int(math.Round(between)), now, before, after}
}

func medianLag(seconds []Second) int {
	var lags []int
	for _, s := range seconds {
		if s.Aligned {
			lags = append(lags, s.Lag)
		}
	}
	if len(lags) == 0 {
		return 0
	}
	slices.Sort(lags)
	return lags[len(lags)/2]
}
