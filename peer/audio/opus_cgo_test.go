//go:build cgo

package audio

import (
	"testing"
	"time"

	"yodel/peer/audio/score"
)

// opusWanted is what asking for Opus gives in this build.
var opusWanted error

func TestOpusPacketsHaveOneSizeAndSoundLikeSpeech(t *testing.T) {
	pcm := speech(t)
	payloads := encodeAll(t, Opus, pcm)
	for i, b := range payloads {
		if n, err := PacketSamples(PayloadOpus, b); len(b) != DefaultBitrate/8/50 || n != Opus.FrameSamples || err != nil {
			t.Fatalf("packet %d: %d bytes, %d samples, %v", i, len(b), n, err)
		}
	}
	s := score.Compare(pcm, decodeAll(t, PayloadOpus, payloads, 960))
	if s.FwSNRseg < 18 || s.Lost != 0 || s.Lag < Opus.Lookahead-10 || s.Lag > Opus.Lookahead {
		t.Error(s)
	}
}

// The rate changes from one packet to the next, the size with it, and nothing of the sound is lost.
func TestOpusBitrates(t *testing.T) {
	pcm := speech(t)
	e, err := NewEncoder(Opus)
	if err != nil {
		t.Fatal(err)
	}
	var payloads [][]byte
	rates := [...]int{16_000, 32_000, 48_000, 64_000, 80_000, 96_000}
	for at := 0; at+960 <= len(pcm); at += 960 {
		bps := rates[at/960/50%len(rates)] // another one each second
		if err := e.SetBitrate(bps); err != nil {
			t.Fatal(err)
		}
		b, err := e.Encode(nil, pcm[at:at+960])
		if err != nil || len(b) != bps/8/50 || len(b) > OpusPayload {
			t.Fatalf("%d bytes at %d bit/s, %v", len(b), bps, err)
		}
		payloads = append(payloads, b)
	}
	if s := score.Compare(pcm, decodeAll(t, PayloadOpus, payloads, 960)); s.FwSNRseg < 16 || s.Lost != 0 {
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

// What passes a talk on without decoding gets the packets that are heard as they are, and no others.
func TestTheTapTellsPacketsThatAreHeardAsTheyAre(t *testing.T) {
	for name, c := range map[string]struct {
		ppm   int64
		whole bool
	}{
		"steady":   {0, true},
		"drifting": {800, false},
	} {
		t.Run(name, func(t *testing.T) {
			var packets, sound, lastAt int64
			p := NewPlayout(PlayoutConfig{Lead: 60 * time.Millisecond, Tap: func(part Part) {
				sound += int64(len(part.PCM))
				if part.Payload != nil {
					packets++
					lastAt = part.At
				}
			}})
			const n = 1500
			payload := encodeAll(t, Opus, sine(960, 440, 48000, 0.1))[0]
			for k := range int64(n) {
				at := k*960 + k*960*c.ppm/1e6
				if err := p.Push(at, Packet{SSRC: 1, Seq: uint16(k), Timestamp: uint32(960 * k), PayloadType: PayloadOpus, Payload: payload}); err != nil {
					t.Fatal(err)
				}
				p.Pull(p.Next(), make([]int16, 960))
			}
			if wantAt := 60*ms + 960*(packets-1); c.whole && (packets != (sound+959)/960 || lastAt != wantAt) {
				t.Errorf("%d packets with %d samples, the last at %d, want %d", packets, sound, lastAt, wantAt)
			}
			if !c.whole && (packets < 100 || packets > n/2) {
				t.Errorf("%d of %d packets are told while the talk is resampled", packets, n)
			}
		})
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
