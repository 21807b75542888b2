package audio

import (
	"encoding/binary"
	"fmt"
)

// Encoder turns frames of samples into RTP payloads of one codec. It is used by one goroutine at a time.
type Encoder struct {
	codec Codec
	opus  *opusEncoder // nil unless the codec is Opus
}

// NewEncoder makes an encoder. The errors are ErrUnknownCodec, ErrNoOpus, and what libopus returns.
func NewEncoder(c Codec) (*Encoder, error) {
	switch c {
	case L16:
		return &Encoder{codec: c}, nil
	case Opus:
		o, err := newOpusEncoder()
		if err != nil {
			return nil, err
		}
		return &Encoder{codec: c, opus: o}, nil
	}
	return nil, fmt.Errorf("%w %q", ErrUnknownCodec, c.Name)
}

// Codec returns what the encoder was made for.
func (e *Encoder) Codec() Codec { return e.codec }

// SetBitrate has the payloads from the next one on made at another constant bit rate. The errors are those of CheckBitrate, and what libopus returns.
func (e *Encoder) SetBitrate(bps int) error {
	if err := CheckBitrate(e.codec, bps); err != nil {
		return err
	}
	return e.opus.setBitrate(bps)
}

// Encode appends the payload of one frame to dst and returns it. The frame has Codec().FrameSamples samples; any other
// number is ErrFrameSize. The timestamp of the next packet is greater by that number.
func (e *Encoder) Encode(dst []byte, frame []int16) ([]byte, error) {
	if len(frame) != e.codec.FrameSamples {
		return dst, fmt.Errorf("%w: %d samples, %s has %d", ErrFrameSize, len(frame), e.codec.Name, e.codec.FrameSamples)
	}
	if e.opus != nil {
		return e.opus.encode(dst, frame)
	}
	for _, v := range frame {
		dst = binary.BigEndian.AppendUint16(dst, uint16(v))
	}
	return dst, nil
}
