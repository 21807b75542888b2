package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/urfave/cli/v2"

	"yodel/peer"
	"yodel/wire"
)

func (sh *shell) chatCommand() *cli.Command {
	return sh.command(&cli.Command{
		Name:  "chat",
		Usage: "talk with a room in writing, and on a terminal aloud",
		Description: "Every line typed is sent, and what others write is shown, beginning with the last 10 messages.\n" +
			"/nick NAME changes the nick, /who tells who is there, /quit or Ctrl-D leaves; a line that begins with // is\n" +
			"sent with one / less. Who leaves waits for receipts until none came for 5 s.\n" +
			"On a terminal the room is heard on the speaker, if there is one; /mute silences it, and /mute lets it be heard again. Enter on an empty\n" +
			"line opens the microphone ($YODEL_RECORD, else " + defaultRecorder + "): the room hears what is said, the speaker is\n" +
			"silent meanwhile, and Enter ends it, or 10 minutes.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "mute", DisableDefaultText: true, Usage: "on a terminal: begin without the room's sound, until /mute"},
			latencyFlag(),
		},
	}, chatAction)
}

// maxTyped bounds the lines that wait to be done, beside those that the client library takes. More are not read from a
// pipe until there is room; at a terminal they are dropped, so that /quit is always read.
const maxTyped = 1024

// leaveGrace is how long who leaves waits for the next receipt or answer.
const leaveGrace = 5 * time.Second

// chat is a running chat. One goroutine reads what is typed and does not wait for the daemon, so that leaving is
// possible at any time; a second one does it, line by line; receipts are awaited on a third, and events arrive on a fourth. On a
// terminal one more takes the room to the speaker, and one runs while the microphone is open.
type chat struct {
	*shell
	client      *peer.Client
	interactive bool // lines are typed on a terminal, which has shown them already
	asked       bool // whether to leave was asked about the line before

	sound  *roomSound // nil where nothing is heard; the rest of these four is readTyped's
	lines  typedLines // what is typed
	talk   *micTalk   // the last one; nil before
	lastAt time.Time  // when a line was typed last

	typed    chan func(context.Context) // what is to be done, in order
	awaited  chan *peer.Publication
	open     atomic.Int64  // lines without receipt or refusal
	asking   atomic.Int64  // commands that are not done
	progress chan struct{} // one of these is settled

	mu    sync.Mutex
	own   map[uint64]bool // ids of what was typed here; only on a terminal
	first error           // why a line was not sent; only from a pipe
}

func chatAction(ctx context.Context, sh *shell, flags *cli.Context) error {
	latency, err := latencyOf(flags)
	if err != nil {
		return err
	}
	aloud := isTerminal(sh.stdin) && !sh.json
	if !aloud && (flags.IsSet("latency") || flags.IsSet("mute")) {
		return usagef("--latency and --mute are of what is heard: in a chat on a terminal, without --json")
	}
	ctx, cancel := watchReader(ctx, sh.out.stdout)
	defer cancel()
	client, err := sh.dial(ctx, dialing{nick: true, reconnect: true})
	if err != nil {
		return err
	}
	defer hangUp(client)
	c := newChat(sh, client)
	if aloud {
		err = c.joinAloud(ctx, latency, flags.Bool("mute"))
	} else {
		err = c.joinInWriting(ctx)
	}
	if err != nil {
		return err
	}
	return c.run(ctx)
}

func (c *chat) joinInWriting(ctx context.Context) error {
	_, err := c.join(ctx, c.client, peer.JoinOptions{From: peer.Last(defaultLast)})
	if err == nil {
		c.out.remark("type a line to send it; /quit or Ctrl-D leaves")
	}
	return err
}

// joinAloud joins the room with its sound.
func (c *chat) joinAloud(ctx context.Context, latency time.Duration, muted bool) error {
	h, err := c.joinHearing(ctx, c.client, peer.HearOptions{From: peer.Last(defaultLast), Latency: latency})
	if err != nil {
		return err
	}
	c.sound = newRoomSound(h, muted)
	c.out.remark("type a line to send it; Enter alone talks and ends talking, /mute turns the sound off and on; /quit or Ctrl-D leaves")
	return nil
}

func newChat(sh *shell, client *peer.Client) *chat {
	return &chat{
		shell: sh, client: client, interactive: isTerminal(sh.stdin), own: make(map[uint64]bool),
		typed: make(chan func(context.Context), maxTyped), awaited: make(chan *peer.Publication, maxAwaited),
		progress: make(chan struct{}, 1),
	}
}

func (c *chat) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { cancel(c.followEvents(ctx, follow{client: c.client, skip: c.typedHere})) }()
	go c.doTyped(ctx)
	if c.sound != nil {
		go func() {
			cancel(c.sound.run(ctx, func(err error) { c.out.remark(noSpeaker(err, "messages go on")) }))
		}()
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.awaitAll(ctx)
	}()
	err := c.readTyped(ctx)
	c.endTalk()
	close(c.typed)
	return firstError(err, c.leave(ctx, done))
}

// doTyped does what was typed, until the user has left.
func (c *chat) doTyped(ctx context.Context) {
	defer close(c.awaited)
	for do := range c.typed {
		do(ctx)
	}
}

// leave waits until all is done, as long as there is progress.
func (c *chat) leave(ctx context.Context, done <-chan struct{}) error {
	grace := time.NewTimer(leaveGrace)
	defer grace.Stop()
	for {
		select {
		case <-done:
			c.mu.Lock()
			defer c.mu.Unlock()
			return firstError(context.Cause(ctx), c.first)
		case <-c.progress:
			grace.Reset(leaveGrace)
		case <-grace.C:
			if err := c.undone(); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
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

// undone tells what the daemon did not answer in leaveGrace.
func (c *chat) undone() error {
	switch n := c.open.Load(); {
	case n == 1:
		return fmt.Errorf("%w: 1 line", errNotSent)
	case n > 1:
		return fmt.Errorf("%w: %d lines", errNotSent, n)
	case c.asking.Load() > 0:
		return withHint(fmt.Errorf("%w in %s", errNoAnswer, exact(leaveGrace)), "yodel ping tells whether it is there")
	}
	return nil
}

// awaitAll waits for the receipts.
func (c *chat) awaitAll(ctx context.Context) {
	for p := range c.awaited {
		r, err := p.Receipt(ctx)
		if ctx.Err() != nil {
			continue
		}
		c.settled(&c.open)
		switch {
		case err != nil:
			c.notSent(err)
		case c.json:
			c.out.object(receiptOf(c.room, r))
		}
	}
}

// notSent tells at once why a line was not sent. From a pipe the first reason is the exit code's, too.
func (c *chat) notSent(err error) {
	c.out.errorLine("yodel: error: not sent: " + wire.Printable(err.Error()))
	if c.interactive {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.first = firstError(c.first, err)
}
