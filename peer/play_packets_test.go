//go:build cgo

package peer

import (
	"bytes"
	"errors"
	"io"
	"math"
	"testing"
	"testing/synctest"

	"yodel/peer/audio"
)

// tone is n samples of 440 Hz.
func tone(n int) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(8000 * math.Sin(2*math.Pi*440*float64(i)/audio.SampleRate))
	}
	return pcm
}

// oggOf is an Ogg Opus file of samples.
func oggOf(t *testing.T, pcm []int16) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := audio.NewOggWriter(&b)
	if err == nil {
		err = errors.Join(w.Write(pcm), w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func openSource(t *testing.T, file []byte) *audio.Source {
	t.Helper()
	src, err := audio.Open(bytes.NewReader(file), nil)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// The packets of a file go into an Opus talk as they are; a talk of another codec gets its sound.
func TestPlaySendsThePacketsOfAFile(t *testing.T) {
	file := oggOf(t, tone(48_000))
	synctest.Test(t, func(t *testing.T) {
		talk, frames := talkInto(t, audio.Opus)
		levels := 0
		err := talk.Play(t.Context(), openSource(t, file), func(p Progress) {
			if p.Level > -20 {
				levels++
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		src, frame := openSource(t, file), make([]int16, 960)
		for i, f := range frames() {
			_, want, err := src.ReadPacket(frame)
			if err != nil && !errors.Is(err, io.EOF) || len(want) == 0 || !bytes.Equal(f.payload, want) || f.ts != uint32(960*i) {
				t.Errorf("frame %d: %d bytes, not those of the file: %v", i, len(f.payload), err)
			}
		}
		if _, rest, _ := src.ReadPacket(frame); rest != nil {
			t.Error("the file has more packets than were sent")
		}
		if levels < 49 {
			t.Errorf("the level of %d frames is told", levels)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		talk, frames := talkInto(t, audio.Opus)
		err := errors.Join(talk.SetBitrate(audio.MinBitrate), talk.Play(t.Context(), openSource(t, file), nil))
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range frames() {
			if len(f.payload) != audio.MinBitrate/8/50 {
				t.Errorf("frame %d: %d bytes at a fixed bit rate", i, len(f.payload))
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		talk, frames := talkInto(t, audio.L16)
		if err := talk.Play(t.Context(), openSource(t, file), nil); err != nil {
			t.Fatal(err)
		}
		if got := frames(); len(got) != 100 || len(got[0].payload) != 960 {
			t.Errorf("%d frames", len(got))
		}
	})
}

// Behind the last packet that fits the encoder goes on from the sound of that one.
func TestPlayGoesOnBehindPackets(t *testing.T) {
	const packets, total = 10, 15
	pcm := tone(total * 960)
	packet := []byte{0xf8, 1, 2, 3}
	synctest.Test(t, func(t *testing.T) {
		talk, frames := talkInto(t, audio.Opus)
		i := 0
		err := talk.play(t.Context(), func(b []int16) (int, []byte, error) {
			n := copy(b, pcm[min(960*i, len(pcm)):])
			i++
			switch {
			case n == 0:
				return 0, nil, io.EOF
			case i <= packets:
				return n, packet, nil
			}
			return n, nil, nil
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		enc, err := audio.NewEncoder(audio.Opus)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range frames() {
			if i < packets {
				if !bytes.Equal(f.payload, packet) {
					t.Errorf("frame %d is not the packet", i)
				}
				if i < packets-1 {
					continue
				}
			}
			frame := make([]int16, 960)
			copy(frame, pcm[min(960*i, len(pcm)):])
			want, err := enc.Encode(nil, frame)
			if err != nil {
				t.Fatal(err)
			}
			if i >= packets && !bytes.Equal(f.payload, want) {
				t.Errorf("frame %d does not go on from the one before", i)
			}
		}
	})
}
