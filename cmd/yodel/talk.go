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
		Usage:     "shout a file, a pipe or the microphone into a room",
		ArgsUsage: "[FILE|-]",
		Description: "FILE is WAV (16 bit, 8 to 48 kHz, mono or stereo) or Ogg Opus, which goes as it is where it fits, without --bitrate; - is standard input.\n" +
			"With --format it is raw PCM. ffmpeg and sox bring anything else: ffmpeg -v error -i FILE -f wav - | yodel talk -\n" +
			"Without FILE on a terminal: Enter records with $YODEL_RECORD (" + defaultRecorder + "),\n" +
			"Enter stops, then Enter sends, p plays it, q drops it.",
		Flags: append(shoutFlags("as the loss allows"),
			&cli.BoolFlag{Name: "hear", DisableDefaultText: true, Usage: "stay until the own echo was heard"},
			outputFlag("with --hear: the echo into `FILE` (WAV, or Ogg Opus), or - raw to standard output"),
			latencyFlag(),
			&cli.BoolFlag{Name: "open-mic", DisableDefaultText: true, Usage: "live from the microphone until Enter or Ctrl-C: with headphones only"},
		),
	}, talkAction)
}

// shoutFlags are the flags of what is shouted; bitrate says at what Opus goes without --bitrate.
func shoutFlags(bitrate string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "codec", Usage: "`CODEC` is opus or l16 (lossless)"},
		&cli.IntFlag{Name: "bitrate", DefaultText: bitrate, Usage: "Opus at `KBIT/S`: 16, 32, 48, 64, 80 or 96"},
		&cli.StringFlag{Name: "format", Usage: "raw PCM of `FORMAT` s16le"},
		&cli.IntFlag{Name: "rate", Value: audio.SampleRate, Usage: "raw PCM has `N` samples a second"},
		&cli.IntFlag{Name: "channels", Value: 1, Usage: "raw PCM has `N` channels"},
	}
}

// shout is what talk or echo was asked for.
type shout struct {
	file    string // "-": standard input; empty: the microphone
	openMic bool
	format  *audio.Format // of raw PCM; nil: WAV or Ogg Opus, as its content says
	codec   audio.Codec
	bitrate int // bit/s; 0: as the loss allows
	hear    bool
	output  string
	latency time.Duration // of hearing; 0 adapts
	check   *soundCheck   // measures the echo; nil unless that is wanted
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
	s := shout{openMic: c.Bool("open-mic"), hear: c.Bool("hear"), output: c.String("output")}
	switch {
	case s.openMic && c.NArg() > 0:
		return s, usagef("--open-mic takes no FILE")
	case c.IsSet("output") && (!s.hear || s.output == ""):
		return s, usagef("-o needs a FILE, and --hear with it")
	case c.IsSet("latency") && !s.hear:
		return s, usagef("--latency is of what is heard: it needs --hear")
	}
	return s, sh.readInput(c, &s)
}

// readInput reads what is to be shouted and how it is to be heard.
func (sh *shell) readInput(c *cli.Context, s *shout) (err error) {
	switch s.file = c.Args().First(); {
	case c.NArg() > 1:
		return usagef("%s takes one FILE, not %d", c.Command.Name, c.NArg())
	case !c.IsSet("format") && (c.IsSet("rate") || c.IsSet("channels")):
		return withHint(usagef("--rate and --channels describe raw PCM: they need --format"), "--format s16le; a WAV file tells these itself")
	}
	if s.file == "" && !s.openMic && !isTerminal(sh.stdin) {
		s.file = "-"
	}
	if c.IsSet("format") {
		f, err := audio.ParseFormat(c.String("format"), c.Int("rate"), c.Int("channels"))
		if err != nil {
			return err
		}
		s.format = &f
	}
	if s.latency, err = latencyOf(c); err != nil {
		return err
	}
	if s.codec, err = sh.chooseCodec(c.String("codec")); err != nil {
		return err
	}
	if c.IsSet("bitrate") {
		s.bitrate = 1000 * min(max(c.Int("bitrate"), 0), 1000)
		if err := audio.CheckBitrate(s.codec, s.bitrate); err != nil {
			return fmt.Errorf("--bitrate %d: %w", c.Int("bitrate"), err)
		}
	}
	return firstError(sh.checkOutput(s.output), sh.sameFile(s.file, s.output))
}

// sameFile refuses an output that is the input: it would be emptied before it is read.
func (sh *shell) sameFile(input, output string) error {
	if output == toSpeaker || output == toStdout {
		return nil
	}
	out, err := os.Stat(output)
	if err != nil || !out.Mode().IsRegular() {
		return nil // it is made, or opening it tells why not
	}
	in, err := sh.statInput(input)
	if err == nil && os.SameFile(in, out) {
		return usagef("-o %s is what is to be shouted: it would be overwritten", output)
	}
	return nil
}

// statInput describes a file, or standard input.
func (sh *shell) statInput(file string) (os.FileInfo, error) {
	if file != "-" {
		return os.Stat(file)
	}
	if f, ok := sh.stdin.(*os.File); ok {
		return f.Stat()
	}
	return nil, os.ErrNotExist
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
	if s.file == "-" && mayBeLive(sh.stdin) {
		return sh.talkPipe(ctx, s)
	}
	src, done, err := sh.openInput(ctx, s)
	if err != nil {
		return err
	}
	defer done()
	t, err := sh.startTalking(ctx, s, s.file == "-")
	if err != nil {
		return err
	}
	defer t.close()
	return t.shout(ctx, src)
}

