package main

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	"yodel/peer"
)

func (sh *shell) hearCommand() *cli.Command {
	return sh.command(&cli.Command{
		Name:  "hear",
		Usage: "hear a room: on the speaker, into a WAV file, or raw on standard output",
		Description: "All voices are mixed on one real-time timeline, silence included, whose first sample is the instant of joining:\n" +
			"it is told on standard error. A WAV file is complete whenever the program ends.\n" +
			"Silence is what stays below -60 dBFS.",
		Flags: []cli.Flag{
			outputFlag("into `FILE` as WAV, 48 kHz mono; - : raw s16le samples to standard output"),
			durationFlag(cli.GenericFlag{Name: "for", Usage: "end after `TIME`"}),
			durationFlag(cli.GenericFlag{Name: "until-silence", Usage: "end when something was heard and `TIME` of silence followed"}),
			&cli.BoolFlag{Name: "no-self", DisableDefaultText: true, Usage: "leave out what was said under this identity"},
		},
	}, hearAction)
}

func outputFlag(usage string) cli.Flag {
	return &cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: usage}
}

func hearAction(ctx context.Context, sh *shell, c *cli.Context) error {
	output := c.String("output")
	if c.IsSet("output") && output == "" {
		return usagef("-o is empty")
	}
	if err := sh.checkOutput(output); err != nil {
		return err
	}
	if output == toStdout || sh.json { // else nothing goes to standard output, and its reader does not matter
		var cancel context.CancelFunc
		ctx, cancel = watchReader(ctx, sh.out.stdout)
		defer cancel()
	}
	client, err := sh.dial(ctx, dialing{nick: true, reconnect: true})
	if err != nil {
		return err
	}
	defer hangUp(client)
	h, err := sh.startHearing(ctx, client, c.Bool("no-self"))
	if err != nil {
		return err
	}
	return sh.hear(ctx, client, hearing{h, output, newEnding(durationOf(c, "for"), durationOf(c, "until-silence"))})
}

// hearing is a timeline, where it goes, and where it ends.
type hearing struct {
	*peer.Hearing
	output string
	end    *ending
}

// startHearing joins the room with its audio and says so.
func (sh *shell) startHearing(ctx context.Context, client *peer.Client, noSelf bool) (h *peer.Hearing, err error) {
	err = sh.ask(ctx, func(ctx context.Context) error {
		h, err = client.Hear(ctx, peer.HearOptions{Room: sh.room, NoSelf: noSelf})
		return err
	})
	if err != nil {
		return nil, err
	}
	sh.hearing = true
	sh.tellJoined(h.Joined(), h.Start())
	if !sh.json || !sh.out.audio {
		sh.out.remark("sample 0 is " + stamp(h.Start()))
	}
	return h, nil
}

// hear plays and tells what happens until the timeline, the context or the session ends.
func (sh *shell) hear(ctx context.Context, client *peer.Client, h hearing) error {
	play, err := sh.openOutput(h)
	if err != nil {
		return err
	}
	playing, stop := context.WithCancel(ctx)
	defer stop()
	played := make(chan error, 1)
	go func() { played <- play(playing) }()
	for {
		select {
		case err := <-played:
			return firstError(err, context.Cause(ctx))
		case <-ctx.Done():
			return firstError(completed(played), context.Cause(ctx))
		case ev, ok := <-client.Events():
			if !ok {
				stop()
				return firstError(<-played, gone(client))
			}
			if _, isText := ev.(*peer.Message); !isText {
				sh.tellEvent(ev)
			}
		}
	}
}

// outputGrace is how long an output may take to be complete after the context's end; standard output may be blocked.
const outputGrace = 500 * time.Millisecond

// completed waits until an output is complete, but not for ever.
func completed(played <-chan error) error {
	grace := time.NewTimer(outputGrace)
	defer grace.Stop()
	select {
	case err := <-played:
		return err
	case <-grace.C:
		return nil
	}
}
