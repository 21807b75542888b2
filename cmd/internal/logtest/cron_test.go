//go:build linux

package logtest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"yodel/cmd/internal/programs"
)

// cron reads the room again and again, each time from where it ended the last time, as a job of cron does.
type cron struct {
	w            *world
	halt         func() // ends the runs
	messages     []programs.Event
	runs, failed int
	err          error // of a run that ended as none should
}

// cronEvery is the time between two runs.
const cronEvery = 200 * time.Millisecond

func newCron(w *world) *cron {
	c := &cron{w: w}
	stop, done := make(chan struct{}), make(chan struct{})
	c.halt = sync.OnceFunc(func() {
		close(stop)
		<-done
	})
	w.t.Cleanup(c.halt)
	go func() {
		defer close(done)
		ticker := time.NewTicker(cronEvery)
		defer ticker.Stop()
		for c.err == nil {
			select {
			case <-stop:
				return
			case <-ticker.C:
				c.err = c.run("2s", exitUnreachable)
			}
		}
	}()
	return c
}

// run runs the job once, with a limit. It may end with 0, or with the other code.
func (c *cron) run(limit string, other int) error {
	o, err := c.w.do("cron", "read", "--state", "cron.state", "--timeout", limit)
	c.runs++
	for _, e := range o.events {
		switch e.Type {
		case "message":
			c.messages = append(c.messages, e)
		case "truncated":
			err = errors.Join(err, errors.New("cron is told that the history is truncated"))
		}
	}
	if o.code != 0 {
		c.failed++
	}
	if err == nil && o.code != 0 && o.code != other {
		err = fmt.Errorf("cron's yodel read ended with %d: %s", o.code, o.stderr)
	}
	return err
}

// end runs the job a last time, and gives what all runs together have printed.
func (c *cron) end() (follower, error) {
	c.halt()
	if c.err == nil {
		c.err = c.run(settle.String(), 0)
	}
	return follower{"cron", c.messages}, c.err
}
