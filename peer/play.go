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
	// readAhead is how many frames are read before they are due. A live source that gives its sound in pieces of up to half a second is seen to be
	// waited for by that.
	readAhead = 16
)

// Progress tells how far Play is.
type Progress struct {
	Sent time.Duration // of the talk
	// Bitrate is what the encoder gives, in bit/s, and Copies how many frames before its own each packet carries again: both follow the
	// loss that is reported.
	Bitrate, Copies int
	Level           float64 // of the frame sent last, dB relative to full scale; audio.Silence for nothing
}

// Play sends a source in real time until its end: frame i goes at the start + i frames, never earlier. A live source, which is waited for, is the clock
// itself (sourceClock). When the source falls behind by over
// 100 ms, because it was waited for, the timestamps jump by the pause, so that nothing is heard late; a stall of this program is caught up. What a live
// source has kept meanwhile is left out: all that follows would be heard so much later. Packets of
// the source that fit an Opus talk go as they are (audio.Source.ReadPacket), unless SetBitrate was called. onFrame, unless nil, is called after each frame. The errors are
// those of the source and of Write, and ctx's. When ctx ends, Play returns at once; a Read of the source that is blocked then
// stays so until the source returns, and what it brings is dropped.
func (t *Talk) Play(ctx context.Context, src *audio.Source, onFrame func(Progress)) error {
	if t.codec.PayloadType == audio.PayloadOpus && !t.fixed {
		return t.play(ctx, src.ReadPacket, onFrame)
	}
	return t.play(ctx, func(frame []int16) (int, []byte, error) {
		n, err := src.Read(frame)
		return n, nil, err
	}, onFrame)
}

// readFunc is audio.Source.ReadPacket.
type readFunc func([]int16) (n int, packet []byte, err error)

func (t *Talk) play(ctx context.Context, read readFunc, onFrame func(Progress)) error {
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
				onFrame(Progress{Sent: t.length(), Bitrate: t.given, Copies: t.copying.carried, Level: audio.Level(f.samples)})
			}
			r.empty <- f
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
	clock sourceClock
	last  []int16   // the frame before, if a packet stood for it
	stale time.Time // of a live source what was there by then, and what follows without a wait, is left out; zero: nothing is
}

// send waits until the frame is due and writes it.
func (p *pacer) send(ctx context.Context, f readFrame) error {
	t := p.talk
	if p.start.IsZero() {
		if p.start = t.Started(); p.start.IsZero() {
			p.start = f.ready
		}
	}
	if !p.stale.IsZero() {
		if f.ready.Before(p.stale) || f.blocked < t.frame()/waitedPart {
			return nil
		}
		p.stale = time.Time{}
		t.skip(timeToSamples(max(f.ready.Sub(p.due()), 0)))
	}
	p.start = p.start.Add(p.clock.follow(f, p.due()))
	due := p.due()
	now := time.Now()
	late := f.ready.Sub(due)
	stalled := late > sourceLate && f.blocked > t.frame()
	if now.Sub(due) > senderLate {
		late, stalled = now.Sub(due), true
	}
	if stalled {
		t.skip(timeToSamples(late))
		if p.clock.restart(); p.clock.live {
			p.stale = now
		}
		return p.write(f)
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
	return p.write(f)
}

// due is when the next frame is.
func (p *pacer) due() time.Time { return p.start.Add(p.talk.length()) }

// write sends the frame: its packet, or else its samples. Behind packets the encoder first hears what the last one said: its sound goes on from there.
func (p *pacer) write(f readFrame) error {
	if len(f.packet) > 0 {
		p.last = append(p.last[:0], f.samples...)
		return p.talk.WritePacket(f.packet)
	}
	if len(p.last) > 0 {
		if err := p.talk.warm(p.last); err != nil {
			return err
		}
		p.last = p.last[:0]
	}
	return p.talk.Write(f.samples)
}

// readFrame is a frame of a source, or with nil samples its end: err is nil then, or what went wrong.
type readFrame struct {
	samples []int16
	packet  []byte // that stands for them; empty: none
	ready   time.Time
	blocked time.Duration // how long the source was waited for
	err     error
}

// frameReader reads a source on a goroutine of its own, because a Read may block for ever.
type frameReader struct {
	read  readFunc
	codec audio.Codec
	full  chan readFrame
	empty chan readFrame // to be used again
}

func newFrameReader(read readFunc, codec audio.Codec) *frameReader {
	r := &frameReader{read: read, codec: codec, full: make(chan readFrame, readAhead), empty: make(chan readFrame, readAhead)}
	for range readAhead {
		r.empty <- readFrame{samples: make([]int16, codec.FrameSamples)}
	}
	return r
}

// run reads until the source's end or ctx's. Silence after the end fills the last frame, and flushes the codec.
func (r *frameReader) run(ctx context.Context) {
	flush := r.codec.Lookahead
	for {
		var f readFrame
		select {
		case f = <-r.empty:
		case <-ctx.Done():
			return
		}
		began := time.Now()
		n, packet, err := r.read(f.samples)
		f.ready = time.Now()
		f.blocked = f.ready.Sub(began)
		f.packet = append(f.packet[:0], packet...)
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			f.samples, f.err = nil, err
		case n == 0 && flush <= 0 && len(packet) == 0:
			f.samples = nil
		case n < len(f.samples):
			clear(f.samples[n:])
			flush -= len(f.samples) - n
		}
		r.full <- f // there is room for all that exist
		if f.samples == nil {
			return
		}
	}
}
