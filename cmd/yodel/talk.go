package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"yodel/peer"
	"yodel/peer/audio"
	"yodel/wire"
)

func (sh *shell) talkCommand() *cli.Command {
	return sh.command(&cli.Command{
		Name:      "talk",
		Usage:     "shout a WAV file, a pipe or the microphone into a room",
		ArgsUsage: "[FILE|-]",
		Description: "FILE is a WAV file (16 bit, 8 to 48 kHz, mono or stereo); - is standard input. With --format it is raw PCM.\n" +
			"Without FILE on a terminal: Enter records with $YODEL_RECORD (" + defaultRecorder + "),\n" +
			"Enter stops, then Enter sends, p plays it, q drops it.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "codec", Usage: "`CODEC` is opus or l16 (lossless)"},
			&cli.StringFlag{Name: "format", Usage: "raw PCM of `FORMAT` s16le"},
			&cli.IntFlag{Name: "rate", Value: audio.SampleRate, Usage: "raw PCM has `N` samples a second"},
			&cli.IntFlag{Name: "channels", Value: 1, Usage: "raw PCM has `N` channels"},
			&cli.BoolFlag{Name: "hear", DisableDefaultText: true, Usage: "stay until the own echo was heard"},
			outputFlag("with --hear: the echo into `FILE` as WAV, or - raw to standard output"),
			&cli.BoolFlag{Name: "open-mic", DisableDefaultText: true, Usage: "live from the microphone until Enter or Ctrl-C: with headphones only"},
		},
	}, talkAction)
}

// shout is what talk was asked for.
type shout struct {
	file    string // "-": standard input; empty: the microphone
	openMic bool
	format  *audio.Format // nil: WAV
	codec   audio.Codec
	hear    bool
	output  string
}

func talkAction(ctx context.Context, sh *shell, c *cli.Context) error {
	s, err := sh.readShout(c)
	if err != nil {
		return err
	}
	if s.output == toStdout {
		var cancel context.CancelFunc
		ctx, cancel = watchReader(ctx, sh.out.stdout)
		defer cancel()
	}
	switch {
	case s.openMic:
		return sh.talkLive(ctx, s)
	case s.file == "":
		return sh.talkRecorded(ctx, s)
	}
	return sh.talkFile(ctx, s)
}

func (sh *shell) readShout(c *cli.Context) (shout, error) {
	s := shout{file: c.Args().First(), openMic: c.Bool("open-mic"), hear: c.Bool("hear"), output: c.String("output")}
	switch {
	case c.NArg() > 1:
		return s, usagef("talk takes one FILE, not %d", c.NArg())
	case s.openMic && s.file != "":
		return s, usagef("--open-mic takes no FILE")
	case c.IsSet("output") && (!s.hear || s.output == ""):
		return s, usagef("-o needs a FILE, and --hear with it")
	case !c.IsSet("format") && (c.IsSet("rate") || c.IsSet("channels")):
		return s, withHint(usagef("--rate and --channels describe raw PCM: they need --format"), "--format s16le; a WAV file tells these itself")
	}
	if s.file == "" && !s.openMic && !isTerminal(sh.stdin) {
		s.file = "-"
	}
	if c.IsSet("format") {
		f, err := audio.ParseFormat(c.String("format"), c.Int("rate"), c.Int("channels"))
		if err != nil {
			return s, err
		}
		s.format = &f
	}
	var err error
	if s.codec, err = sh.chooseCodec(c.String("codec")); err != nil {
		return s, err
	}
	return s, sh.checkOutput(s.output)
}

// chooseCodec finds the codec; without a name it is the best that this build has.
func (sh *shell) chooseCodec(name string) (audio.Codec, error) {
	if name != "" {
		return audio.CodecByName(name)
	}
	best := audio.Available()[0]
	if best.Name != audio.Opus.Name {
		sh.out.remark("this build has no Opus encoder: sending " + best.Name)
	}
	return best, nil
}

// talkFile shouts a file or standard input.
func (sh *shell) talkFile(ctx context.Context, s shout) error {
	in := sh.stdin
	if s.file != "-" {
		f, err := unlessEnded(ctx, func() (*os.File, error) { return os.Open(s.file) })
		if err != nil {
			return err
		}
		defer closeRead(f)
		in = f
	} else if isTerminal(sh.stdin) {
		return usagef("standard input is a terminal: it has no audio")
	}
	src, err := openSource(ctx, in, s)
	if err != nil {
		return err
	}
	t, err := sh.startTalking(ctx, s, s.file == "-")
	if err != nil {
		return err
	}
	defer t.close()
	return t.shout(ctx, src)
}

// closeRead closes a file that was only read.
func closeRead(f *os.File) { _ = f.Close() }

// waitFor bounds how long the end of one's own talk is awaited in a room with that delay.
func waitFor(delay time.Duration) time.Duration { return delay + 5*time.Second }

