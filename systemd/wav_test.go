//go:build linux

package systemd_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"testing"
	"time"
)

const (
	frame   = 20 * time.Millisecond
	audible = 300 // RMS of a 16-bit frame that holds voice
)

// A recording is a 16-bit WAV file.
type recording struct {
	rate    int // frames of channels a second
	samples []int16
}

// readWAV reads a mono file of 16-bit PCM.
func readWAV(t *testing.T, path string) recording {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		t.Fatalf("%s is no WAV file", path)
	}
	var r recording
	for b = b[12:]; len(b) >= 8; {
		id, size := string(b[:4]), int(binary.LittleEndian.Uint32(b[4:8]))
		if b = b[8:]; size > len(b) {
			t.Fatalf("%s: chunk %q has %d bytes of %d", path, id, len(b), size)
		}
		switch id {
		case "fmt ":
			if kind, channels, bits := b[0], b[2], b[14]; kind != 1 || channels != 1 || bits != 16 {
				t.Fatalf("%s: format %d, %d channels, %d bits; want PCM, mono, 16", path, kind, channels, bits)
			}
			r.rate = int(binary.LittleEndian.Uint32(b[4:8]))
		case "data":
			r.samples = make([]int16, size/2)
			if err := binary.Read(bytes.NewReader(b[:size]), binary.LittleEndian, r.samples); err != nil {
				t.Fatal(err)
			}
		}
		b = b[min(size+size%2, len(b)):]
	}
	if r.rate == 0 || len(r.samples) == 0 {
		t.Fatalf("%s holds no sound", path)
	}
	return r
}

// voice returns when the first audible frame begins and how much is audible.
func (r recording) voice() (onset, audibleFor time.Duration) {
	onset = -1
	for i, loud := range r.loud() {
		if loud && onset < 0 {
			onset = time.Duration(i) * frame
		}
		if loud {
			audibleFor += frame
		}
	}
	return onset, audibleFor
}

// longestGap is the longest time without an audible frame between two that are.
func (r recording) longestGap() (longest time.Duration) {
	last := -1
	for i, loud := range r.loud() {
		if !loud {
			continue
		}
		if last >= 0 {
			longest = max(longest, time.Duration(i-last-1)*frame)
		}
		last = i
	}
	return longest
}

// loud tells of each frame whether it is audible.
func (r recording) loud() (frames []bool) {
	step := r.rate * int(frame) / int(time.Second)
	for i := 0; i+step <= len(r.samples); i += step {
		var power float64
		for _, s := range r.samples[i : i+step] {
			power += float64(s) * float64(s)
		}
		frames = append(frames, math.Sqrt(power/float64(step)) >= audible)
	}
	return frames
}
