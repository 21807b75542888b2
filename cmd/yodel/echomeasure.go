package main

import (
	"fmt"
	"math"
	"slices"

	"yodel/peer/audio"
	"yodel/peer/audio/score"
)

const (
	// echoPiece is how much is compared at once: that bounds the memory, and finds each piece where it is when the delay has changed.
	echoPiece = 4 * audio.SampleRate
	// sameSound is the least correlation at which a piece of the echo counts as that of what was said.
	sameSound = 0.3
)

// comparison says how what was heard differs from what was said.
type comparison struct {
	lag     int     // samples by which it came later than where it was looked for
	quality float64 // fwSNRseg in dB
}

// compare looks for said in heard, from sample at on.
func compare(said, heard []int16, at int) comparison {
	var c comparison
	var lags []int
	active := 0
	for from, to := 0, 0; from < len(said); from = to {
		to = from + echoPiece
		if len(said)-to < echoPiece/2 {
			to = len(said)
		}
		s := score.CompareNear(said[from:to], piece(heard, from+at, to+at))
		active += s.Active
		c.quality += s.FwSNRseg * float64(s.Active)
		if s.Active > 0 && s.Correlation >= sameSound {
			lags = append(lags, s.Lag)
		}
	}
	c.quality /= float64(max(active, 1))
	if len(lags) > 0 {
		slices.Sort(lags)
		c.lag = lags[len(lags)/2]
	}
	return c
}

// piece gives x[from:to], with silence in place of what is beyond its end.
func piece(x []int16, from, to int) []int16 {
	if to <= len(x) {
		return x[from:to]
	}
	part := make([]int16, to-from)
	copy(part, x[min(from, len(x)):])
	return part
}

// levelOf is the level of pcm where there is sound, in dB relative to full scale: pauses do not count.
func levelOf(pcm []int16) float64 {
	var loud []int16
	for frame := range slices.Chunk(pcm, audio.SampleRate/50) {
		if audio.Peak(frame) > quiet {
			loud = append(loud, frame...)
		}
	}
	return round(audio.Level(loud), 1)
}

// clippedRun is how many samples in a row at full scale are no sound, but its cut.
const clippedRun = 3

func isClipped(pcm []int16) bool {
	run := 0
	for _, v := range pcm {
		if v < math.MaxInt16 && v > math.MinInt16 {
			run = 0
		} else if run++; run == clippedRun {
			return true
		}
	}
	return false
}

// round rounds v to so many decimals.
func round(v float64, decimals int) float64 {
	unit := math.Pow10(decimals)
	return math.Round(v*unit) / unit
}

// tellEcho prints what was measured.
func (t *talker) tellEcho(o echoObject) {
	if t.json {
		t.out.object(o)
		return
	}
	tell := t.out.line
	if t.out.audio {
		tell = t.out.errorLine
	}
	for _, line := range echoLines(o) {
		tell(line)
	}
}

// echoLines are for people.
func echoLines(o echoObject) []string {
	of := fmt.Sprintf("the room's delay %v s", o.RoomDelay)
	if o.RoomDelay == 0 {
		of = fmt.Sprintf("a live room; held back %.0f ms against jitter", o.Latency*1000)
	}
	lines := []string{
		fmt.Sprintf("echo    %.3f s after it was said (%s)", o.Delay, of),
		fmt.Sprintf("loss    %d of %d frames (%d recovered)", o.Lost, o.Frames, o.Recovered),
	}
	if o.Quality == nil {
		return append(lines, fmt.Sprintf("level   there was no sound: nothing above %v dBFS", quiet))
	}
	return append(lines,
		fmt.Sprintf("level   %.1f dBFS, peak %.1f%s", o.Level, o.Peak, levelAdvice(o)),
		fmt.Sprintf("quality %.1f dB fwSNRseg, the codec alone %.1f: %s", *o.Quality, *o.CodecQuality, qualityAdvice(*o.CodecQuality-*o.Quality)))
}

// Levels of speech, in dB relative to full scale.
const (
	tooQuiet = -36
	tooLoud  = -9
)

func levelAdvice(o echoObject) string {
	switch {
	case o.clipped:
		return ": clipped, turn the microphone down"
	case o.Level > tooLoud:
		return ": too loud"
	case o.Level < tooQuiet:
		return ": too quiet"
	}
	return ""
}

// qualityAdvice says what it means that the echo is so many dB worse than the codec alone.
func qualityAdvice(worse float64) string {
	steps := []struct {
		most float64
		text string
	}{{0.5, "as good as it gets"}, {2, "nearly as good"}, {5, "the network is heard"}}
	for _, s := range steps {
		if worse <= s.most {
			return s.text
		}
	}
	return "the network spoils it"
}
