package main

import (
	"fmt"
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

// progress gives the function that remembers how far a talk is, and shows it where somebody would see it. Where its length is not known src is nil.
func (t *talker) progress(src *audio.Source) func(peer.Progress) {
	text := "; the room hears you in " + exact(t.delay)
	if t.delay == 0 {
		text = "; the room hears you now"
	}
	if src != nil {
		if d, ok := src.Duration(); ok {
			text = " of " + tenth(d) + text
		}
	}
	show := t.shell.progress(text)
	return func(p peer.Progress) {
		t.last = p
		if show != nil {
			show(p)
		}
	}
}

// progress gives the function that shows how far a talk is, and text behind it; nil where nobody would see it.
func (sh *shell) progress(text string) func(peer.Progress) {
	if sh.quiet || sh.json || !isTerminal(sh.out.stderr) {
		return nil
	}
	var shown time.Duration
	return func(p peer.Progress) {
		if p.Sent-shown < progressEvery && p.Sent != 0 {
			return
		}
		shown = p.Sent
		line := "[" + levelBar(p.Level) + "] " + tenth(p.Sent) + text
		if sh.verbose {
			line += effort(p)
		}
		sh.out.setStatus(line)
	}
}

// effort tells what the loss that is reported has an encoder do; nothing where there is none.
func effort(p peer.Progress) string {
	if p.Bitrate == 0 {
		return ""
	}
	return fmt.Sprintf("; %d kbit/s, %d copies", p.Bitrate/1000, p.Copies)
}

// levelBar draws a level in dB relative to full scale.
func levelBar(level float64) string {
	n := int((level - barFloor) / -barFloor * barCells)
	n = min(max(n, 0), barCells)
	return strings.Repeat("#", n) + strings.Repeat("-", barCells-n)
}
