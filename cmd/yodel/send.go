package main

import (
	"context"
	"encoding/hex"
	"errors"
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
			"Flags come before the text; text that begins with - comes after --.\n" +
			"When the connection is lost, or the daemon is started again, it comes back, and what has no receipt goes again, in order and\n" +
			"stored once. When no receipt has come for TIME of --timeout (20s) while lines wait for theirs, it ends with 3 and tells which.",
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

func receiptOf(room string, r peer.Receipt) receiptObject {
	id := []byte{
		byte(r.ID >> 56), byte(r.ID >> 48), byte(r.ID >> 40), byte(r.ID >> 32),
		byte(r.ID >> 24), byte(r.ID >> 16), byte(r.ID >> 8), byte(r.ID),
	}
	return receiptObject{Type: "receipt", Room: room, ID: hex.EncodeToString(id), Pos: r.Pos, At: stamp(r.At)}
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
