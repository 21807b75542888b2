package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"

	"yodel/peer"
)

// What a recorder has written may still be sent after its end: of one that was told to stop, what is on its way; of one that ended
// by itself, all that a pipe holds.
const (
	stoppedTail = time.Second
	endedTail   = 5 * time.Second
)

// microphone says how a talk is recorded while it is shouted.
type microphone struct {
	program string          // as recorderLine gives it
	enough  <-chan struct{} // closed when it is to end
	longest time.Duration   // it ends then at the latest; 0: no limit
	stderr  io.Writer       // of the program
	open    func()          // called when the program has begun to record
	onFrame func(peer.Progress)
}

// speak sends what the microphone hears until it is enough, or the recorder's end, or ctx's. A recorder that is stopped before it gave anything
// is no fault; one that fails is, also when it has given something.
func (t *talker) speak(ctx context.Context, talk *peer.Talk, m microphone) error {
	rec, err := t.startRecorder(m.program, m.stderr)
	if err != nil {
		return err
	}
	defer closeRead(rec.wav)
	defer rec.stop()
	recording, cancel := context.WithCancel(ctx)
	defer cancel()
	stopped := make(chan struct{})
	go func() {
		defer cancel()
		rec.stopWhen(recording, m, stopped)
	}()
	src, err := openSource(recording, rec.wav, t.shoutOf)
	switch {
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil && isClosed(stopped):
		return nil
	case err != nil:
		return rec.failure(err)
	}
	m.open()
	defer t.out.clearStatus()
	err = talk.Play(recording, src, m.onFrame)
	switch {
	case err == nil:
		return rec.death(ctx, stopped)
	case ctx.Err() != nil || recording.Err() == nil:
		return wantedEnd(ctx, err)
	}
	return nil // of what was recorded too much was left
}

// death tells of what is not written to its end why: the recorder has failed, and was not stopped here. It waits for the recorder's end, but not
// for that of one that goes on without a sound.
func (r *recorder) death(ctx context.Context, stopped <-chan struct{}) error {
	grace := time.NewTimer(recorderGrace)
	defer grace.Stop()
	select {
	case <-r.exited:
	case <-stopped:
	case <-ctx.Done():
	case <-grace.C:
	}
	if !isClosed(r.exited) || isClosed(stopped) || ctx.Err() != nil || r.err == nil || errors.Is(r.err, exec.ErrWaitDelay) {
		return nil
	}
	return r.failure(r.err)
}

// stopWhen stops the recorder when it is enough, and returns when what it has written need not be waited for any more; it
// closes stopped when the end was wanted here.
func (r *recorder) stopWhen(ctx context.Context, m microphone, stopped chan<- struct{}) {
	var limit <-chan time.Time
	if m.longest > 0 {
		timer := time.NewTimer(m.longest)
		defer timer.Stop()
		limit = timer.C
	}
	tail := stoppedTail
	select {
	case <-r.exited:
		tail = endedTail
	case <-m.enough:
		close(stopped)
	case <-limit:
		close(stopped)
	case <-ctx.Done():
	}
	r.stop()
	left := time.NewTimer(tail)
	defer left.Stop()
	select {
	case <-left.C:
	case <-ctx.Done():
	}
}

// isClosed tells whether a channel that carries nothing is closed.
func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// lastLine keeps the end of what a program writes, to tell its last line when the program fails. One goroutine uses it at a time.
type lastLine struct{ text []byte }

// maxLastLine bounds what is kept.
const maxLastLine = 200

func (l *lastLine) Write(b []byte) (int, error) {
	l.text = append(l.text, b...)
	l.text = l.text[max(0, len(l.text)-maxLastLine):]
	return len(b), nil
}

// explain adds the line to an error of the program, whose end was waited for.
func (l *lastLine) explain(err error) error {
	text := bytes.TrimSpace(l.text)
	if text = text[bytes.LastIndexByte(text, '\n')+1:]; len(text) > 0 {
		return fmt.Errorf("%w: %s", err, text)
	}
	return err
}
