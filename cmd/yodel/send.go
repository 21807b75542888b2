package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"yodel/peer"
)

// maxAwaited bounds the publications that wait for their receipt; the client library has a limit of its own below it.
const maxAwaited = 1024

// nameSend is the one command whose words are not to be mixed with flags.
const nameSend = "send"

func (sh *shell) sendCommand() *cli.Command {
	return sh.command(&cli.Command{
		Name:      nameSend,
		Usage:     "send a message to a room",
		ArgsUsage: "[--] [TEXT...]",
		Description: "The words of TEXT, joined by spaces, are one message. Without TEXT every line of standard input is a message;\n" +
			"empty lines are left out. Ends with 0 when the daemon has every message in its room log.\n" +
			"Flags come before the text; text that begins with - comes after --.",
	}, sendAction)
}

func sendAction(ctx context.Context, sh *shell, c *cli.Context) error {
	if !c.Args().Present() {
		return sh.send(ctx, nil)
	}
	text := strings.Join(c.Args().Slice(), " ")
	if text == "" {
		return withHint(usagef("empty message"), "yodel send without TEXT sends the lines of standard input")
	}
	if err := checkText([]byte(text)); err != nil {
		return err
	}
	return sh.send(ctx, []byte(text))
}

// send publishes text, or with nil the lines of standard input, and waits for the receipts.
func (sh *shell) send(ctx context.Context, text []byte) error {
	client, err := sh.dial(ctx, dialing{nick: true})
	if err != nil {
		return err
	}
	defer hangUp(client)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		for range client.Events() { // none of interest: their end is
		}
		cancel(gone(client))
	}()
	awaited := make(chan *peer.Publication, maxAwaited)
	receipts := make(chan error, 1)
	go func() {
		err := sh.awaitReceipts(ctx, awaited)
		if err != nil {
			cancel(err)
		}
		receipts <- err
	}()
	err = sh.publish(ctx, client, text, awaited)
	close(awaited)
	return firstError(<-receipts, err)
}

// firstError prefers what went wrong with messages over the end of the context that followed from it.
func firstError(errs ...error) error {
	var ended error
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
		if err != nil {
			ended = err
		}
	}
	return ended
}

// publish hands the messages to the client, at most as fast as receipts come back.
func (sh *shell) publish(ctx context.Context, client *peer.Client, text []byte, awaited chan<- *peer.Publication) error {
	if text != nil {
		return sh.publishOne(ctx, client, text, awaited)
	}
	if isTerminal(sh.stdin) {
		sh.out.remark("type lines to send them; Ctrl-D ends")
	}
	lines := readLines(ctx, sh.stdin)
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
			if len(l.text) == 0 {
				continue
			}
			if err := sh.publishOne(ctx, client, l.text, awaited); err != nil {
				return fmt.Errorf("line %d: %w", l.number, err)
			}
		}
	}
}

func (sh *shell) publishOne(ctx context.Context, client *peer.Client, text []byte, awaited chan<- *peer.Publication) error {
	p, err := client.Publish(ctx, peer.Outgoing{Room: sh.room, Media: plainText, Body: text})
	if err != nil {
		return orCause(ctx, err)
	}
	select {
	case awaited <- p:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// awaitReceipts waits for the receipts in order and prints them with --json.
func (sh *shell) awaitReceipts(ctx context.Context, awaited <-chan *peer.Publication) error {
	for p := range awaited {
		r, err := p.Receipt(ctx)
		if err != nil {
			return orCause(ctx, err)
		}
		if sh.json {
			sh.out.object(receiptOf(sh.room, r))
		}
	}
	return nil
}

func receiptOf(room string, r peer.Receipt) receiptObject {
	id := []byte{
		byte(r.ID >> 56), byte(r.ID >> 48), byte(r.ID >> 40), byte(r.ID >> 32),
		byte(r.ID >> 24), byte(r.ID >> 16), byte(r.ID >> 8), byte(r.ID),
	}
	return receiptObject{Type: "receipt", Room: room, ID: hex.EncodeToString(id), Pos: r.Pos, At: stamp(r.At)}
}
