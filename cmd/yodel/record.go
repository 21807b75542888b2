package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"strings"
	"time"

	"yodel/peer/audio"
)

// maxRecorded bounds a recording: 10 minutes of 48 kHz stereo.
const maxRecorded = 10 * 60 * audio.SampleRate * 4

// startAtMicrophone sees that there is something to record with, connects and joins.
func (sh *shell) startAtMicrophone(ctx context.Context, s shout) (program string, t *talker, err error) {
	if program, err = recorderLine(); err != nil {
		return "", nil, err
	}
	t, err = sh.startTalking(ctx, s, true)
	return program, t, err
}

// talkRecorded records, lets the user listen, and shouts it when told to.
func (sh *shell) talkRecorded(ctx context.Context, s shout) error {
	program, t, err := sh.startAtMicrophone(ctx, s)
	if err != nil {
		return err
	}
	defer t.close()
	lines := readLines(ctx, sh.stdin)
	pcm, err := sh.record(ctx, program, lines)
	if err != nil || pcm == nil {
		return err
	}
	wanted, err := sh.review(ctx, pcm, lines)
	if err != nil {
		return err
	}
	if !wanted {
		sh.out.remark("dropped: nothing was sent")
		return nil
	}
	src, err := recordedSource(pcm)
	if err != nil {
		return err
	}
	return t.shout(ctx, src)
}

// command reads what the user types at a prompt; the end of the input is "q".
func command(ctx context.Context, lines <-chan line) (string, error) {
	select {
	case l := <-lines:
		switch {
		case errors.Is(l.err, io.EOF):
			return "q", nil
		case l.err != nil:
			return "", l.err
		}
		return strings.ToLower(strings.TrimSpace(string(l.text))), nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// record gives what was recorded between two Enters as 48 kHz mono; nil when the user left.
func (sh *shell) record(ctx context.Context, program string, lines <-chan line) ([]int16, error) {
	sh.out.errorLine("Enter starts recording; q leaves")
	typed, err := command(ctx, lines)
	if err != nil || typed == "q" {
		return nil, err
	}
	rec, err := sh.startRecorder(program, sh.out)
	if err != nil {
		return nil, err
	}
	defer rec.stop()
	caught := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(io.LimitReader(rec.wav, maxRecorded)) // what came before an error is what there is
		caught <- b
		_ = rec.wav.Close()
	}()
	sh.out.errorLine("recording: Enter stops")
	var wav []byte
	select {
	case wav = <-caught: // it ended by itself, or is full
	case <-lines:
		rec.stop()
		wav = <-caught
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	pcm, err := decodeAll(wav)
	if err != nil {
		return nil, rec.failure(err)
	}
	return pcm, nil
}

// decodeAll gives a WAV that was written to a pipe as 48 kHz mono.
func decodeAll(wav []byte) ([]int16, error) {
	src, err := audio.Open(struct{ io.Reader }{bytes.NewReader(wav)}, nil) // no Seeker: its length is not known
	if err != nil {
		return nil, err
	}
	return decode(src, math.MaxInt)
}

// decode reads a source to its end, but not much more than most samples.
func decode(src *audio.Source, most int) ([]int16, error) {
	var pcm []int16
	frame := make([]int16, audio.SampleRate/10)
	for len(pcm) < most {
		n, err := src.Read(frame)
		pcm = append(pcm, frame[:n]...)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return pcm, nil
}

// recordedSource is a recording as something to be shouted.
func recordedSource(pcm []int16) (*audio.Source, error) {
	var raw bytes.Buffer
	if err := audio.NewRawWriter(&raw).Write(pcm); err != nil {
		return nil, err
	}
	return audio.Open(bytes.NewReader(raw.Bytes()), &audio.Format{Encoding: "s16le", Rate: audio.SampleRate, Channels: 1})
}

// review lets the user listen; it tells whether the recording is to be sent.
func (sh *shell) review(ctx context.Context, pcm []int16, lines <-chan line) (bool, error) {
	length := time.Duration(len(pcm)) * time.Second / audio.SampleRate
	for {
		sh.out.errorLine(tenth(length) + " recorded: Enter sends, p plays it, q drops it")
		typed, err := command(ctx, lines)
		if err != nil {
			return false, err
		}
		switch typed {
		case "":
			return true, nil
		case "q":
			return false, nil
		case "p":
			if err := sh.playBack(ctx, pcm, lines); err != nil {
				return false, err
			}
		}
	}
}

// playBack plays a recording to its end or until Enter. That it cannot be heard here is no reason not to send it.
func (sh *shell) playBack(ctx context.Context, pcm []int16, lines <-chan line) error {
	left := pcm
	play, err := openSpeaker(func(dst []int16) {
		n := copy(dst, left)
		clear(dst[n:])
		left = left[n:]
	}, &ending{limit: int64(len(pcm))})
	if err != nil {
		sh.out.failure(explain(err))
		return nil
	}
	playing, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- play(playing) }()
	select {
	case err := <-done:
		if err != nil {
			sh.out.failure(explain(err))
		}
		return nil
	case <-lines:
		stop()
		return <-done
	case <-ctx.Done():
		stop()
		return firstError(<-done, context.Cause(ctx))
	}
}

// talkLive shouts what the microphone hears until Enter, Ctrl-C or the end of the recorder.
func (sh *shell) talkLive(ctx context.Context, s shout) error {
	program, t, err := sh.startAtMicrophone(ctx, s)
	if err != nil {
		return err
	}
	defer t.close()
	talk, err := t.begin(ctx)
	if err != nil {
		return err
	}
	m := microphone{program: program, enough: sh.enter(ctx), stderr: sh.out, onFrame: t.progress(nil)}
	m.open = func() {
		sh.out.remark("the microphone is open: use headphones, or it hears the echo and sends it round for ever; Enter ends")
		t.tellStart(talk)
	}
	return t.conclude(ctx, talk, t.speak(ctx, talk, m))
}

// enter gives a channel that is closed when Enter is pressed; nil, which never is, where there is no terminal to press it at.
func (sh *shell) enter(ctx context.Context) <-chan struct{} {
	if !isTerminal(sh.stdin) {
		return nil
	}
	pressed := make(chan struct{})
	lines := readLines(ctx, sh.stdin)
	go func() {
		select {
		case <-lines:
			close(pressed)
		case <-ctx.Done():
		}
	}()
	return pressed
}
