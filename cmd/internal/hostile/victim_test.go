//go:build linux

package hostile

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"yodel/cmd/internal/programs"
	"yodel/cmd/internal/speech"
)

// victim is a voice in the live room: one who talks, and one who hears it into a file.
type victim struct {
	w         *world
	voice     []int16
	talk, ear *programs.Process
}

// newVictim has a voice of a length begin, and waits until it is heard.
func newVictim(w *world, length time.Duration) (v *victim, err error) {
	v = &victim{w: w}
	if v.voice, err = speech.New(length, w.seed); err != nil {
		return nil, err
	}
	said := filepath.Join(w.dir, "voice.wav")
	if err := speech.Save(said, v.voice); err != nil {
		return nil, err
	}
	w.urgently = true
	defer func() { w.urgently = false }()
	if v.ear, err = w.peer("bob", "hear", "-o", filepath.Join(w.dir, "heard.wav")); err == nil {
		err = w.event(v.ear, "joined", "")
	}
	if err != nil {
		return nil, err
	}
	if v.talk, err = w.peer("alice", "talk", said); err == nil {
		err = w.event(v.ear, "talk", "start")
	}
	return v, err
}

// event waits for the first event of a type and state.
func (w *world) event(p *programs.Process, kind, state string) error {
	return w.within(func(ctx context.Context) error {
		_, err := p.AwaitEvent(ctx, kind, state, 1)
		return err
	})
}

// over waits until all was said.
func (v *victim) over() error {
	length := time.Duration(len(v.voice)/speech.Frame) * speech.FrameTime
	ctx, cancel := context.WithTimeoutCause(v.w.ctx, length+settle, errors.New("the voice should be over"))
	defer cancel()
	return v.talk.Ends(ctx, 0, 0)
}

// measure ends the hearing and notes what was heard.
func (v *victim) measure(out *outcome) error {
	err := v.w.event(v.ear, "talk", "end")
	err = errors.Join(err, v.w.within(func(ctx context.Context) error { return v.ear.Ends(ctx, syscall.SIGTERM, 128+int(syscall.SIGTERM)) }))
	if err != nil {
		return err
	}
	heard := 0
	for _, e := range v.ear.Of("talk") {
		if e.Heard && e.State == "end" {
			heard += e.Frames - e.Lost // Lost counts what came late, too
		}
	}
	out.frames = len(v.voice) / speech.Frame
	out.framesLost = max(0, out.frames-heard)
	pcm, err := speech.Load(filepath.Join(v.w.dir, "heard.wav"))
	if err != nil {
		return err
	}
	if _, sound := speech.LongestGap(pcm); !sound {
		return fmt.Errorf("nothing but silence in %d frames", len(pcm)/speech.Frame)
	}
	out.score = speech.Compare(v.voice, pcm)
	return nil
}

// newcomer is a peer that the daemon has not seen before: it says a line and has its receipt, and looks how far the daemon is. It gives how long the
// line took from the start of the program.
func newcomer(w *world, nick string) (took time.Duration, err error) {
	send, err := w.peer(nick, "send", "Is anybody up there?")
	if err != nil {
		return 0, err
	}
	err = w.within(func(ctx context.Context) error { return send.Ends(ctx, 0, 0) })
	took = time.Since(send.Began)
	if err != nil {
		return took, err
	}
	ping, err := w.peer(nick, "ping", "-n", "1")
	if err != nil {
		return took, err
	}
	return took, w.within(func(ctx context.Context) error { return ping.Ends(ctx, 0, 0) })
}
