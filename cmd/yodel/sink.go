package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"yodel/peer"
	"yodel/peer/audio"
)

// toSpeaker and toStdout are the names of outputs that are no files.
const (
	toSpeaker = ""
	toStdout  = "-"
)

// speakerCheck is how often it is looked whether the sound card is still there.
const speakerCheck = 500 * time.Millisecond

// checkOutput refuses raw audio on a terminal.
func (sh *shell) checkOutput(output string) error {
	if output == toStdout && isTerminal(sh.out.stdout) {
		return withHint(usagef("standard output is a terminal: it gets no raw audio"),
			"yodel hear -o - | aplay -f S16_LE -r 48000 -c 1, or yodel hear -o FILE.wav")
	}
	sh.out.audio = output == toStdout
	return nil
}

// openOutput opens where a room's timeline goes. What it gives takes it there until the context ends (nil), the end that is
// wanted (nil), or an error; files are complete when it returns.
func (sh *shell) openOutput(h hearing) (play func(context.Context) error, err error) {
	switch h.output {
	case toSpeaker:
		return openSpeaker(h.Read, h.end)
	case toStdout:
		return func(ctx context.Context) error {
			return pace(ctx, h, peer.Frame, audio.NewRawWriter(resultWriter{sh.out}).Write)
		}, nil
	}
	f, err := os.Create(h.output)
	if err != nil {
		return nil, err
	}
	w, err := sh.newFileWriter(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.output, firstError(err, f.Close()))
	}
	return func(ctx context.Context) error {
		err := pace(ctx, h, fileStep, w.Write)
		if err := firstError(err, w.Close(), f.Close()); err != nil {
			return fmt.Errorf("%s: %w", h.output, err)
		}
		return nil
	}, nil
}

// fileWriter writes a timeline of 48 kHz mono samples to a file.
type fileWriter interface {
	Write(samples []int16) error
	Close() error
}

// newFileWriter writes the format that the name of the file asks for.
func (sh *shell) newFileWriter(f *os.File) (fileWriter, error) {
	if !isOgg(f.Name()) {
		return audio.NewWAVWriter(f)
	}
	w, err := audio.NewOggWriter(f)
	if errors.Is(err, audio.ErrNoOpus) {
		return nil, withHint(err, "-o FILE.wav needs no Opus")
	}
	if err != nil {
		return nil, err
	}
	sh.parts = w.Part
	return w, nil
}

// isOgg tells whether a file of that name is Ogg Opus. It is WAV else.
func isOgg(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".opus", ".ogg", ".oga":
		return true
	}
	return false
}

// partsOf is HearOptions.Parts for an output: what it takes is known when it is opened, and before anything is read. It is nil for those that take
// the mix alone.
func (sh *shell) partsOf(output string) func(peer.Part) {
	if !isOgg(output) {
		return nil
	}
	return func(p peer.Part) {
		sh.parts(audio.Part{SSRC: p.Talk.SSRC, At: p.At, PCM: p.PCM, Payload: p.Payload, Samples: p.Samples, End: p.End})
	}
}

// bothParts gives parts to two; a may be nil.
func bothParts(a, b func(peer.Part)) func(peer.Part) {
	if a == nil {
		return b
	}
	return func(p peer.Part) {
		a(p)
		b(p)
	}
}

// fileStep is how much is written to a file at a time: nobody waits for it, so few times a second.
const fileStep = 100 * time.Millisecond

// pace drives the timeline by the clock into sink.
func pace(ctx context.Context, h hearing, step time.Duration, sink func([]int16) error) error {
	err := h.Pace(ctx, step, func(frame []int16) error {
		n, done := h.end.take(frame)
		if err := sink(frame[:n]); err != nil {
			return err
		}
		if done {
			return errEnded
		}
		return nil
	})
	return wantedEnd(ctx, err)
}

// wantedEnd turns the end that was wanted, or that the context brought, into no error.
func wantedEnd(ctx context.Context, err error) error {
	if errors.Is(err, errEnded) || ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// openSpeaker lets the sound card pull samples from read. What it gives waits for the end or the context.
func openSpeaker(read func([]int16), end *ending) (play func(context.Context) error, err error) {
	over := make(chan struct{})
	once := sync.OnceFunc(func() { close(over) })
	device, err := audio.OpenSpeaker(func(dst []int16) {
		read(dst)
		n, done := end.take(dst)
		clear(dst[n:])
		if done {
			once()
		}
	})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		err := watchSpeaker(ctx, device, over)
		return firstError(err, device.Close())
	}, nil
}

// watchSpeaker waits until over, the context's end, or the sound card's.
func watchSpeaker(ctx context.Context, device *audio.Speaker, over <-chan struct{}) error {
	tick := time.NewTicker(speakerCheck)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := device.Err(); err != nil {
				return err
			}
		case <-over:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}
