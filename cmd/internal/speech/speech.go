// Package speech makes voices whose loss can be heard and measured: what the suites share that have real programs talk. It is a test tool and no part
// of Yodel's binaries.
package speech

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"yodel/peer/audio"
	"yodel/peer/audio/score"
)

const (
	// Frame is how many samples a frame has, as Opus is sent.
	Frame = audio.SampleRate / 50
	// FrameTime is how long it is.
	FrameTime = 20 * time.Millisecond

	file = "../../../testdata/speech.wav"

	pauseShare   = 0.05 // a frame of speech with less than this of the mean energy is a pause
	silenceLevel = 1e-6 // mean square of a frame that is silent: -60 dB, as yodel hear has it
)

// recording is what all voices are made of: the frames of the recording that are no pauses, 48 kHz.
var recording = sync.OnceValues(func() ([][]int16, error) {
	pcm, err := Load(file)
	if err != nil {
		return nil, err
	}
	mean := energy(pcm)
	var frames [][]int16
	for ; len(pcm) >= Frame; pcm = pcm[Frame:] {
		if energy(pcm[:Frame]) > pauseShare*mean {
			frames = append(frames, pcm[:Frame])
		}
	}
	return frames, nil
})

// New is speech without a pause for a time, the recording again and again. No second is like another: each time it begins elsewhere and is as
// loud as the seed says, so that an alignment is found only where it belongs.
func New(d time.Duration, seed uint64) ([]int16, error) {
	frames, err := recording()
	if err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(seed, 2))
	n := int(d / FrameTime)
	voice := make([]int16, 0, n*Frame)
	for len(voice) < n*Frame {
		at, gain := rng.IntN(len(frames)), 0.4+0.6*rng.Float64()
		for range min(25, n-len(voice)/Frame) {
			for _, v := range frames[at%len(frames)] {
				voice = append(voice, int16(gain*float64(v)))
			}
			at++
		}
	}
	return voice, nil
}

// Save writes a voice as WAV.
func Save(path string, pcm []int16) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w, err := audio.NewWAVWriter(f)
	if err != nil {
		return err
	}
	return errors.Join(w.Write(pcm), w.Close())
}

// Load reads a WAV file as 48 kHz mono.
func Load(path string) ([]int16, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	src, err := audio.Open(f, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var pcm []int16
	buf := make([]int16, Frame)
	for {
		n, err := src.Read(buf)
		pcm = append(pcm, buf[:n]...)
		if errors.Is(err, io.EOF) {
			return pcm, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
}

// energy is the mean square, 1 at full scale.
func energy(pcm []int16) float64 {
	sum := 0.0
	for _, v := range pcm {
		x := float64(v) / 32768
		sum += x * x
	}
	return sum / float64(max(1, len(pcm)))
}

// LongestGap is the longest silence between the first and the last sound; sound tells whether there is any.
func LongestGap(pcm []int16) (gap time.Duration, sound bool) {
	silent, worst := 0, 0
	for ; len(pcm) >= Frame; pcm = pcm[Frame:] {
		if energy(pcm[:Frame]) < silenceLevel {
			silent++
			continue
		}
		if sound {
			worst = max(worst, silent)
		}
		silent, sound = 0, true
	}
	return time.Duration(worst) * FrameTime, sound
}

// comparing keeps comparisons from each other: one of a minute of voice takes 400 MB.
var comparing sync.Mutex

// Compare scores what was heard against what was said.
func Compare(said, heard []int16) score.Score {
	comparing.Lock()
	defer comparing.Unlock()
	return score.Compare(said, heard)
}

// CompareSeconds scores what was heard against what was said, each second aligned by itself.
func CompareSeconds(said, heard []int16) (score.Score, []score.Second) {
	comparing.Lock()
	defer comparing.Unlock()
	return score.CompareSeconds(said, heard)
}
