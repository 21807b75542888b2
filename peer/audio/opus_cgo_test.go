//go:build cgo

package audio

import (
	"testing"

	"yodel/peer/audio/score"
)

// opusWanted is what asking for Opus gives in this build.
var opusWanted error

func TestOpusPacketsHaveOneSizeAndSoundLikeSpeech(t *testing.T) {
	pcm := speech(t)
	payloads := encodeAll(t, Opus, pcm)
	for i, b := range payloads {
		if n, err := PacketSamples(PayloadOpus, b); len(b) != OpusPayload || n != Opus.FrameSamples || err != nil {
			t.Fatalf("packet %d: %d bytes, %d samples, %v", i, len(b), n, err)
		}
	}
	s := score.Compare(pcm, decodeAll(t, PayloadOpus, payloads, 960))
	if s.FwSNRseg < 18 || s.Lost != 0 || s.Lag < Opus.Lookahead-10 || s.Lag > Opus.Lookahead {
		t.Error(s)
	}
}

func TestOpusConcealmentIsBetterThanSilence(t *testing.T) {
	pcm := speech(t)[:75*960]
	payloads := encodeAll(t, Opus, pcm)
	for i := 10; i < len(payloads); i += 10 {
		payloads[i] = nil
	}
	out := decodeAll(t, PayloadOpus, payloads, 960)
	concealed := score.Compare(pcm, out)
	for i := 10; i < len(payloads); i += 10 {
		clear(out[i*960 : (i+1)*960])
	}
	silenced := score.Compare(pcm, out)
	if concealed.Lost != 0 || concealed.FwSNRseg < silenced.FwSNRseg+0.5 {
		t.Errorf("concealed: %v\nsilenced: %v", concealed, silenced)
	}
}

func TestOpusAllocatesNothingPerPacket(t *testing.T) {
	e, err := NewEncoder(Opus)
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDecoder(PayloadOpus)
	if err != nil {
		t.Fatal(err)
	}
	frame, buf, payload := sine(960, 440, 48000, 0.3), make([]int16, MaxFrame), make([]byte, 0, OpusPayload)
	allocs := testing.AllocsPerRun(50, func() {
		if payload, err = e.Encode(payload[:0], frame); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Decode(buf, payload); err != nil {
			t.Fatal(err)
		}
		d.Conceal(buf[:960])
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkOpusEncode(b *testing.B) {
	e, err := NewEncoder(Opus)
	if err != nil {
		b.Fatal(err)
	}
	pcm := speech(b)
	payload := make([]byte, 0, OpusPayload)
	for i := 0; b.Loop(); i = (i + 960) % len(pcm) {
		if payload, err = e.Encode(payload[:0], pcm[i:i+960]); err != nil {
			b.Fatal(err)
		}
	}
}
