//go:build cgo

package audio

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hraban/opus"
)

const (
	haveOpusEncoder = true
	opusConceals    = true
)

// opusComplexity is libopus's highest: 0.3 ms of CPU for 20 ms of sound.
const opusComplexity = 10

// opusEncoder is libopus at a constant bit rate. The application is "audio": measured with libopus 1.3.1 on three voices, it scores 19.1, 19.8
// and 19.6 dB fwSNRseg where "voip" scores 17.7, 18.5 and 18.5 and "restricted low delay" 17.1, 18.2 and 20.4; with every tenth
// packet lost it is better than "voip" by 0.8 to 1.4 dB.
type opusEncoder struct {
	enc *opus.Encoder
}

func newOpusEncoder() (*opusEncoder, error) {
	enc, err := opus.NewEncoder(SampleRate, 1, opus.AppAudio)
	if err != nil {
		return nil, fmt.Errorf("opus encoder: %w", err)
	}
	err = errors.Join(enc.SetVBR(false), enc.SetBitrate(DefaultBitrate), enc.SetComplexity(opusComplexity))
	if err != nil {
		return nil, fmt.Errorf("opus encoder: %w", err)
	}
	return &opusEncoder{enc: enc}, nil
}

func (o *opusEncoder) setBitrate(bps int) error {
	if err := o.enc.SetBitrate(bps); err != nil {
		return fmt.Errorf("opus encoder: %w", err)
	}
	return nil
}

// encode appends one packet to dst.
func (o *opusEncoder) encode(dst []byte, frame []int16) ([]byte, error) {
	at := len(dst)
	dst = slices.Grow(dst, OpusPayload)
	n, err := o.enc.Encode(frame, dst[at:at+OpusPayload:at+OpusPayload]) // the library takes the capacity as the limit
	if err != nil {
		return dst[:at], fmt.Errorf("opus encoder: %w", err)
	}
	return dst[:at+n], nil
}

// plcStep is the granularity of libopus's concealment: 2.5 ms.
const plcStep = SampleRate / 400

// opusDecoder is libopus, with its own concealment.
type opusDecoder struct {
	dec     *opus.Decoder
	scratch [960]int16
}

func newOpusDecoder() (*opusDecoder, error) {
	dec, err := opus.NewDecoder(SampleRate, 1)
	if err != nil {
		return nil, fmt.Errorf("opus decoder: %w", err)
	}
	return &opusDecoder{dec: dec}, nil
}

// decode fills dst from its start and returns the number of samples.
func (o *opusDecoder) decode(dst []int16, payload []byte) (int, error) {
	return o.dec.Decode(payload, dst[:len(dst):len(dst)]) // the library takes the capacity as the limit
}

// recover fills dst with the frame before payload, of its length.
func (o *opusDecoder) recover(dst []int16, payload []byte) error {
	return o.dec.DecodeFEC(payload, dst[:len(dst):len(dst)])
}

// conceal fills dst with what may have been lost, and reports whether it could.
func (o *opusDecoder) conceal(dst []int16) bool {
	for len(dst) > 0 {
		n := min(len(dst), len(o.scratch))
		whole := (n + plcStep - 1) / plcStep * plcStep
		if err := o.dec.DecodePLC(o.scratch[:whole:whole]); err != nil {
			return false
		}
		dst = dst[copy(dst, o.scratch[:n]):]
	}
	return true
}
