//go:build cgo

package audio

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"yodel/peer/audio/score"
)

// recording is a room's timeline in an Ogg file, and the mix that it was made of.
type recording struct {
	t    *testing.T
	play *Playout
	file bytes.Buffer
	ogg  *OggWriter
	mix  []int16
}

func newRecording(t *testing.T) *recording {
	r := &recording{t: t}
	w, err := NewOggWriter(&r.file)
	if err != nil {
		t.Fatal(err)
	}
	r.ogg, r.play = w, NewPlayout(PlayoutConfig{Tap: w.Part})
	return r
}

// say has a voice talk from a position on; what it says was there at once.
func (r *recording) say(ssrc uint32, at int64, packets [][]byte) {
	r.t.Helper()
	for i, p := range packets {
		err := r.play.Push(at+int64(960*i), Packet{SSRC: ssrc, Seq: uint16(i), Timestamp: uint32(960 * i), PayloadType: PayloadOpus, Payload: p})
		if err != nil {
			r.t.Fatal(err)
		}
	}
	r.play.End(ssrc, uint16(len(packets)-1))
}

// until pulls the timeline up to a position.
func (r *recording) until(end int) {
	r.t.Helper()
	for len(r.mix) < end {
		frame := make([]int16, min(960, end-len(r.mix)))
		r.play.Pull(int64(len(r.mix)), frame)
		r.mix = append(r.mix, frame...)
		if err := r.ogg.Write(frame); err != nil {
			r.t.Fatal(err)
		}
	}
}

// packets gives those of sound in an Ogg file.
func packets(t *testing.T, file []byte) (all [][]byte) {
	t.Helper()
	s := newOggStream(bytes.NewReader(file), false)
	for {
		p, err := s.next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, slices.Clone(p.data))
	}
}

// passed tells which of these packets are in the file, in order.
func (r *recording) passed(sent [][]byte) []bool {
	passed, at := make([]bool, len(sent)), 0
	for _, p := range packets(r.t, r.file.Bytes()) {
		if i := slices.IndexFunc(sent[at:], func(b []byte) bool { return bytes.Equal(b, p) }); i >= 0 {
			passed[at+i] = true
			at += i + 1
		}
	}
	return passed
}

// sounds compares what is in the file from position from to to with the mix.
func (r *recording) sounds(from, to int) score.Score {
	r.t.Helper()
	s, err := Open(bytes.NewReader(r.file.Bytes()), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	pcm := readAll(r.t, s)
	if len(pcm) != len(r.mix) {
		r.t.Fatalf("%d samples of %d are in the file", len(pcm), len(r.mix))
	}
	return score.Compare(r.mix[from:to], pcm[from:to])
}

func (r *recording) close() {
	r.t.Helper()
	if err := r.ogg.Close(); err != nil {
		r.t.Fatal(err)
	}
}

// Who talks alone gets into the file without loss, also where his talk does not begin on a frame; what sounds lies at most 1.25 ms beside the mix.
func TestAVoiceAloneIsNotEncodedAgain(t *testing.T) {
	sent := encodedSpeech(t)
	for _, at := range []int64{0, 10_037} {
		r := newRecording(t)
		r.say(1, at, sent)
		r.until(250_000)
		r.close()
		if i := slices.Index(r.passed(sent), false); i >= 0 {
			t.Errorf("at %d: packet %d is not in the file", at, i)
		}
		if s := r.sounds(0, 250_000); s.Lag < -oggAlmost || s.Lag > oggAlmost || s.FwSNRseg < 30 {
			t.Errorf("at %d: %v", at, s)
		}
	}
}

// Where two talk at once the mix is encoded, and before and after that each alone is not.
func TestVoicesAtOnceAreMixed(t *testing.T) {
	one, two := encodedSpeech(t), encodedSpeech(t)[40:140]
	r := newRecording(t)
	const begin, from = 10_000, 110_000
	to := from + 960*len(two)
	r.say(1, begin, one)
	r.say(2, from, two)
	r.until(260_000)
	r.close()
	for i, passed := range r.passed(one) {
		at := begin + 960*i
		alone := at+960 <= from || at >= to
		if alone != passed {
			t.Errorf("packet %d, at %d: passed %v", i, at, passed)
		}
	}
	if s := r.sounds(from, to); s.Lag != 0 || s.FwSNRseg < 22 {
		t.Errorf("both: %v", s)
	}
	if s := r.sounds(begin, from); s.FwSNRseg < 30 {
		t.Errorf("one alone: %v", s)
	}
}

// What is in the file of a program that was killed can be read, but for the last second.
func TestAnOggFileThatWasNotClosedCanBeRead(t *testing.T) {
	r := newRecording(t)
	r.say(1, 5000, encodedSpeech(t))
	for end := SampleRate / 2; end < 5*SampleRate; end += SampleRate / 3 {
		r.until(end)
		s, err := Open(bytes.NewReader(r.file.Bytes()), nil)
		if errors.Is(err, ErrEmpty) && end < 3*SampleRate/2 {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if n := len(readAll(t, s)); n < end-SampleRate-4*oggFrame || n > end {
			t.Errorf("after %d samples %d can be read", end, n)
		}
	}
}

// The file is as long as the timeline, to the sample.
func TestAnOggFileHasTheLengthOfTheTimeline(t *testing.T) {
	sent := encodedSpeech(t)
	for _, end := range []int{1, 500, 959, 960, 48_000, 70_001} {
		r := newRecording(t)
		r.say(1, 48, sent)
		r.until(end)
		r.close()
		s, err := Open(bytes.NewReader(r.file.Bytes()), nil)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(readAll(t, s)); n != end {
			t.Errorf("%d samples of %d", n, end)
		}
	}
	r := newRecording(t)
	r.close()
	if _, err := Open(bytes.NewReader(r.file.Bytes()), nil); !errors.Is(err, ErrEmpty) {
		t.Errorf("of nothing: %v", err)
	}
}

// What is kept does not grow while nobody writes packets into it that fit, nor with many voices.
func TestAnOggWriterKeepsLittle(t *testing.T) {
	r := newRecording(t)
	sent := encodedSpeech(t)
	for ssrc := range uint32(8) {
		r.say(ssrc, int64(3000*ssrc), sent[:100])
	}
	r.until(100_000)
	if len(r.ogg.mix) > 4*oggFrame || len(r.ogg.coming) > 20 || len(r.ogg.sounds) > 100 || len(r.ogg.free) > 100 {
		t.Errorf("%d samples, %d packets, %d pieces, %d spare", len(r.ogg.mix), len(r.ogg.coming), len(r.ogg.sounds), len(r.ogg.free))
	}
}

func TestTheErrorsOfTheFileAreTold(t *testing.T) {
	if _, err := NewOggWriter(&fullDisk{10}); !errors.Is(err, errFull) {
		t.Error(err)
	}
	w, err := NewOggWriter(&fullDisk{200})
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		if err = w.Write(make([]int16, 960)); err != nil {
			break
		}
	}
	if !errors.Is(err, errFull) {
		t.Error(err)
	}
}
