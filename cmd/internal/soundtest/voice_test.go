//go:build linux

package soundtest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"yodel/cmd/internal/fates"
	"yodel/cmd/internal/programs"
	"yodel/cmd/internal/speech"
	"yodel/cmd/internal/through"
	"yodel/peer/audio"
	"yodel/peer/audio/score"
)

// voice is a course: one talks, one hears, and what was heard is held against what was said.
type voice struct {
	room    string
	latency string // of hear; empty: its own choice
	length  time.Duration
	quality bar // dB below the codec alone
	ear     bar // ms from mouth to ear, beyond the room's delay, in the worst second
}

// lan is a network whose packets take 0 to 20 ms on each hop.
var lan = fates.Profile{Delay: 10 * ms, Jitter: 10 * ms}

// lossy is a network that takes 10 to 20 ms on each hop, and loses a share of the packets on each.
func lossy(share float64) fates.Profile {
	return fates.Profile{Loss: share, Delay: 15 * ms, Jitter: 5 * ms}
}

// voices are the rows of one voice.
func voices() []row {
	const half, minute = 30 * time.Second, time.Minute
	live := func(length time.Duration, quality, ear bar) func(*world, *outcome) error {
		return voice{room: liveRoom, length: length, quality: quality, ear: ear}.run
	}
	return []row{
		{name: "live", short: true, course: live(20*time.Second, most(0.3, 3), bar{})},
		{name: "live, jitter ±10 ms", short: true, both: lan, course: live(half, bar{}, most(80, 300))},
		{
			name: "live, jitter ±10 ms, 20 ms", both: lan,
			course: voice{room: liveRoom, latency: "20ms", length: half, ear: most(60, 300)}.run,
		},
		{name: "live, loss 5 %", short: true, both: lossy(0.05), course: live(minute, most(1, 8), bar{})},
		{name: "live, loss 10 %", both: lossy(0.10), course: live(minute, most(2, 8), bar{})},
		{
			name: "2 s, loss 20 %", short: true, both: lossy(0.20),
			course: voice{room: echoRoom, length: minute, quality: most(0.3, 2)}.run,
		},
	}
}

// shortVoice is how long a voice is in the short form.
const shortVoice = 8 * time.Second

func (v voice) run(w *world, out *outcome) error {
	pcm, err := speech.New(form(v.length, shortVoice), w.seed)
	if err != nil {
		return err
	}
	said := w.path("voice.wav")
	if err := speech.Save(said, pcm); err != nil {
		return err
	}
	var args []string
	if v.latency != "" {
		args = []string{"--latency", v.latency}
	}
	ear, zero, err := w.hear("bob", v.room, args...)
	if err != nil {
		return err
	}
	mouth, began, err := w.talk("alice", v.room, said, sameRate...)
	if err != nil {
		return err
	}
	err = w.within(length(pcm), func(ctx context.Context) error { return mouth.Ends(ctx, 0, 0) })
	if err != nil {
		return err
	}
	if err := w.heard(ear, 1); err != nil {
		return err
	}
	heard, err := speech.Load(w.path("bob.wav"))
	if err != nil {
		return err
	}
	lost(out, ear)
	sent(out, mouth)
	return v.measure(out, pcm, heard, began.Sub(zero))
}

// measure holds what was heard against what was said, which began so long after it.
func (v voice) measure(out *outcome, said, heard []int16, began time.Duration) error {
	alone, err := through.Codec(audio.Opus, audio.DefaultBitrate, said)
	if err != nil {
		return err
	}
	reference, _ := speech.CompareSeconds(said, alone)
	s, seconds := speech.CompareSeconds(said, heard)
	delays, err := aligned(seconds)
	if err != nil {
		return err
	}
	if v.room == echoRoom {
		began += echoDelay
	}
	for i := range delays {
		delays[i] -= milli(began)
	}
	gap, _ := speech.LongestGap(heard)
	out.take(
		figure{what: "fwSNRseg below the codec", unit: "dB", value: reference.FwSNRseg - s.FwSNRseg, bar: v.quality},
		figure{what: "of the codec alone", unit: "dB", value: reference.FwSNRseg},
		figure{what: "mouth to ear, worst second", unit: "ms", value: slices.Max(delays), bar: v.ear},
		figure{what: "median", unit: "ms", value: median(delays)},
		figure{what: "longest gap", unit: "ms", value: milli(gap)},
	)
	return nil
}

// lost takes how many of the frames were not there in time, as the program counts them.
func lost(out *outcome, ear *programs.Process) {
	for _, e := range ear.Of("talk") {
		if e.State == "end" {
			out.take(figure{what: "frames lost", unit: "%", value: 100 * float64(e.Lost) / float64(max(1, e.Frames))})
		}
	}
}

// sent takes what the talker's program says about its last packets.
func sent(out *outcome, mouth *programs.Process) {
	var o struct{ Bitrate, Copies int }
	for _, e := range mouth.Of("talk") {
		if err := json.Unmarshal([]byte(e.Line), &o); err == nil && o.Bitrate > 0 {
			out.take(
				figure{what: "bit rate at the end", unit: "kbit/s", value: float64(o.Bitrate) / 1000},
				figure{what: "copies at the end", value: float64(o.Copies)},
			)
		}
	}
}

// aligned gives the delay of each second that was found, in ms. Most must have been.
func aligned(seconds []score.Second) (delays []float64, err error) {
	for _, s := range seconds {
		if s.Aligned {
			delays = append(delays, milli(s.Delay()))
		}
	}
	if len(delays)*10 < len(seconds)*8 || len(delays) == 0 {
		return nil, fmt.Errorf("of %d seconds that were said %d are found in what was heard", len(seconds), len(delays))
	}
	return delays, nil
}

func length(pcm []int16) time.Duration {
	return time.Duration(len(pcm)/speech.Frame) * speech.FrameTime
}

func milli(d time.Duration) float64 { return float64(d) / float64(ms) }

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return x[len(x)/2]
}
