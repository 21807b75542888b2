package main

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"yodel/peer"
	"yodel/peer/audio"
)

const (
	publishEvery = 50 * time.Millisecond
	talkFor      = 4 * time.Second
)

// startReaders starts those that must miss nothing; they are there when it returns.
func (s *soak) startReaders(ctx context.Context) error {
	for i := range s.proxies {
		for _, room := range []string{live, echo} {
			name := fmt.Sprintf("reader-%s-%d", room, i)
			c, err := s.dialAs(ctx, s.proxy(i), name)
			if err != nil {
				return err
			}
			if _, err := c.Join(ctx, peer.JoinOptions{Room: room}); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			r := s.reader(name, room, false)
			s.running.Go(func() { s.reads(ctx, c, r) })
		}
	}
	r := s.reader("yodel read -f", echo, true)
	s.running.Go(func() { s.cat(ctx, r) })
	return nil
}

// startLoad starts all others; writers are those after whose end nothing more is sent.
func (s *soak) startLoad(ctx context.Context, writers *sync.WaitGroup) {
	for i, room := range []string{live, echo} {
		writers.Go(func() { s.act(ctx, "publisher-"+room, func(c *peer.Client) error { return s.publishes(ctx, c, room) }) })
		writers.Go(func() { s.act(ctx, "talker-"+room, func(c *peer.Client) error { return s.talks(ctx, c, room) }) })
		writers.Go(func() {
			s.act(ctx, "hearer-"+room, func(c *peer.Client) error { return s.hears(ctx, c, room, &s.voice[i]) })
		})
	}
	writers.Go(func() { s.joins(ctx) })
	writers.Go(func() { s.hostile(ctx) })
}

// act runs somebody until the load ends, through the proxy of the number of letters in the name: one room each.
func (s *soak) act(ctx context.Context, name string, f func(*peer.Client) error) {
	c, err := s.dialAs(ctx, s.proxy(len(name)%2), name)
	if err == nil {
		err = f(c)
		_ = c.Close()
	}
	if !over(ctx, err) {
		s.fail(name + ": " + err.Error())
	}
}

// reads takes what comes to a reader.
func (s *soak) reads(ctx context.Context, c *peer.Client, r *reading) {
	defer func() { _ = c.Close() }()
	for {
		select {
		case ev, ok := <-c.Events():
			if !ok {
				s.fail(fmt.Sprintf("%s: %v", r.name, c.Err()))
				return
			}
			switch ev := ev.(type) {
			case *peer.Message:
				s.read(r, string(ev.Body))
			case *peer.Lost:
				s.lost.Add(1)
			case *peer.Truncated, *peer.RoomLost:
				s.fail(fmt.Sprintf("%s: %T", r.name, ev))
			}
		case <-ctx.Done():
			return
		}
	}
}

// publishes publishes until the end, and then waits for the receipts.
func (s *soak) publishes(ctx context.Context, c *peer.Client, room string) error {
	go func() {
		for ev := range c.Events() { // nobody else takes them
			_ = ev
		}
	}()
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var receipts sync.WaitGroup
	defer receipts.Wait()
	for n := 0; wait(ctx, publishEvery); n++ {
		text := fmt.Sprintf("%s %d", room, n)
		p, err := c.Publish(late, peer.Outgoing{Room: room, Body: []byte(text)})
		if err != nil {
			return err
		}
		s.published.Add(1)
		receipts.Go(func() {
			bounded, cancel := context.WithTimeout(late, time.Hour)
			defer cancel()
			if _, err := p.Receipt(bounded); err == nil {
				s.receipt(room, text)
			}
		})
	}
	done := make(chan struct{})
	go func() {
		receipts.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(settleFor):
		cancel()
	}
	return nil
}

// talks talks and pauses.
func (s *soak) talks(ctx context.Context, c *peer.Client, room string) error {
	go func() {
		for ev := range c.Events() {
			_ = ev
		}
	}()
	if _, err := c.Join(ctx, peer.JoinOptions{Room: room}); err != nil {
		return err
	}
	codec := audio.Available()[0]
	frame := make([]int16, codec.FrameSamples)
	for i := range frame {
		frame[i] = int16(8000 * math.Sin(2*math.Pi*440*float64(i)/audio.SampleRate))
	}
	long := min(talkFor, s.last/10)
	for wait(ctx, min(time.Second, long)) {
		t, err := c.Talk(ctx, room, codec)
		if err != nil {
			return err
		}
		every := time.NewTicker(time.Duration(codec.FrameSamples) * time.Second / audio.SampleRate)
		for end := time.Now().Add(long); time.Now().Before(end) && ctx.Err() == nil && err == nil; <-every.C {
			err = t.Write(frame)
		}
		every.Stop()
		if err == nil {
			bounded, cancel := context.WithTimeout(ctx, settleFor)
			_, err = t.End(bounded)
			cancel()
		}
		if err != nil {
			s.lost.Add(1) // of its session, with what was said in it; the next talk shows whether it goes on
		}
	}
	return nil
}

// hears hears a room, and counts.
func (s *soak) hears(ctx context.Context, c *peer.Client, room string, v *voiceCount) error {
	h, err := c.Hear(ctx, peer.HearOptions{Room: room})
	if err != nil {
		return err
	}
	go func() {
		for ev := range c.Events() {
			if t, ok := ev.(*peer.Talking); ok && !t.Start {
				v.talks.Add(1)
				v.packets.Add(int64(t.Packets))
				v.lost.Add(int64(t.Lost))
			}
		}
	}()
	return h.Pace(ctx, peer.Frame, func([]int16) error { return nil })
}
