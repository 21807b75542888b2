package main

import (
	"context"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"yodel/peer/audio"
)

// maxEcho bounds what the sound check shouts, and so what it keeps in memory.
const maxEcho = 30 * time.Second

func (sh *shell) echoCommand() *cli.Command {
	return sh.command(&cli.Command{
		Name:      "echo",
		Usage:     "the sound check: shout, hear the echo, and see how well it came back",
		ArgsUsage: "[FILE|-]",
		Description: "FILE, standard input or what $YODEL_RECORD records (Enter starts, Enter stops) is shouted, " + exact(maxEcho) + " of it at most, and the room is\n" +
			"heard until the echo is over. Then are told, of this echo alone:\n" +
			"  echo     how long after it was said it was heard; the codec's own delay is not in it, nor is the sound card's\n" +
			"  loss     frames that were not there to be played\n" +
			"  level    of what was said, where there is sound, and its peak, in dB below full scale\n" +
			"  quality  of the echo and of the same codec without a network: the frequency-weighted segmental signal-to-noise\n" +
			"           ratio against what was said, 35 dB at most",
		Flags: append(shoutFlags("32"),
			outputFlag("the room into `FILE` (WAV, or Ogg Opus), or - raw to standard output, in place of the speaker"),
			latencyFlag(),
		),
	}, echoAction)
}

func echoAction(ctx context.Context, sh *shell, c *cli.Context) error {
	s := shout{hear: true, output: c.String("output"), check: new(soundCheck)}
	if c.IsSet("output") && s.output == "" {
		return usagef("-o is empty")
	}
	if err := sh.readInput(c, &s); err != nil {
		return err
	}
	if s.bitrate == 0 && s.codec.Name == audio.Opus.Name { // it would follow the loss, and no longer be that of the codec alone
		s.bitrate = audio.DefaultBitrate
	}
	s.check.bitrate = s.bitrate
	if s.output == toStdout {
		var cancel context.CancelFunc
		ctx, cancel = watchReader(ctx, sh.out.stdout)
		defer cancel()
	}
	if s.file == "" {
		return sh.echoRecorded(ctx, s)
	}
	pcm, err := sh.readSound(ctx, s)
	if err != nil {
		return err
	}
	t, err := sh.startTalking(ctx, s, false)
	if err != nil {
		return err
	}
	defer t.close()
	return t.measure(ctx, pcm)
}

// readSound gives the beginning of a file or of standard input as 48 kHz mono.
func (sh *shell) readSound(ctx context.Context, s shout) ([]int16, error) {
	src, done, err := sh.openInput(ctx, s)
	if err != nil {
		return nil, err
	}
	pcm, err := unlessEnded(ctx, func() ([]int16, error) { return decode(src, int(samples(maxEcho))+1) })
	if ctx.Err() == nil { // else it may still be read
		done()
	}
	return pcm, err
}

// echoRecorded records first. The room is there meanwhile, but not to be heard: the microphone would record it.
func (sh *shell) echoRecorded(ctx context.Context, s shout) error {
	program, t, err := sh.startAtMicrophone(ctx, s)
	if err != nil {
		return err
	}
	defer t.close()
	s.check.hush(true)
	pcm, err := sh.record(ctx, program, readLines(ctx, sh.stdin))
	if err != nil || pcm == nil {
		return err
	}
	s.check.hush(false)
	return t.measure(ctx, pcm)
}

// measure shouts pcm, hears it, and tells how well it came back.
func (t *talker) measure(ctx context.Context, pcm []int16) error {
	if most := int(samples(maxEcho)); len(pcm) > most {
		t.out.remark("only the first " + exact(maxEcho) + " are shouted")
		pcm = slices.Clip(pcm[:most])
	}
	src, err := recordedSource(pcm)
	if err != nil {
		return err
	}
	check := t.shoutOf.check
	if err := check.ready(ctx); err != nil {
		return err
	}
	talk, err := t.begin(ctx)
	if err != nil {
		return err
	}
	t.tellStart(talk)
	check.listen(talk, len(pcm))
	if err := t.conclude(ctx, talk, t.play(ctx, talk, src)); err != nil {
		return err
	}
	o, err := unlessEnded(ctx, func() (echoObject, error) { return check.result(talk, pcm) })
	if err != nil {
		return err
	}
	t.tellEcho(o)
	return nil
}
