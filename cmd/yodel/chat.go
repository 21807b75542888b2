package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/urfave/cli/v2"

	"yodel/peer"
	"yodel/wire"
)

func (sh *shell) chatCommand() *cli.Command {
	return sh.command(&cli.Command{
		Name:  "chat",
		Usage: "talk with a room in writing",
		Description: "Every line typed is sent, and what others write is shown, beginning with the last 10 messages.\n" +
			"/nick NAME changes the nick, /who tells who is there, /quit or Ctrl-D leaves; a line that begins with // is\n" +
			"sent with one / less.",
	}, chatAction)
}

// chat is a running chat. Lines are typed on one goroutine, events arrive on another, receipts on a third.
type chat struct {
	*shell
	client      *peer.Client
	interactive bool // lines are typed on a terminal, which has shown them already
	awaited     chan *peer.Publication
	asked       bool // whether to leave was asked about the line before

	mu  sync.Mutex
	own map[uint64]bool // ids of what was typed here; only on a terminal
}

func chatAction(ctx context.Context, sh *shell, _ *cli.Context) error {
	ctx, cancel := watchReader(ctx, sh.out.stdout)
	defer cancel()
	client, err := sh.dial(ctx, dialing{nick: true, reconnect: true})
	if err != nil {
		return err
	}
	defer hangUp(client)
	c := &chat{
		shell: sh, client: client, interactive: isTerminal(sh.stdin),
		awaited: make(chan *peer.Publication, maxAwaited), own: make(map[uint64]bool),
	}
	joined, err := sh.join(ctx, client, peer.JoinOptions{From: peer.Last(defaultLast)})
	if err != nil {
		return err
	}
	sh.out.remark("type a line to send it; /quit or Ctrl-D leaves")
	return c.run(ctx, joined.LogID)
}

func (c *chat) run(ctx context.Context, logID []byte) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { cancel(c.show(ctx, logID)) }()
	receipts := make(chan error, 1)
	go func() { receipts <- c.awaitAll(ctx) }()
	err := c.readTyped(ctx)
	close(c.awaited)
	return firstError(err, <-receipts)
}

// show prints what happens in the room, except what was typed here.
func (c *chat) show(ctx context.Context, logID []byte) error {
	for {
		ev, err := nextEvent(ctx, c.client)
		if err != nil {
			return err
		}
		switch ev := ev.(type) {
		case *peer.Message:
			if !c.typedHere(ev.ID) {
				c.tellMessage(ev, logID)
			}
		case *peer.Back:
			logID = logOf(ev, c.room, logID)
			c.tellEvent(ev)
		default:
			c.tellEvent(ev)
		}
		if err := c.out.failed(); err != nil {
			return err
		}
	}
}

// typedHere tells whether the terminal shows a message already; it asks once for each.
func (c *chat) typedHere(id uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	typed := c.own[id]
	delete(c.own, id)
	return typed && !c.json
}

// awaitAll waits for the receipts; what was not sent is told at once, and the first reason is returned.
func (c *chat) awaitAll(ctx context.Context) error {
	var first error
	for p := range c.awaited {
		r, err := p.Receipt(ctx)
		switch {
		case err == nil && c.json:
			c.out.object(receiptOf(c.room, r))
		case err != nil && ctx.Err() == nil:
			c.out.errorLine("yodel: error: not sent: " + wire.Printable(err.Error()))
			first = firstError(first, err)
		}
	}
	return first
}

// readTyped takes lines until the user leaves or the input ends.
func (c *chat) readTyped(ctx context.Context) error {
	lines := readLines(ctx, c.stdin)
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case l := <-lines:
			if errors.Is(l.err, io.EOF) {
				return nil
			}
			if l.err != nil {
				return l.err
			}
			leave, err := c.typed(ctx, string(l.text))
			if leave || err != nil {
				return err
			}
		}
	}
}

// typed does what a line says; leave tells that the user wants to go.
func (c *chat) typed(ctx context.Context, text string) (leave bool, err error) {
	word, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	asked := c.asked
	c.asked = false
	switch {
	case word == "":
		return false, nil
	case asked && (word == "y" || word == "yes"):
		return true, nil
	case c.interactive && rest == "" && (word == "exit" || word == "quit") && !asked:
		c.asked = true
		c.out.errorLine("leave the room? y leaves; " + word + " again sends it; anything else goes on")
		return false, nil
	case strings.HasPrefix(word, "//"):
		return false, c.publish(ctx, strings.TrimPrefix(text, "/"))
	case strings.HasPrefix(word, "/"):
		return c.slash(ctx, word, strings.TrimSpace(rest))
	}
	return false, c.publish(ctx, text)
}

// slash does a command of the chat. What goes wrong is told, and the chat goes on.
func (c *chat) slash(ctx context.Context, word, rest string) (leave bool, err error) {
	switch word {
	case "/quit", "/exit":
		return true, nil
	case "/nick":
		err = c.setNick(ctx, rest)
	case "/who":
		err = c.who(ctx)
	default:
		err = usagef("unknown command %s: /nick NAME, /who and /quit are known; // sends a line that begins with /", word)
	}
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	if err != nil {
		c.out.errorLine("yodel: error: " + wire.Printable(err.Error()))
	}
	return false, nil
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
		c.out.remark("you are now " + wire.Printable(shown))
	}
	return err
}

func (c *chat) who(ctx context.Context) error {
	var members []peer.Member
	err := c.ask(ctx, func(ctx context.Context) (err error) {
		members, err = c.client.Who(ctx, c.room)
		return err
	})
	if err != nil {
		return err
	}
	c.out.event("here: "+names(members), whoObject{Type: "who", Room: c.room, Members: memberObjects(members)})
	return nil
}

func (c *chat) publish(ctx context.Context, text string) error {
	p, err := c.client.Publish(ctx, peer.Outgoing{Room: c.room, Media: plainText, Body: []byte(text)})
	if err != nil && ctx.Err() == nil && c.client.Err() == nil {
		c.out.errorLine("yodel: error: not sent: " + wire.Printable(err.Error()))
		return nil
	}
	if err != nil {
		return orCause(ctx, err)
	}
	if c.interactive {
		c.mu.Lock()
		c.own[p.ID()] = true
		c.mu.Unlock()
	}
	select {
	case c.awaited <- p:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
