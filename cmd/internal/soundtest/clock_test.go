//go:build linux

package soundtest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"yodel/cmd/internal/programs"
	"yodel/cmd/internal/speech"
	"yodel/peer/audio"
	"yodel/peer/audio/score"
)

// clock is that of a sound card: it runs off by so many parts of a million.
type clock struct{ ppm float64 }

// at is when sample n has been recorded.
func (c clock) at(n int) time.Duration {
	return time.Duration(float64(n) / (audio.SampleRate * (1 + c.ppm*1e-6)) * float64(time.Second))
}

// feed writes sound as it is recorded by the clock: raw s16le, in pieces of 10 ms.
func (c clock) feed(ctx context.Context, to *os.File, pcm []int16) error {
	began := time.Now()
	b := make([]byte, 0, 2*block)
	for n := 0; n < len(pcm); {
		piece := pcm[n:min(n+block, len(pcm))]
		n += len(piece)
		if err := programs.Pause(ctx, time.Until(began.Add(c.at(n)))); err != nil {
			return err
		}
		b = b[:0]
		for _, v := range piece {
			b = binary.LittleEndian.AppendUint16(b, uint16(v))
		}
		if _, err := to.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// stream is what is fed into a pipe, by a clock, and heard.
type stream struct {
	clock
	nick string
	pcm  []int16

	ear, mouth *programs.Process
	input      *os.File  // where it is fed
	zero       time.Time // of what is heard
	began      time.Time // the feeding
}

// clocks are the rows of a talker's clock that is not the hearer's.
func clocks() []row {
	return []row{
		{name: "clocks ±200 ppm", course: func(w *world, out *outcome) error { return drifts(w, out, 200, 5*time.Minute) }},
		{name: "clocks ±500 ppm", course: func(w *world, out *outcome) error { return drifts(w, out, 500, time.Minute) }},
	}
}

const (
	// begins is how long a delay may take to become what it is.
	begins = 5 * time.Second
	// ownStep is what of a tone's own greatest step a step may be: the sound is lossless.
	ownStep = 1.05
)

// drifts has a voice and a tone come from clocks that are fast, and from such that are slow, each in a room of its own.
func drifts(w *world, out *outcome, ppm float64, d time.Duration) error {
	pcm, err := speech.New(d, w.seed)
	if err != nil {
		return err
	}
	sine := a440.samples(d)
	streams := []*stream{
		{clock: clock{ppm}, nick: "fast voice", pcm: pcm},
		{clock: clock{-ppm}, nick: "slow voice", pcm: pcm},
		{clock: clock{ppm}, nick: "fast tone", pcm: sine},
		{clock: clock{-ppm}, nick: "slow tone", pcm: sine},
	}
	fed := make(chan error, len(streams))
	for _, s := range streams {
		if err := s.start(w); err != nil {
			return fmt.Errorf("%s: %w", s.nick, err)
		}
		s.began = time.Now()
		go func() { fed <- errors.Join(s.feed(w.ctx, s.input, s.pcm), s.input.Close()) }()
	}
	for range streams {
		err = errors.Join(err, <-fed)
	}
	if err != nil {
		return err
	}
	for _, s := range streams {
		if err := s.measure(w, out); err != nil {
			return fmt.Errorf("%s: %w", s.nick, err)
		}
	}
	return nil
}

// start has the stream's talker and hearer ready.
func (s *stream) start(w *world) (err error) {
	room := fmt.Sprintf("room-%d", len(w.procs))
	if s.ear, s.zero, err = w.hear(s.nick, room); err != nil {
		return err
	}
	r, input, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	s.input = input
	codec := sameRate
	if s.isTone() {
		codec = lossless
	}
	s.mouth, err = w.peer(w.there, s.nick+"'s mouth", room, command{args: append([]string{"talk", "--format", "s16le", "-"}, codec...), input: r})
	if err == nil {
		_, err = w.instant(s.mouth, "talk", "start", 1) // what is fed before would wait in the pipe
	}
	if err != nil {
		return errors.Join(err, input.Close())
	}
	return nil
}

// measure waits for the end of all that was fed, and looks into what was heard.
func (s *stream) measure(w *world, out *outcome) error {
	if err := w.within(0, func(ctx context.Context) error { return s.mouth.Ends(ctx, 0, 0) }); err != nil {
		return err
	}
	if err := w.heard(s.ear, 1); err != nil {
		return err
	}
	heard, err := speech.Load(w.path(s.nick + ".wav"))
	if err != nil {
		return err
	}
	if s.isTone() {
		first, last := a440.span(heard)
		breaks, worst := a440.steady(heard)
		out.take(
			figure{what: s.nick + ": breaks", value: float64(breaks), bar: most(0, 0)},
			figure{what: "greatest step of its phase", unit: "rad", value: worst},
			figure{what: "steepest, of its own", unit: "×", value: a440.steepest(heard[min(first+edge, last):max(last-edge, first+edge)]), bar: most(ownStep, ownStep)},
		)
		return nil
	}
	_, seconds := speech.CompareSeconds(s.pcm, heard)
	if _, err := aligned(seconds); err != nil {
		return err
	}
	delays := s.delays(seconds)
	out.take(
		figure{what: s.nick + ": its delay varies by", unit: "ms", value: slices.Max(delays) - slices.Min(delays), bar: most(10, 100)},
		figure{what: "grows by", unit: "ms", value: mean(delays[len(delays)-5:]) - mean(delays[:5])},
		figure{what: "mouth to ear, median", unit: "ms", value: median(delays)},
	)
	return nil
}

func (s *stream) isTone() bool { return s.nick[len(s.nick)-4:] == "tone" }

// delays are those of the seconds after the first, from when the middle of each was recorded until it was heard, in ms.
func (s *stream) delays(seconds []score.Second) (all []float64) {
	for i, sec := range seconds {
		if !sec.Aligned || time.Duration(i)*time.Second < begins {
			continue
		}
		n := i*audio.SampleRate + audio.SampleRate/2
		heard := s.zero.Add(clock{}.at(n + sec.Lag))
		all = append(all, milli(heard.Sub(s.began.Add(s.at(n)))))
	}
	return all
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}
