package main

import (
	"strings"
	"time"

	"yodel/peer"
	"yodel/peer/audio"
)

// The status line while talking.
const (
	progressEvery = 100 * time.Millisecond
	barCells      = 20
	barFloor      = -60.0 // dB relative to full scale: an empty bar
)

// progress gives the function that shows how far a talk is; nil where nobody would see it.
func (t *talker) progress(src *audio.Source) func(peer.Progress) {
	if t.quiet || t.json || !isTerminal(t.out.stderr) {
		return nil
	}
	text := "the room hears you in " + exact(t.delay)
	if t.delay == 0 {
		text = "the room hears you now"
	}
	total := ""
	if d, ok := src.Duration(); ok {
		total = " of " + tenth(d)
	}
	var shown time.Duration
	return func(p peer.Progress) {
		if p.Sent-shown < progressEvery && p.Sent != 0 {
			return
		}
		shown = p.Sent
		t.out.setStatus("[" + levelBar(p.Level) + "] " + tenth(p.Sent) + total + "; " + text)
	}
}

// levelBar draws a level in dB relative to full scale.
func levelBar(level float64) string {
	n := int((level - barFloor) / -barFloor * barCells)
	n = min(max(n, 0), barCells)
	return strings.Repeat("#", n) + strings.Repeat("-", barCells-n)
}
