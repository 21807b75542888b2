package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"yodel/peer"
	"yodel/peer/audio"
	"yodel/wire"
)

// speakerStill is how long a sound card may take no sound before it counts as gone.
const speakerStill = 3 * time.Second

// roomSound takes a room's timeline to the speaker. While there is none, because it is not open yet, not wanted, or not there, the timeline goes
// on by the clock, so that who speaks is told all the same. Its methods may be called by any goroutine, run by one.
type roomSound struct {
	*peer.Hearing
	resolved chan struct{} // closed when a speaker plays, or none is going to
	wanted   chan struct{} // closed when the speaker is to be opened
	playing  atomic.Bool   // a speaker reads the timeline
	muted    atomic.Bool   // by the user
	hushed   atomic.Bool   // while the microphone is open
}

// newRoomSound is the sound of a room; if it is muted no speaker is opened before it is wanted.
func newRoomSound(h *peer.Hearing, muted bool) *roomSound {
	s := &roomSound{Hearing: h, resolved: make(chan struct{}), wanted: make(chan struct{})}
	s.muted.Store(muted)
	if !muted {
		close(s.wanted)
	}
	return s
}

// toggle mutes the room, or lets it be heard again; it is called by one goroutine at a time.
func (s *roomSound) toggle() (muted bool) {
	muted = !s.muted.Load()
	s.muted.Store(muted)
	select {
	case <-s.wanted:
	default:
		close(s.wanted)
	}
	return muted
}

// run plays until ctx ends (nil), or goes on by the clock when there is no speaker, or none any more: lost is told why, once.
func (s *roomSound) run(ctx context.Context, lost func(error)) error {
	device, err := s.open(ctx)
	if err == nil {
		s.playing.Store(true)
		close(s.resolved)
		err = s.watch(ctx, device)
		s.playing.Store(false)
		err = firstError(err, device.Close())
	}
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		lost(err)
	}
	select {
	case <-s.resolved:
	default:
		close(s.resolved)
	}
	return wantedEnd(ctx, s.Pace(ctx, peer.Frame, discard))
}

func discard([]int16) error { return nil }

// open opens the speaker when it is wanted. Meanwhile the timeline goes on by the clock.
func (s *roomSound) open(ctx context.Context) (device *audio.Speaker, err error) {
	pacing, stop := context.WithCancel(ctx)
	paced := make(chan struct{})
	go func() {
		defer close(paced)
		_ = s.Pace(pacing, peer.Frame, discard) // it ends with its context
	}()
	defer func() {
		stop()
		<-paced
	}()
	select {
	case <-s.wanted:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return unlessEnded(ctx, func() (*audio.Speaker, error) { return audio.OpenSpeaker(s.play) })
}

// play fills what the sound card asks for.
func (s *roomSound) play(dst []int16) {
	if !s.playing.Load() {
		clear(dst)
		return
	}
	s.Read(dst)
	if s.muted.Load() || s.hushed.Load() {
		clear(dst)
	}
}

// watch waits until ctx ends (nil) or the sound card is gone.
func (s *roomSound) watch(ctx context.Context, device *audio.Speaker) error {
	tick := time.NewTicker(speakerCheck)
	defer tick.Stop()
	position, moved := s.Position(), time.Now()
	for {
		select {
		case now := <-tick.C:
			if err := device.Err(); err != nil {
				return err
			}
			if at := s.Position(); at != position {
				position, moved = at, now
			}
			if now.Sub(moved) > speakerStill {
				return fmt.Errorf("%w: the sound device has taken nothing for %s", audio.ErrNoSpeaker, exact(speakerStill))
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// noSpeaker is the line that tells why nothing is played, and what goes on nevertheless.
func noSpeaker(err error, goesOn string) string {
	text := wire.Printable(err.Error())
	if !errors.Is(err, audio.ErrNoSpeaker) {
		text = audio.ErrNoSpeaker.Error() + ": " + text
	}
	return text + "; " + goesOn
}
