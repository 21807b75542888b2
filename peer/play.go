package peer

import (
	"context"
	"errors"
	"io"
	"time"

	"yodel/peer/audio"
)

const (
	// sourceLate is how late a frame of the source may be before what follows is played later by that much.
	sourceLate = 100 * time.Millisecond
	// senderLate is how late a frame that was there in time may be sent; it bounds the burst after a stall of this machine.
	senderLate = time.Second
	// readAhead is how many frames are read before they are due.
	readAhead = 2
)

// Progress tells how far Play is.
type Progress struct {
	Sent  time.Duration // of the talk
	Level float64       // of the frame sent last, dB relative to full scale; audio.Silence for nothing
}

// Play sends a source in real time until its end: frame i goes at the start + i frames, never earlier. When the source falls behind by over
// 100 ms, because it was waited for, the timestamps jump by the pause, so that nothing is heard late; a stall of this program is caught up. onFrame, unless nil, is called after each frame. The errors are
// those of the source and of Write, and ctx's. When ctx ends, Play returns at once; a Read of the source that is blocked then
// stays so until the source returns, and what it brings is dropped.
func (t *Talk) Play(ctx context.Context, src *audio.Source, onFrame func(Progress)) error {
	return t.play(ctx, src.Read, onFrame)
}

func (t *Talk) play(ctx context.Context, read func([]int16) (int, error), onFrame func(Progress)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := newFrameReader(read, t.codec)
	go r.run(ctx)
	p := pacer{talk: t, timer: time.NewTimer(time.Hour)}
	defer p.timer.Stop()
	for {
		select {
		case f := <-r.full:
			if f.samples == nil {
				return f.err
			}
			if err := p.send(ctx, f); err != nil {
				return err
			}
			if onFrame != nil {
				onFrame(Progress{Sent: t.length(), Level: audio.Level(f.samples)})
			}
			r.empty <- f.samples
		case <-ctx.Done():
			return ctx.Err()
		case <-t.c.over:
			return t.c.overErr()
		}
	}
}

// pacer sends frames when they are due.
type pacer struct {
	talk  *Talk
	timer *time.Timer
	start time.Time // of the timeline on which the talk's samples lie
}

// send waits until the frame is due and writes it.
func (p *pacer) send(ctx context.Context, f readFrame) error {
	t := p.talk
	if p.start = t.Started(); p.start.IsZero() {
		p.start = f.ready
	}
	due := p.start.Add(t.length())
	now := time.Now()
	late := f.ready.Sub(due)
	stalled := late > sourceLate && f.blocked > t.frame()
	if now.Sub(due) > senderLate {
		late, stalled = now.Sub(due), true
	}
	if stalled {
		t.skip(timeToSamples(late))
		return t.Write(f.samples)
	}
	if wait := due.Sub(now); wait > 0 {
		p.timer.Reset(wait)
		select {
		case <-p.timer.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-t.c.over:
			return t.c.overErr()
		}
	}
	return t.Write(f.samples)
}

// readFrame is a frame of a source, or with nil samples its end: err is nil then, or what went wrong.
type readFrame struct {
	samples []int16
	ready   time.Time
	blocked time.Duration // how long the source was waited for
	err     error
}

// frameReader reads a source on a goroutine of its own, because a Read may block for ever.
type frameReader struct {
	read  func([]int16) (int, error)
	codec audio.Codec
	full  chan readFrame
	empty chan []int16
}

func newFrameReader(read func([]int16) (int, error), codec audio.Codec) *frameReader {
	r := &frameReader{read: read, codec: codec, full: make(chan readFrame), empty: make(chan []int16, readAhead)}
	for range readAhead {
		r.empty <- make([]int16, codec.FrameSamples)
	}
	return r
}

// run reads until the source's end or ctx's. Silence after the end fills the last frame, and flushes the codec.
func (r *frameReader) run(ctx context.Context) {
	flush := r.codec.Lookahead
	for {
		var samples []int16
		select {
		case samples = <-r.empty:
		case <-ctx.Done():
			return
		}
		began := time.Now()
		n, err := r.read(samples)
		f := readFrame{samples: samples, ready: time.Now()}
		f.blocked = f.ready.Sub(began)
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			f.samples, f.err = nil, err
		case n == 0 && flush <= 0:
			f.samples = nil
		case n < len(samples):
			clear(samples[n:])
			flush -= len(samples) - n
		}
		select {
		case r.full <- f:
		case <-ctx.Done():
			return
		}
		if f.samples == nil {
			return
		}
	}
}
