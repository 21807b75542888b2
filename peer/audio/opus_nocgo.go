//go:build !cgo

package audio

import (
	"fmt"

	"github.com/pion/opus"
)

const (
	haveOpusEncoder = false
	opusConceals    = false
)

// opusEncoder does not exist without libopus.
type opusEncoder struct{}

func newOpusEncoder() (*opusEncoder, error) { return nil, ErrNoOpus }

func (*opusEncoder) setBitrate(int) error { return ErrNoOpus }

func (*opusEncoder) encode(dst []byte, _ []int16) ([]byte, error) { return dst, ErrNoOpus }

// opusDecoder is pion/opus, a decoder in Go without concealment.
type opusDecoder struct {
	dec opus.Decoder
}

func newOpusDecoder() (*opusDecoder, error) {
	dec, err := opus.NewDecoderWithOutput(SampleRate, 1)
	if err != nil {
		return nil, fmt.Errorf("opus decoder: %w", err)
	}
	return &opusDecoder{dec: dec}, nil
}

// decode fills dst from its start and returns the number of samples. A panic of the library on a malformed packet is an error.
func (o *opusDecoder) decode(dst []int16, payload []byte) (n int, err error) {
	defer func() {
		if r := recover(); r != nil {
			n, err = 0, fmt.Errorf("%w: %v", ErrPayload, r)
		}
	}()
	return o.dec.DecodeToInt16(payload, dst)
}

// recover tells that the library does not use what repeats the frame before.
func (*opusDecoder) recover([]int16, []byte) error { return ErrNoOpus }

// conceal reports that the library cannot.
func (*opusDecoder) conceal([]int16) bool { return false }