// openSource reads the header, which a pipe may keep us waiting for.
func openSource(ctx context.Context, r io.Reader, s shout) (*audio.Source, error) {
	src, err := unlessEnded(ctx, func() (*audio.Source, error) { return audio.Open(r, s.format) })
	if err != nil && ctx.Err() == nil && s.file != "-" && s.file != "" {
		return nil, fmt.Errorf("%s: %w", s.file, err)
	}
	return src, err
}

// unlessEnded runs what a pipe may hold up for ever on a goroutine of its own, which is left behind when the context ends.
func unlessEnded[T any](ctx context.Context, open func() (T, error)) (T, error) {
	type opened struct {
		value T
		err   error
	}
	done := make(chan opened, 1)
	go func() {
		value, err := open()
		done <- opened{value, err}
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

// talker is a session in which something is shouted.
type talker struct {
	*shell
	shoutOf shout
	client  *peer.Client
	delay   time.Duration
	echo    *echo         // nil without --hear
	ended   chan struct{} // closed when the session's events have ended
}

// startTalking connects and joins.
func (sh *shell) startTalking(ctx context.Context, s shout, reconnect bool) (*talker, error) {
	client, err := sh.dial(ctx, dialing{nick: true, reconnect: reconnect})
	if err != nil {
		return nil, err
	}
	t := &talker{shell: sh, shoutOf: s, client: client, ended: make(chan struct{})}
	if err := t.join(ctx); err != nil {
		hangUp(client)
		return nil, err
	}
	go t.watch()
	return t, nil
}

// join joins the room, with its audio if the echo is to be heard.
func (t *talker) join(ctx context.Context) error {
	if !t.shoutOf.hear {
		joined, err := t.shell.join(ctx, t.client, peer.JoinOptions{From: peer.Live()})
		if err == nil {
			t.delay = joined.Delay
		}
		return err
	}
	h, err := t.startHearing(ctx, t.client, false)
	if err != nil {
		return err
	}
	t.delay = h.Joined().Delay
	t.echo, err = startEcho(ctx, t.shell, hearing{h, t.shoutOf.output, new(ending)})
	return err
}

// watch reads the session's events until they end.
func (t *talker) watch() {
	defer close(t.ended)
	for ev := range t.client.Events() {
		switch ev := ev.(type) {
		case *peer.Talking:
			if t.echo != nil {
				t.tellEvent(ev)
				t.echo.note(ev)
			}
		case *peer.Lost, *peer.Back, *peer.RoomChanged:
			t.tellEvent(ev)
		}
	}
}

// close ends the session and what is still being played.
func (t *talker) close() {
	if t.echo != nil {
		_ = t.echo.stop()
	}
	hangUp(t.client)
	<-t.ended
}

// shout sends src to its end, tells how it went, and waits for the echo if that is wanted.
func (t *talker) shout(ctx context.Context, src *audio.Source) error {
	var talk *peer.Talk
	err := t.ask(ctx, func(ctx context.Context) (err error) {
		talk, err = t.client.Talk(ctx, t.room, t.shoutOf.codec)
		return err
	})
	if err != nil {
		return err
	}
	t.tellStart(talk)
	played := talk.Play(ctx, src, t.progress(src))
	t.out.clearStatus()
	if t.echo != nil {
		t.echo.expect(talk.SSRC())
	}
	// The end is told also when the context has ended: the room should not wait for more.
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout(ctx, t.delay))
	report, err := talk.End(ending)
	cancel()
	if err := firstError(wantedEnd(ctx, played), context.Cause(ctx), err); err != nil {
		return orCause(ctx, err)
	}
	t.tellEnd(talk, report)
	if t.echo == nil {
		return nil
	}
	return t.echo.wait(ctx, t.delay)
}

// endTimeout: who was interrupted does not want to wait for the report.
func endTimeout(ctx context.Context, delay time.Duration) time.Duration {
	if ctx.Err() != nil {
		return 300 * time.Millisecond
	}
	return waitFor(delay)
}

func (t *talker) tellStart(talk *peer.Talk) {
	if !t.json {
		return
	}
	t.out.object(t.talkObject("start", talk))
}

func (t *talker) talkObject(state string, talk *peer.Talk) talkObject {
	return talkObject{
		Type: "talk", State: state, Room: t.room, From: t.client.Nick(), Fingerprint: t.client.Fingerprint().String(),
		SSRC: talk.SSRC(), Self: true, At: stamp(time.Now()),
	}
}

func (t *talker) tellEnd(talk *peer.Talk, r peer.Report) {
	if t.json {
		o, seconds := t.talkObject("end", talk), r.Duration.Seconds()
		o.Duration, o.Frames, o.Lost = &seconds, &r.Frames, &r.Lost
		t.out.object(o)
	}
	t.out.remark(shouted(t.client.Nick(), t.room, r))
}

func shouted(nick, room string, r peer.Report) string {
	return fmt.Sprintf("%s shouted %s in %s; %d of %d frames lost", shownNick(nick), tenth(r.Duration), wire.Printable(room), r.Lost, r.Frames)
}
