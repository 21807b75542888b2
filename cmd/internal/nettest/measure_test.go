//go:build linux

package nettest

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"yodel/cmd/internal/programs"
	"yodel/cmd/internal/speech"
)

// measure takes what came of a course into its outcome.
func (c *course) measure() error {
	c.out.lines, c.out.receipts = c.lines, len(c.mouth.Of("receipt"))
	if c.out.receipts != c.lines {
		c.out.fault(fmt.Errorf("%d receipts for %d lines", c.out.receipts, c.lines))
	}
	c.out.fault(c.inOrder(c.aliceReads), c.inOrder(c.bobReads))
	c.sessions()
	c.frames()
	return c.sound()
}

// errDisorder is what no machine is to blame for.
var errDisorder = errors.New("messages are not in order, or come twice")

// inOrder checks that a reader has every line once and in order.
func (c *course) inOrder(reader *programs.Process) error {
	messages := reader.Of("message")
	for i, m := range messages {
		if i < c.lines && m.Text != c.row.line(i+1) {
			return fmt.Errorf("%w: %s: message %d is %.40q, not line %d", errDisorder, reader.Name, i+1, m.Text, i+1)
		}
	}
	if len(messages) > c.lines {
		return fmt.Errorf("%w: %s: %d messages for %d lines", errDisorder, reader.Name, len(messages), c.lines)
	}
	if len(messages) != c.lines {
		return fmt.Errorf("%s: %d messages for %d lines", reader.Name, len(messages), c.lines)
	}
	return nil
}

// sessions counts what the programs said about their sessions, and when they were back.
func (c *course) sessions() {
	for _, p := range c.procs {
		lost, back := p.Of("lost"), p.Of("back")
		c.out.sessionsLost += len(lost)
		if len(back) < len(lost) {
			c.out.fault(fmt.Errorf("%s lost its session and was not back", p.Name))
		}
		if c.restored.IsZero() {
			continue
		}
		for _, e := range back {
			c.out.back = max(c.out.back, e.Got.Sub(c.restored))
		}
	}
}

// frames counts the frames of the voice that bob did not get to hear.
func (c *course) frames() {
	heard := 0
	for _, e := range c.ear.Of("talk") {
		if e.Heard && e.State == "end" {
			heard += e.Frames - e.Lost // Lost counts what came late, too
		}
	}
	c.out.frames = len(c.voice) / speech.Frame
	c.out.framesLost = max(0, c.out.frames-heard)
}

// sound looks into the file that bob has made.
func (c *course) sound() error {
	heard, err := speech.Load(filepath.Join(c.dir, "heard.wav"))
	if err != nil {
		return err
	}
	var sound bool
	if c.out.gap, sound = speech.LongestGap(heard); !sound {
		return fmt.Errorf("bob heard nothing in %v", time.Duration(len(heard)/speech.Frame)*speech.FrameTime)
	}
	c.out.score = speech.Compare(c.voice, heard)
	c.out.scored = true
	return nil
}
