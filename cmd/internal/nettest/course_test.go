//go:build linux

package nettest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"yodel/cmd/internal/programs"
	"yodel/cmd/internal/speech"
)

// settle is how long each step may take that is over at once on a good network.
const settle = time.Minute

// course is what happens in a row.
type course struct {
	*world
	row row
	out *outcome

	voice                            []int16
	aliceReads, bobReads, ear, mouth *programs.Process // mouth: it sends the lines
	talk                             *programs.Process
	lines                            int
	presenceBefore                   int // events of join and leave that belong to the set-up
}

// converse is the course of most rows.
func converse(w *world, r row, out *outcome) error {
	c := &course{world: w, row: r, out: out}
	if err := c.gather(); err != nil {
		return fmt.Errorf("set-up: %w", err)
	}
	c.speak()
	c.finish()
	return c.measure()
}

// within runs a step with the time that steps have.
func (c *course) within(step func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(c.ctx, settle, fmt.Errorf("not within %v", settle))
	defer cancel()
	return step(ctx)
}

// gather brings alice and bob into the room and starts what sends the lines and the voice.
func (c *course) gather() (err error) {
	if c.voice, err = speech.New(c.row.length(), settings.SeedOf(c.row.name)); err != nil {
		return err
	}
	if err := speech.Save(filepath.Join(c.dir, "voice.wav"), c.voice); err != nil {
		return err
	}
	joined := func(p *programs.Process) error {
		return c.within(func(ctx context.Context) error {
			_, err := p.AwaitEvent(ctx, "joined", "", 1)
			return err
		})
	}
	for _, start := range []struct {
		at   **programs.Process
		site *site
		args []string
	}{
		{&c.aliceReads, c.alice, []string{"read", "-f", "-n", "0"}},
		{&c.bobReads, c.bob, []string{"read", "-f", "-n", "0"}},
		{&c.ear, c.bob, []string{"hear", "-o", filepath.Join(c.dir, "heard.wav")}},
	} {
		if *start.at, err = c.peer(start.site, c.row.room, nil, start.args...); err != nil {
			return err
		}
		if err := joined(*start.at); err != nil {
			return err
		}
	}
	if err := c.within(func(ctx context.Context) error { // that of bob, which his joining the room caused
		_, err := c.aliceReads.AwaitEvent(ctx, "join", "", 1)
		return err
	}); err != nil {
		return err
	}
	if c.mouth, err = c.peer(c.alice, c.row.room, nil, c.row.sender); err != nil {
		return err
	}
	c.presenceBefore = c.presence()
	return nil
}

// speak talks and sends lines until the voice is over, and lets happen what the row is about.
func (c *course) speak() {
	input, err := os.Open(filepath.Join(c.dir, "voice.wav"))
	if err != nil {
		c.out.fault(err)
		return
	}
	defer input.Close()
	stop, wrote := make(chan struct{}), make(chan error, 1)
	go func() { wrote <- c.write(stop) }()
	if c.talk, err = c.peer(c.alice, c.row.room, input, "talk", "-"); err == nil {
		err = c.within(func(ctx context.Context) error {
			_, err := c.talk.AwaitEvent(ctx, "talk", "start", 1)
			return err
		})
	}
	if err == nil && c.row.act != nil {
		err = c.happen()
	}
	if err == nil {
		ctx, cancel := context.WithTimeoutCause(c.ctx, c.row.length()+settle, errors.New("the voice should be over"))
		err = c.talk.Ends(ctx, 0, 0)
		cancel()
	}
	close(stop)
	c.out.fault(err, <-wrote)
}

// happen does what the row is about, once a third of the voice was said, or 10 s of a long one.
func (c *course) happen() error {
	return errors.Join(c.pause(min(c.row.length()/3, 10*time.Second)), c.row.act(c.world))
}

// write types lines into what sends them.
func (c *course) write(stop <-chan struct{}) error {
	ticker := time.NewTicker(c.row.interval)
	defer ticker.Stop()
	for {
		c.lines++
		if _, err := io.WriteString(c.mouth.Stdin, c.row.line(c.lines)+"\n"); err != nil {
			return fmt.Errorf("line %d: %w", c.lines, err)
		}
		select {
		case <-ticker.C:
		case <-stop:
			return c.mouth.Stdin.Close()
		}
	}
}

// finish lets everything come to its end: the receipts, the lines, the voice, the programs.
func (c *course) finish() {
	c.out.fault(c.within(func(ctx context.Context) error { return c.mouth.Ends(ctx, 0, 0) }))
	for _, reader := range []*programs.Process{c.aliceReads, c.bobReads} {
		c.out.fault(c.within(func(ctx context.Context) error {
			return reader.Await(ctx, fmt.Sprintf("message %d", c.lines), func(events []programs.Event) bool { return count(events, "message") >= c.lines })
		}))
	}
	c.out.fault(c.within(func(ctx context.Context) error { return c.ear.Await(ctx, "the end of the voice", c.voiceOver) }))
	c.out.presence = c.presence() - c.presenceBefore
	c.out.fault(c.within(func(ctx context.Context) error { return c.ear.Ends(ctx, syscall.SIGTERM, 128+int(syscall.SIGTERM)) }))
	for _, reader := range []*programs.Process{c.aliceReads, c.bobReads} {
		c.out.fault(c.within(func(ctx context.Context) error { return reader.Ends(ctx, syscall.SIGTERM, 128+int(syscall.SIGTERM)) }))
	}
}

// voiceOver tells whether all that was begun to be heard has ended, not long before the talk had.
func (c *course) voiceOver(events []programs.Event) bool {
	var last time.Time
	open := 0
	for _, e := range events {
		switch {
		case e.Type != "talk" || !e.Heard:
		case e.State == "start":
			open++
		default:
			open--
			last = e.Got
		}
	}
	if open > 0 || c.talk == nil {
		return false
	}
	said := c.talk.Of("talk")
	return len(said) > 0 && last.After(said[len(said)-1].Got.Add(-time.Second))
}

func count(events []programs.Event, kind string) (n int) {
	for _, e := range events {
		if e.Type == kind {
			n++
		}
	}
	return n
}

// presence counts what both readers were told about who came and went.
func (c *course) presence() (n int) {
	for _, reader := range []*programs.Process{c.aliceReads, c.bobReads} {
		n += len(reader.Of("join")) + len(reader.Of("leave"))
	}
	return n
}
