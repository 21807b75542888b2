//go:build cgo

package audio

import (
	"errors"
	"slices"
	"testing"

	"github.com/hraban/opus"

	"yodel/peer/audio/score"
)

// encodeFEC encodes frames of 20 ms with forward error correction, as another program may send it.
func encodeFEC(t *testing.T, pcm []int16) [][]byte {
	t.Helper()
	enc, err := opus.NewEncoder(SampleRate, 1, opus.AppVoIP)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(enc.SetBitrate(32000), enc.SetInBandFEC(true), enc.SetPacketLossPerc(20)); err != nil {
		t.Fatal(err)
	}
	var payloads [][]byte
	for frame := range slices.Chunk(pcm, 960) {
		if len(frame) < 960 {
			break
		}
		payload := make([]byte, 400)
		n, err := enc.Encode(frame, payload)
		if err != nil {
			t.Fatal(err)
		}
		payloads = append(payloads, payload[:n])
	}
	return payloads
}

func TestForwardErrorCorrectionFillsHoles(t *testing.T) {
	pcm := speech(t)
	payloads := encodeFEC(t, pcm)
	has, lost := 0, 0
	for k := 5; k < len(payloads)-1; k += 10 {
		lost++
		if opusHasFEC(payloads[k+1]) == 960 {
			has++
		}
	}
	if has < lost/4 {
		t.Fatalf("only %d of %d packets repeat the one before", has, lost)
	}
	d := adaptiveDesk(t)
	for k, payload := range payloads {
		d.pullFrames(960*k, 960)
		if k%10 != 5 {
			pkt := Packet{SSRC: 1, Seq: uint16(k), Timestamp: uint32(960 * k), PayloadType: PayloadOpus, Payload: payload}
			if err := d.Push(int64(960*k), pkt); err != nil {
				t.Fatal(err)
			}
		}
	}
	d.End(1, uint16(len(payloads)-1))
	d.pullFrames(960*(len(payloads)+10), 960)
	st := d.events[1].Stats
	if st.Recovered != has || st.Recovered+st.Lost+st.Played != len(payloads) {
		t.Errorf("%d of %d packets, %d of those lost are repeated: %+v", len(payloads), lost, has, st)
	}
	for k := 5; k < len(payloads); k += 10 {
		payloads[k] = nil
	}
	concealed := score.Compare(pcm, decodeAll(t, PayloadOpus, payloads, 960))
	recovered := score.Compare(pcm, d.out[40*ms:])
	if recovered.FwSNRseg < concealed.FwSNRseg+0.5 {
		t.Errorf("recovered: %v\nconcealed: %v", recovered, concealed)
	}
}