// mayBeLive tells whether standard input may be a microphone: it is no file, and not the keyboard.
func mayBeLive(stdin io.Reader) bool {
	f, ok := stdin.(*os.File)
	if !ok || isTerminal(stdin) {
		return false
	}
	info, err := f.Stat()
	return err == nil && !info.Mode().IsRegular()
}

// talkPipe shouts what comes through a pipe. It is waited for once the room is joined: what a microphone says before that would have all that follows
// be late. The wait ends with the session, too.
func (sh *shell) talkPipe(ctx context.Context, s shout) error {
	t, err := sh.startTalking(ctx, s, true)
	if err != nil {
		return err
	}
	defer t.close()
	opening, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-t.ended:
			cancel(t.client.Err())
		case <-opening.Done():
		}
	}()
	src, err := openSource(opening, sh.stdin, s)
	if err != nil {
		return err
	}
	return t.shout(ctx, src)
}

// openInput opens what is to be shouted: a file, or standard input. done closes it.
func (sh *shell) openInput(ctx context.Context, s shout) (src *audio.Source, done func(), err error) {
	in, done := sh.stdin, func() {}
	if s.file != "-" {
		f, err := unlessEnded(ctx, func() (*os.File, error) { return os.Open(s.file) })
		if err != nil {
			return nil, nil, err
		}
		in, done = f, func() { closeRead(f) }
	} else if isTerminal(sh.stdin) {
		return nil, nil, usagef("standard input is a terminal: it has no audio")
	}
	if src, err = openSource(ctx, in, s); err != nil {
		done()
		return nil, nil, err
	}
	return src, done, nil
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
	last    peer.Progress // of the talk
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
	o := peer.HearOptions{Latency: t.shoutOf.latency, Parts: t.partsOf(t.shoutOf.output)}
	if check := t.shoutOf.check; check != nil {
		o.Parts = bothParts(o.Parts, check.take)
	}
	h, err := t.startHearing(ctx, t.client, o)
	if err != nil {
		return err
	}
	t.delay = h.Joined().Delay
	t.shoutOf.check.hear(h)
	play, err := t.openEcho(h)
	if err != nil {
		return err
	}
	t.echo = startEcho(ctx, play)
	return nil
}

// openEcho opens where the echo goes. The sound check does without a speaker.
func (t *talker) openEcho(h *peer.Hearing) (play func(context.Context) error, err error) {
	check := t.shoutOf.check
	if check == nil || t.shoutOf.output != toSpeaker {
		return t.openOutput(hearing{h, t.shoutOf.output, new(ending)})
	}
	check.sound = newRoomSound(h, false)
	return func(ctx context.Context) error {
		return check.sound.run(ctx, func(err error) { t.out.remark(noSpeaker(err, "the echo is measured all the same")) })
	}, nil
}

// watch reads the session's events until they end.
func (t *talker) watch() {
	defer close(t.ended)
	for ev := range t.client.Events() {
		switch ev := ev.(type) {
		case *peer.Talking:
			if t.echo != nil {
				t.tellEvent(ev)
				t.shoutOf.check.note(ev)
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
	talk, err := t.begin(ctx)
	if err != nil {
		return err
	}
	t.tellStart(talk)
	return t.conclude(ctx, talk, t.play(ctx, talk, src))
}

// begin asks for a talk.
func (t *talker) begin(ctx context.Context) (talk *peer.Talk, err error) {
	err = t.ask(ctx, func(ctx context.Context) (err error) {
		talk, err = t.client.Talk(ctx, t.room, t.shoutOf.codec)
		return err
	})
	if err == nil && t.shoutOf.bitrate > 0 {
		err = talk.SetBitrate(t.shoutOf.bitrate)
	}
	return talk, err
}

// play sends src to its end.
func (t *talker) play(ctx context.Context, talk *peer.Talk, src *audio.Source) error {
	defer t.out.clearStatus()
	return talk.Play(ctx, src, t.shoutOf.check.watch(talk, t.progress(src)))
}

// conclude ends a talk of which everything was played, or not; it tells how it went, and waits for the echo if that is wanted.
func (t *talker) conclude(ctx context.Context, talk *peer.Talk, played error) error {
	if t.echo != nil {
		t.echo.expect(talk.SSRC())
	}
	report, err := t.end(ctx, talk, played)
	if err != nil {
		return err
	}
	t.tellEnd(talk, report)
	if t.echo == nil {
		return nil
	}
	return t.echo.wait(ctx, t.delay)
}

// end ends a talk. It is told also when the context has ended: the room should not wait for more.
func (t *talker) end(ctx context.Context, talk *peer.Talk, played error) (peer.Report, error) {
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout(ctx, t.delay))
	defer cancel()
	report, err := talk.End(ending)
	return report, orCause(ctx, firstError(wantedEnd(ctx, played), context.Cause(ctx), err))
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
		o.Bitrate, o.Copies = &t.last.Bitrate, &t.last.Copies
		t.out.object(o)
	}
	t.out.remark(shouted(t.client.Nick(), t.room, r))
}

func shouted(nick, room string, r peer.Report) string {
	return fmt.Sprintf("%s shouted %s in %s; %d of %d frames lost", shownNick(nick), tenth(r.Duration), wire.Printable(room), r.Lost, r.Frames)
}
