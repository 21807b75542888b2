package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yodel/cmd/internal/fates"
	"yodel/cmd/internal/impair"
	"yodel/daemon"
	"yodel/peer"
	"yodel/peer/audio"
)

// recording is what a hearing was read into, in real time.
type recording struct {
	mu      sync.Mutex
	samples []int16
	end     func()
}

// record paces a hearing until stop is called.
func record(t *testing.T, h *peer.Hearing) *recording {
	t.Helper()
	r := &recording{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- h.Pace(ctx, peer.Frame, func(frame []int16) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.samples = append(r.samples, frame...)
			return nil
		})
	}()
	r.end = sync.OnceFunc(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	t.Cleanup(r.end)
	return r
}

// stop ends the recording and gives it.
func (r *recording) stop() []int16 {
	r.end()
	return r.samples
}

// voice is n samples whose values tell their place: 1 to 30000 and again.
func voice(n int) []int16 {
	v := make([]int16, n)
	for i := range v {
		v[i] = int16(i%30000 + 1)
	}
	return v
}

// pcm reads samples as raw s16le.
func pcm(t *testing.T, samples []int16) *audio.Source {
	t.Helper()
	r, w := io.Pipe()
	go func() {
		b := make([]byte, 0, 2*len(samples))
		for _, s := range samples {
			b = append(b, byte(s), byte(uint16(s)>>8))
		}
		_, err := w.Write(b) // at once: a slow source would be a pause
		_ = w.CloseWithError(err)
	}()
	t.Cleanup(func() { _ = r.Close() })
	src, err := audio.Open(r, &audio.Format{Encoding: "s16le", Rate: audio.SampleRate, Channels: 1})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// heard waits for the end of as many talks.
func heard(t *testing.T, c *peer.Client, talks int) (ends []*peer.Talking) {
	t.Helper()
	for len(ends) < talks {
		if ev := next[*peer.Talking](t, c); !ev.Start {
			ends = append(ends, ev)
		}
	}
	return ends
}

// shoutVoice plays samples into a room by L16 and gives the talk and its report.
func shoutVoice(t *testing.T, c *peer.Client, samples []int16) (*peer.Talk, peer.Report) {
	t.Helper()
	talk, err := c.Talk(soon(t), "lobby", audio.L16)
	if err != nil {
		t.Fatal(err)
	}
	if err := talk.Play(soon(t), pcm(t, samples), nil); err != nil {
		t.Fatal(err)
	}
	report, err := talk.End(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	return talk, report
}

// delayOf finds where the voice begins in a recording, and how many of its samples are not as they were said.
func delayOf(said, got []int16) (at, wrong int) {
	at = -1
	for i, s := range got {
		if s != 0 {
			at = i - (int(s) - 1)
			break
		}
	}
	for i, s := range said {
		if at < 0 || at+i >= len(got) || got[at+i] != s {
			wrong++
		}
	}
	return at, wrong
}

func hear(t *testing.T, c *peer.Client, o peer.HearOptions) *peer.Hearing {
	t.Helper()
	o.Room = "lobby"
	h, err := c.Hear(soon(t), o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// The rooms hold a voice for so long that a stall of a busy machine is not heard: it is sent 1.5 s before it is due.
const voiceDelay = 2 * time.Second

// hiccups tries three times what a stall of the machine for longer than 1.5 s spoils. What is always wrong fails each try; what goes wrong now and then is
// hidden: a fault in one of two tries fails the test one time in eight. The log has each try that failed.
func hiccups(t *testing.T, try func(t *testing.T) error) {
	t.Helper()
	const tries = 3
	var err error
	for n := range tries {
		if err = try(t); err == nil {
			return
		}
		t.Logf("try %d: %v", n+1, err)
	}
	t.Error(err)
}

// The echo is what was said, sample by sample, after the room's delay, for the talker too.
func TestEchoAfterTheDelay(t *testing.T) {
	t.Parallel()
	hiccups(t, echoAfterTheDelay)
}

func echoAfterTheDelay(t *testing.T) (err error) {
	w := newWorld(t, daemon.Config{Delay: voiceDelay})
	alice, bob := w.dial(w.config("alice")), w.dial(w.config("bob"))
	of := map[*peer.Client]*peer.Hearing{alice: hear(t, alice, peer.HearOptions{}), bob: hear(t, bob, peer.HearOptions{})}
	tapes := map[*peer.Client]*recording{alice: record(t, of[alice]), bob: record(t, of[bob])}
	said := voice(audio.SampleRate)
	talk, report := shoutVoice(t, alice, said)
	if report.Frames != 100 || report.Lost != 0 || report.Duration != time.Second {
		err = fmt.Errorf("report %+v", report)
	}
	for c, tape := range tapes {
		end := heard(t, c, 1)[0]
		if end.Nick != "alice" || end.Lost != 0 || end.Packets != 100 || end.Duration != time.Second || end.Self != (c == alice) {
			err = errors.Join(err, fmt.Errorf("%s heard %+v", c.Nick(), end))
		}
		at, wrong := delayOf(said, tape.stop())
		if wrong > 0 {
			err = errors.Join(err, fmt.Errorf("%s: %d samples are not as they were said", c.Nick(), wrong))
		}
		echo := of[c].Start().Add(time.Duration(at) * time.Second / audio.SampleRate).Sub(talk.Started())
		if off := (echo - voiceDelay).Abs(); off > 150*time.Millisecond {
			err = errors.Join(err, fmt.Errorf("%s: the echo comes after %v", c.Nick(), echo))
		}
		t.Logf("%s: echo after %v", c.Nick(), echo)
	}
	return err
}

func TestVoiceOverABadNetwork(t *testing.T) {
	t.Parallel()
	hiccups(t, voiceOverABadNetwork)
}

func voiceOverABadNetwork(t *testing.T) (err error) {
	w := newWorld(t, daemon.Config{Delay: voiceDelay})
	proxy, err := impair.New(impair.Config{
		Target: w.addr.String(), Seed: 11,
		Profile: fates.Profile{Loss: 0.1, Dup: 0.02, Reorder: 0.05, Delay: 20 * time.Millisecond, Jitter: 10 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = proxy.Close() })
	dial := func(nick string) *peer.Client {
		cfg := w.config(nick)
		cfg.Server = proxy.Addr().String()
		return w.dial(cfg)
	}
	alice, bob := dial("alice"), dial("bob")
	h := hear(t, bob, peer.HearOptions{})
	tape := record(t, h)
	join(t, alice, peer.JoinOptions{Room: "lobby"})
	said := voice(3 * audio.SampleRate)
	_, report := shoutVoice(t, alice, said)
	if report.Lost != 0 || report.Frames != 300 {
		err = fmt.Errorf("report %+v", report)
	}
	if end := heard(t, bob, 1)[0]; end.Lost != 0 || end.Packets != 300 {
		err = errors.Join(err, fmt.Errorf("heard %+v", end))
	}
	if _, wrong := delayOf(said, tape.stop()); wrong > 0 {
		err = errors.Join(err, fmt.Errorf("%d samples are not as they were said", wrong))
	}
	if st := proxy.Stats(); st.Up.Lost == 0 || st.Down.Lost == 0 {
		t.Errorf("the network lost nothing: %+v", st)
	}
	return err
}

func TestManyTalkersAreMixed(t *testing.T) {
	t.Parallel()
	hiccups(t, manyTalkersAreMixed)
}

func manyTalkersAreMixed(t *testing.T) (err error) {
	w := newWorld(t, daemon.Config{Delay: voiceDelay})
	listener := w.dial(w.config("listener"))
	tape := record(t, hear(t, listener, peer.HearOptions{}))
	var all sync.WaitGroup
	freqs := []float64{300, 700, 1900}
	for i, f := range freqs {
		c := w.dial(w.config(string(rune('a' + i))))
		join(t, c, peer.JoinOptions{Room: "lobby"})
		all.Go(func() {
			tone := make([]int16, audio.SampleRate)
			for k := range tone {
				tone[k] = int16(6000 * math.Sin(2*math.Pi*f*float64(k)/audio.SampleRate))
			}
			shoutVoice(t, c, tone)
		})
	}
	all.Wait()
	heard(t, listener, len(freqs))
	got := tape.stop()
	for _, f := range freqs {
		if a := amplitude(got, f); a < 2000 {
			err = errors.Join(err, fmt.Errorf("%v Hz has an amplitude of %.0f in the mix", f, a))
		}
	}
	if a := amplitude(got, 1100); a > 300 {
		err = errors.Join(err, fmt.Errorf("1100 Hz, which nobody said, has an amplitude of %.0f", a))
	}
	return err
}

// amplitude is the greatest that a tone has in any half second (Goertzel).
func amplitude(samples []int16, hz float64) float64 {
	const n = audio.SampleRate / 2
	best := 0.0
	for ; len(samples) >= n; samples = samples[n/4:] {
		var re, im float64
		for i, s := range samples[:n] {
			w := 2 * math.Pi * hz * float64(i) / audio.SampleRate
			re += float64(s) * math.Cos(w)
			im += float64(s) * math.Sin(w)
		}
		best = max(best, 2*math.Hypot(re, im)/n)
	}
	return best
}

func TestOwnVoiceIsLeftOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, daemon.Config{Delay: voiceDelay})
	alice, bob := w.dial(w.config("alice")), w.dial(w.config("bob"))
	tape := record(t, hear(t, alice, peer.HearOptions{NoSelf: true}))
	other := record(t, hear(t, bob, peer.HearOptions{}))
	shoutVoice(t, alice, voice(audio.SampleRate/5))
	heard(t, bob, 1)
	other.stop()
	for _, s := range tape.stop() {
		if s != 0 {
			t.Fatal("alice hears herself")
		}
	}
}

// A talk goes on when the daemon was started again.
func TestTalkOverARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, daemon.Config{Delay: voiceDelay})
	cfg := w.config("alice")
	cfg.Reconnect = true
	alice := w.dial(cfg)
	h := hear(t, alice, peer.HearOptions{})
	tape := record(t, h)
	talk, err := alice.Talk(soon(t), "lobby", audio.L16)
	if err != nil {
		t.Fatal(err)
	}
	ctx, enough := context.WithCancel(t.Context())
	defer enough()
	played := make(chan error, 1)
	var back atomic.Bool
	go func() {
		frames := 0 // since it is back
		played <- talk.Play(ctx, pcm(t, voice(60*audio.SampleRate)), func(peer.Progress) {
			if back.Load() {
				frames++
			}
			if frames == 150 {
				enough()
			}
		})
	}()
	next[*peer.Talking](t, alice)
	w.stop()
	w.start()
	next[*peer.Back](t, alice)
	back.Store(true)
	if err := <-played; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	report, err := talk.End(soon(t))
	if err != nil || report.Lost == 0 || report.Frames-report.Lost < 100 {
		t.Errorf("%+v %v", report, err)
	}
	// What was said before the restart ended early.
	end := heard(t, alice, 1)[0]
	for end.SSRC != talk.SSRC() {
		end = heard(t, alice, 1)[0]
	}
	if end.Packets < 50 {
		t.Errorf("after the restart %+v", end)
	}
	tape.stop()
}

// Who ends a talk while the daemon is away learns that it was lost.
func TestTalkEndsWhileTheDaemonIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, daemon.Config{})
	cfg := w.config("alice")
	cfg.Reconnect = true
	c := w.dial(cfg)
	join(t, c, peer.JoinOptions{Room: "lobby"})
	talk, err := c.Talk(soon(t), "lobby", audio.L16)
	if err != nil {
		t.Fatal(err)
	}
	frame := make([]int16, audio.L16.FrameSamples)
	if err := talk.Write(frame); err != nil {
		t.Fatal(err)
	}
	w.stop()
	next[*peer.Lost](t, c)
	if err := talk.Write(frame); err != nil {
		t.Fatal(err)
	}
	report, err := talk.End(soon(t))
	if !errors.Is(err, peer.ErrLost) || report.Frames != 2 || report.Lost != 1 {
		t.Errorf("%+v, %v", report, err)
	}
}
