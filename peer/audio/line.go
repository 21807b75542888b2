package audio

import "slices"

const (
	linePast = longestPeriod                               // how much is kept of what was heard
	lineRoom = linePast + 2*varispeedTaps + MaxFrame + 960 // and the longest packet, lengthened
	crossing = 5 * SampleRate / 1000                       // the length of a crossfade
	// leastPart, one of so many, is left of a chunk when sound is left out: decoding costs at most so many times more.
	leastPart = 2
)

// line is the decoded sound of one talk on its way out: the end of what was heard, and what is heard next.
type line struct {
	buf []int16
	at  int // index of what is next
}

func newLine() line {
	return line{buf: make([]int16, linePast, lineRoom), at: linePast}
}

// next is the sound that was added and not taken.
func (l *line) next() []int16 { return l.buf[l.at:] }

// room returns where the next sound is to be written, MaxFrame samples; add then takes the first n of them.
func (l *line) room() []int16 {
	if drop := l.at - linePast; drop > 0 {
		l.buf = l.buf[:copy(l.buf, l.buf[drop:])]
		l.at = linePast
	}
	return l.buf[len(l.buf):][:MaxFrame]
}

func (l *line) add(n int) { l.buf = l.buf[:len(l.buf)+n] }

// addSilence adds n zeros.
func (l *line) addSilence(n int) {
	clear(l.room()[:n])
	l.add(n)
}

// lengthen repeats one period of the sound before the last n samples, crossfaded into them (as ITU-T G.711, Appendix I finds and joins periods).
// It returns how many samples that added: 120 to 872, or none, if they have no likeness with what was before.
func (l *line) lengthen(n int) int {
	at := len(l.buf) - n
	period := findPeriod(l.buf, at, min(n, matchLength))
	if period == 0 {
		return 0
	}
	l.buf = l.buf[:len(l.buf)+period]
	copy(l.buf[at+period:], l.buf[at:at+n])
	old := l.buf[at+period:]
	fade := min(crossing, period, n)
	for i := range period {
		v := l.buf[at-period+i]
		if i < fade {
			v = blend(old[i], v, i, fade)
		}
		l.buf[at+i] = v
	}
	return period
}

// lengthenQuiet repeats the end of the sound, which is quiet, backwards and forwards, so without a step. It returns how many samples that added: up to by,
// and to twice the last n.
func (l *line) lengthenQuiet(n, by int) int {
	half := min(n, by/2)
	end := len(l.buf)
	for i := range half {
		l.buf = append(l.buf, l.buf[end-1-i])
	}
	l.buf = append(l.buf, l.buf[end-half:end]...)
	return 2 * half
}

// shorten leaves out up to cut of the last n samples, with a crossfade, and returns how many it left out.
func (l *line) shorten(n, cut int) int {
	fade := min(crossing, n/(2*leastPart))
	cut = min(cut, n-n/leastPart, n-fade)
	x := l.buf[len(l.buf)-n:]
	for i := range fade {
		x[i] = blend(x[i], x[i+cut], i, fade)
	}
	copy(x[fade:], x[fade+cut:])
	l.buf = l.buf[:len(l.buf)-cut]
	return cut
}

// blend is step i of n of a crossfade.
func blend(from, to int16, i, n int) int16 {
	w := float32(i+1) / float32(n+1)
	return clip16(float32(from)*(1-w) + float32(to)*w)
}

// quiet reports whether sound is so soft that a crossfade in it is not heard.
func quiet(pcm []int16) bool {
	return max(slices.Max(pcm), -slices.Min(pcm)-1) < quietPeak
}
