package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"yodel/peer"
	"yodel/peer/audio"
)

// statusEvery is how often the status line is brought up to date.
const statusEvery = 125 * time.Millisecond

// status is the line on the terminal that shows what is heard.
type status struct {
	out    *printer
	hear   *peer.Hearing
	ticker *time.Ticker
	due    <-chan time.Time // when to show it; nil where nobody would see it
	voices []peer.Voice
}

// newStatus begins the status line of a hearing, if standard error is a terminal and free for it.
func (sh *shell) newStatus(h hearing) *status {
	s := &status{out: sh.out, hear: h.Hearing}
	if !sh.quiet && !sh.json && h.output != toStdout && isTerminal(sh.out.stderr) {
		s.ticker = time.NewTicker(statusEvery)
		s.due = s.ticker.C
	}
	return s
}

func (s *status) show() {
	s.voices = s.hear.Voices(s.voices[:0])
	s.out.setStatus(heardLine(s.hear.Position(), s.voices))
}

// close removes the line.
func (s *status) close() {
	if s.ticker != nil {
		s.ticker.Stop()
		s.out.clearStatus()
	}
}

// heardLine tells how loud it is, how long it was heard, and who speaks with which delay, by nick.
func heardLine(position int64, voices []peer.Voice) string {
	slices.SortStableFunc(voices, func(a, b peer.Voice) int { return strings.Compare(a.Talk.Nick, b.Talk.Nick) })
	speaking := make([]string, len(voices))
	power := 0.0
	for i, v := range voices {
		power += math.Pow(10, v.Level/10)
		speaking[i] = shownNick(v.Talk.Nick) + " " + millis(v.Latency)
	}
	who := strings.Join(speaking, ", ")
	if len(voices) == 0 {
		who = "nobody speaks"
	}
	level := audio.Silence
	if power > 0 {
		level = 10 * math.Log10(power)
	}
	return "[" + levelBar(level) + "] " + minutes(position/audio.SampleRate) + " " + who
}

// minutes gives seconds as a clock that counts up: "0:42", "1:00:05".
func minutes(s int64) string {
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}
