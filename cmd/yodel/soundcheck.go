package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"yodel/cmd/internal/through"
	"yodel/peer"
	"yodel/peer/audio"
)

// echoSpare is how much longer than what was said its echo may be; what is beyond is not kept.
const echoSpare = 5 * time.Second

// soundCheck gathers the echo of one talk. Its methods may be called by any goroutine; with no soundCheck those that the talk
// commands call do nothing.
type soundCheck struct {
	sound   *roomSound // where it is played; nil for another output
	hearing *peer.Hearing
	bitrate int // of Opus; 0 for a codec that has one only

	mu    sync.Mutex
	ssrcs []uint32       // that the talk had
	first int64          // position of heard[0]
	heard []int16        // the talk alone; its room is all that is kept
	ended []peer.Talking // its ends
}

// hear takes where the echo is going to be heard.
func (s *soundCheck) hear(h *peer.Hearing) {
	if s != nil {
		s.hearing = h
	}
}

// hush silences the speaker while something is recorded.
func (s *soundCheck) hush(on bool) {
	if s.sound != nil {
		s.sound.hushed.Store(on)
	}
}

// ready waits until there is a speaker, or none is going to be.
func (s *soundCheck) ready(ctx context.Context) error {
	if s.sound == nil {
		return nil
	}
	select {
	case <-s.sound.resolved:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// listen takes the talk before it is sent, and makes room for its echo.
func (s *soundCheck) listen(talk *peer.Talk, samples int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ssrcs = []uint32{talk.SSRC()}
	s.heard = make([]int16, 0, samples+int(echoSpare/time.Second)*audio.SampleRate)
}

// watch gives what is to be called for each frame that is sent: it shows the progress, and sees the talk go on under another SSRC.
func (s *soundCheck) watch(talk *peer.Talk, show func(peer.Progress)) func(peer.Progress) {
	if s == nil {
		return show
	}
	return func(p peer.Progress) {
		if show != nil {
			show(p)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if ssrc := talk.SSRC(); s.ssrcs[len(s.ssrcs)-1] != ssrc {
			s.ssrcs = append(s.ssrcs, ssrc)
		}
	}
}

// take is peer.HearOptions.Parts.
func (s *soundCheck) take(p peer.Part) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(p.PCM) == 0 || !s.isOwn(p.Talk) {
		return
	}
	if len(s.heard) == 0 {
		s.first = p.At
	}
	at := p.At - s.first
	if at < int64(len(s.heard)) || at > int64(cap(s.heard)) {
		return
	}
	was := len(s.heard)
	s.heard = s.heard[:at]
	clear(s.heard[was:])
	s.heard = append(s.heard, p.PCM[:min(len(p.PCM), cap(s.heard)-len(s.heard))]...)
}

// isOwn tells whether it is the talk that is measured; s.mu is held.
func (s *soundCheck) isOwn(t *peer.Talking) bool { return t.Self && slices.Contains(s.ssrcs, t.SSRC) }

// note takes what was heard to begin or end.
func (s *soundCheck) note(ev *peer.Talking) {
	if s == nil || ev.Start {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isOwn(ev) {
		s.ended = append(s.ended, *ev)
	}
}

// result measures the echo of pcm, which the talk has said.
func (s *soundCheck) result(talk *peer.Talk, pcm []int16) (echoObject, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.heard) == 0 {
		return echoObject{}, errNoEcho
	}
	joined := s.hearing.Joined()
	o := echoObject{Type: "echo", Room: joined.Room, RoomDelay: joined.Delay.Seconds()}
	s.count(&o, talk.Codec(), len(pcm))
	o.Level, o.Peak, o.clipped = levelOf(pcm), round(audio.Peak(pcm), 1), isClipped(pcm)
	began := s.hearing.Start().Add(time.Duration(s.first) * time.Second / audio.SampleRate)
	delay := began.Sub(talk.Started())
	if o.Peak > quiet {
		alone, err := through.Codec(talk.Codec(), s.bitrate, pcm)
		if err != nil {
			return echoObject{}, fmt.Errorf("measuring the echo: %w", err)
		}
		echo, codec := compare(pcm, s.heard, talk.Codec().Lookahead), compare(pcm, alone, talk.Codec().Lookahead)
		if exact := delay + time.Duration(echo.lag)*time.Second/audio.SampleRate; exact >= 0 { // else it is another period of what repeats
			delay = exact
		}
		o.Quality, o.CodecQuality = new(round(echo.quality, 1)), new(round(codec.quality, 1))
	}
	o.Delay = round(delay.Seconds(), 4)
	return o, nil
}

// count adds up the frames. What was not sent, because there was no session just then, is lost as well.
func (s *soundCheck) count(o *echoObject, codec audio.Codec, samples int) {
	for _, t := range s.ended {
		o.Frames += t.Packets + t.Lost - t.Late // what came late is counted by both
		o.Lost += t.Lost
		o.Recovered += t.Recovered
		o.Latency = t.Latency.Seconds()
	}
	said := (samples + codec.Lookahead + codec.FrameSamples - 1) / codec.FrameSamples
	o.Lost += max(0, said-o.Frames)
	o.Frames = max(o.Frames, said)
}
