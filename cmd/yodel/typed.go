package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"yodel/peer"
	"yodel/wire"
)

// readTyped takes lines until the user leaves or the input ends.
func (c *chat) readTyped(ctx context.Context) error {
	c.lines = typedLines{lines: readLines(ctx, c.stdin)}
	for {
		switch l := c.lines.next(ctx); {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(l.err, io.EOF):
			return nil
		case l.unfit():
			c.notSent(l.err)
		case l.err != nil:
			return l.err
		case c.take(ctx, string(l.text)):
			return nil
		}
	}
}

// typedLines are lines of which the next one can be looked for before it is wanted.
type typedLines struct {
	lines <-chan line
	ahead *line // it was looked for, and was there
}

// next gives the next line; none, if the context ends first.
func (t *typedLines) next(ctx context.Context) (l line) {
	if t.ahead != nil {
		l, t.ahead = *t.ahead, nil
		return l
	}
	select {
	case l = <-t.lines:
	case <-ctx.Done():
	}
	return l
}

// follows tells whether the next line is there, or comes, or the input ends, within a time.
func (t *typedLines) follows(ctx context.Context, within time.Duration) bool {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case l := <-t.lines:
		t.ahead = &l
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// take sees to it that what a line says is done; leave tells that the user wants to go.
func (c *chat) take(ctx context.Context, text string) (leave bool) {
	word, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	asked := c.asked
	c.asked = false
	pasted := time.Since(c.lastAt) < atOnce
	c.lastAt = time.Now()
	switch {
	case word == "":
		if c.sound != nil && !asked {
			c.enter(ctx, pasted)
		}
		return false
	case asked && (word == "y" || word == "yes"):
		return true
	case c.interactive && rest == "" && (word == "exit" || word == "quit") && !asked:
		c.asked = true
		c.out.errorLine("leave the room? y leaves; " + word + " again sends it; anything else goes on")
		return false
	case word == "/quit" || word == "/exit":
		return true
	case word == "/mute" && rest == "" && c.sound != nil:
		c.toggleSound()
		return false
	case strings.HasPrefix(word, "/") && !strings.HasPrefix(word, "//"):
		c.queue(ctx, &c.asking, func(ctx context.Context) { c.slash(ctx, word, strings.TrimSpace(rest)) })
		return false
	}
	if strings.HasPrefix(word, "//") {
		text = strings.TrimPrefix(text, "/")
	}
	c.queue(ctx, &c.open, func(ctx context.Context) { c.publish(ctx, text) })
	return false
}

// queue lets something be done after what was typed before. It is counted until it is settled.
func (c *chat) queue(ctx context.Context, count *atomic.Int64, do func(context.Context)) {
	count.Add(1)
	select {
	case c.typed <- do:
		return
	default:
	}
	if c.interactive {
		count.Add(-1)
		c.notSent(errTooMany)
		return
	}
	select {
	case c.typed <- do:
	case <-ctx.Done():
	}
}

// settled counts off what is done, or never is going to be.
func (c *chat) settled(count *atomic.Int64) {
	count.Add(-1)
	select {
	case c.progress <- struct{}{}:
	default:
	}
}

// slash does a command of the chat. What goes wrong is told, and the chat goes on.
func (c *chat) slash(ctx context.Context, word, rest string) {
	defer c.settled(&c.asking)
	var err error
	switch word {
	case "/nick":
		err = c.setNick(ctx, rest)
	case "/who":
		err = c.who(ctx)
	case "/mute":
		err = usagef("/mute stands alone, in a chat on a terminal: no other has sound")
	default:
		err = usagef("unknown command %s: /nick NAME, /who, /mute and /quit are known; // sends a line that begins with /", word)
	}
	if err != nil && ctx.Err() == nil {
		c.out.errorLine("yodel: error: " + wire.Printable(err.Error()))
	}
}

func (c *chat) setNick(ctx context.Context, nick string) error {
	if nick == "" {
		return usagef("/nick needs a NAME")
	}
	var shown string
	err := c.ask(ctx, func(ctx context.Context) (err error) {
		shown, err = c.client.SetNick(ctx, nick)
		return err
	})
	if err == nil {
		c.out.remark("you are now " + shownNick(shown))
	}
	return err
}

func (c *chat) who(ctx context.Context) error {
	var members []peer.Member
	var count int
	err := c.ask(ctx, func(ctx context.Context) (err error) {
		members, count, err = c.client.Who(ctx, c.room)
		return err
	})
	if err != nil {
		return err
	}
	c.out.event("here: "+names(members, count), whoObjectOf(c.room, members, count))
	return nil
}

// publish sends a line. When the context or the session has ended, run tells why.
func (c *chat) publish(ctx context.Context, text string) {
	p, err := c.client.Publish(ctx, peer.Outgoing{Room: c.room, Media: plainText, Body: []byte(text)})
	if err != nil {
		if ctx.Err() == nil && c.client.Err() == nil {
			c.settled(&c.open)
			c.notSent(err)
		}
		return
	}
	if c.interactive {
		c.mu.Lock()
		c.own[p.ID()] = true
		c.mu.Unlock()
	}
	select {
	case c.awaited <- p:
	case <-ctx.Done():
	}
}
