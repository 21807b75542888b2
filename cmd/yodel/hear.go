package main

import (
	"context"
	"runtime"
	"time"

	"github.com/urfave/cli/v2"

	"yodel/peer"
)

func (sh *shell) hearCommand() *cli.Command {
	return sh.command(&cli.Command{
		Name:  "hear",
		Usage: "hear a room: on the speaker, into a file, or raw on standard output",
		Description: "All voices are mixed on one real-time timeline, silence included, whose first sample is the instant of joining:\n" +
			"it is told on standard error. A file is complete whenever the program ends. In an Ogg file a voice that\n" +
			"is heard alone is not encoded again.\n" +
			"Silence is what stays below -60 dBFS.\n" +
			"--split names each file by the instant of its first sample and the nick, 20261121T184501.250Z_alice.wav; none is overwritten.\n" +
			"On a terminal a line shows how loud it is, how long it was heard, and who speaks with which delay.",
		Flags: []cli.Flag{
			outputFlag("into `FILE`, 48 kHz mono: Ogg Opus when it ends in .opus, .ogg or .oga, else WAV; - : raw s16le samples to standard output"),
			&cli.StringFlag{Name: "split", Usage: "each talk into a WAV of its own in the folder `DIR`, in place of the speaker"},
			durationFlag(cli.GenericFlag{Name: "for", Usage: "end after `TIME`"}),
			durationFlag(cli.GenericFlag{Name: "until-silence", Usage: "end when something was heard and `TIME` of silence followed"}),
			latencyFlag(),
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
	latency, err := latencyOf(c)
	if err != nil {
		return err
	}
	if err := sh.checkOutput(output); err != nil {
		return err
	}
	split, err := splitOf(c)
	if err != nil {
		return err
	}
	opts := peer.HearOptions{NoSelf: c.Bool("no-self"), Latency: latency, Parts: sh.partsOf(output)}
	if split != nil {
		opts.Parts = bothParts(opts.Parts, split.take)
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
	h, err := sh.startHearing(ctx, client, opts)
	if err != nil {
		return err
	}
	return sh.hear(ctx, client, hearing{h, output, newEnding(durationOf(c, "for"), durationOf(c, "until-silence"))}, split)
}

// hearing is a timeline, where it goes, and where it ends.
type hearing struct {
	*peer.Hearing
	output string
	end    *ending
}

// startHearing joins the room of the settings with its audio and says so, and when its timeline began.
func (sh *shell) startHearing(ctx context.Context, client *peer.Client, o peer.HearOptions) (*peer.Hearing, error) {
	h, err := sh.joinHearing(ctx, client, o)
	if err == nil && (!sh.json || !sh.out.audio) {
		sh.out.remark("sample 0 is " + stamp(h.Start()))
		sh.tellLatency(o.Latency, h.Joined())
	}
	return h, err
}

// joinHearing joins the room of the settings with its audio and says so.
func (sh *shell) joinHearing(ctx context.Context, client *peer.Client, o peer.HearOptions) (h *peer.Hearing, err error) {
	o.Room = sh.room
	err = sh.ask(ctx, func(ctx context.Context) error {
		h, err = client.Hear(ctx, o)
		return err
	})
	if err != nil {
		return nil, err
	}
	sh.hearing, sh.live = true, h.Joined().Lead == 0
	sh.tellJoined(h.Joined(), h.Start())
	return h, nil
}

// onFiles is how many processors hearing into files uses: it is little to do, many times a second, and waking a second processor for it, and
// putting it to rest, is a third of the cost. What takes sound to a speaker or a pipe may block one.
const onFiles = 1

// hear plays and tells what happens until the timeline, the context or the session ends. Without --split split is nil.
func (sh *shell) hear(ctx context.Context, client *peer.Client, h hearing, split *splitter) error {
	play, err := sh.openOutputs(h, split)
	if err != nil {
		return err
	}
	playing, stop := context.WithCancel(ctx)
	defer stop()
	if split != nil || h.output != toSpeaker && h.output != toStdout {
		runtime.GOMAXPROCS(onFiles)
	}
	played := make(chan error, 1)
	go func() { played <- play(playing) }()
	status := sh.newStatus(h)
	defer status.close()
	defer sh.tellFiles(split)
	for {
		select {
		case <-status.due:
			status.show()
		case <-split.news():
			sh.tellFiles(split)
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
