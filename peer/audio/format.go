package audio

import "fmt"

// Limits of what is read.
const (
	minRate     = 8000
	maxRate     = 48000
	maxChannels = 2
)

// Format describes raw PCM: interleaved samples without a header.
type Format struct {
	Encoding string // "s16le", signed 16-bit little-endian; the only one
	Rate     int    // samples a second of each channel, 8000 to 48000
	Channels int    // 1 or 2
}

// ParseFormat checks a description of raw PCM as a user writes it. The error is ErrFormat.
func ParseFormat(encoding string, rate, channels int) (Format, error) {
	f := Format{Encoding: encoding, Rate: rate, Channels: channels}
	return f, f.Validate()
}

// Validate returns ErrFormat, with the reason, unless f can be read.
func (f Format) Validate() error {
	switch {
	case f.Encoding != "s16le":
		return fmt.Errorf("%w: encoding %q is not supported: s16le is", ErrFormat, f.Encoding)
	case f.Rate < minRate || f.Rate > maxRate:
		return fmt.Errorf("%w: %d samples a second is outside %d to %d", ErrFormat, f.Rate, minRate, maxRate)
	case f.Channels < 1 || f.Channels > maxChannels:
		return fmt.Errorf("%w: %d channels: 1 or %d are supported", ErrFormat, f.Channels, maxChannels)
	}
	return nil
}

// frameBytes is the size of one sample of all channels.
func (f Format) frameBytes() int { return 2 * f.Channels }
