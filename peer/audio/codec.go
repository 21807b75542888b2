package audio

import (
	"fmt"
	"strings"
)

// RTP payload types of audio.
const (
	PayloadPCMU uint8 = 0   // RFC 3551, 4.5.14; heard only
	PayloadPCMA uint8 = 8   // RFC 3551, 4.5.14; heard only
	PayloadL16  uint8 = 96  // dynamic: L16/48000/1, RFC 3551, 4.5.11
	PayloadOpus uint8 = 111 // dynamic: opus/48000/2, RFC 7587
)

// Limits of one packet.
const (
	// MaxPayload is the longest audio payload, in bytes: a datagram never exceeds 1200.
	MaxPayload = 1200
	// MaxFrame is the most samples at 48 kHz that one packet holds: 1200 bytes of PCMU.
	MaxFrame = MaxPayload * g711Upsampling

	maxOpusFrame   = 120 * SampleRate / 1000 // RFC 6716, 3.2.5 [R5]: 120 ms
	g711Upsampling = 6                       // 8 kHz to 48 kHz
)

// Codec names one way to send audio. Its RTP clock is 48000 Hz.
type Codec struct {
	Name         string // as a user writes it
	PayloadType  uint8
	FrameSamples int // samples at 48 kHz in a packet
	Lookahead    int // samples by which decoded sound lags what was encoded; so much silence after the end flushes it
}

// The codecs that can be sent.
var (
	// Opus is 20 ms frames at a constant bit rate, so that sizes tell nothing (RFC 6562): DefaultBitrate unless Encoder.SetBitrate says another.
	Opus = Codec{Name: "opus", PayloadType: PayloadOpus, FrameSamples: 960, Lookahead: 312}
	// L16 is uncompressed 16-bit PCM in 10 ms frames of 960 bytes.
	L16 = Codec{Name: "l16", PayloadType: PayloadL16, FrameSamples: 480}
)

// Bit rates of Opus, in bit/s: any multiple of BitrateStep from MinBitrate to MaxBitrate.
const (
	MinBitrate     = 16_000
	MaxBitrate     = 96_000
	BitrateStep    = 16_000
	DefaultBitrate = 32_000
)

// OpusPayload is the greatest size of an Opus payload that is sent, in bytes: 20 ms at MaxBitrate.
const OpusPayload = MaxBitrate / 8 / 50

// CheckBitrate tells whether an encoder for c takes a bit rate. The error is ErrBitrate.
func CheckBitrate(c Codec, bps int) error {
	switch {
	case c != Opus:
		return fmt.Errorf("%w: %s has only one", ErrBitrate, c.Name)
	case bps < MinBitrate || bps > MaxBitrate || bps%BitrateStep != 0:
		return fmt.Errorf("%w: %d bit/s; multiples of %d from %d to %d are possible", ErrBitrate, bps, BitrateStep, MinBitrate, MaxBitrate)
	}
	return nil
}

// Available returns the codecs that this build can send, the best first.
func Available() []Codec {
	if !haveOpusEncoder {
		return []Codec{L16}
	}
	return []Codec{Opus, L16}
}

// CodecByName finds a codec by the name a user writes. The errors are ErrUnknownCodec and, for Opus in a build
// without libopus, ErrNoOpus.
func CodecByName(name string) (Codec, error) {
	switch strings.ToLower(name) {
	case Opus.Name:
		if !haveOpusEncoder {
			return Codec{}, ErrNoOpus
		}
		return Opus, nil
	case L16.Name:
		return L16, nil
	}
	return Codec{}, fmt.Errorf("%w %q: opus and l16 are known", ErrUnknownCodec, name)
}

// PacketSamples returns how many samples at 48 kHz a payload holds, without decoding it. The errors are
// ErrPayloadType and ErrPayload.
func PacketSamples(payloadType uint8, payload []byte) (int, error) {
	if _, ok := ticks(payloadType); !ok {
		return 0, fmt.Errorf("%w: %d", ErrPayloadType, payloadType)
	}
	if len(payload) == 0 || len(payload) > MaxPayload {
		return 0, fmt.Errorf("%w: %d bytes, 1 to %d are possible", ErrPayload, len(payload), MaxPayload)
	}
	switch payloadType {
	case PayloadOpus:
		return opusSamples(payload)
	case PayloadL16:
		if len(payload)%2 != 0 {
			return 0, fmt.Errorf("%w: %d bytes of 16-bit samples", ErrPayload, len(payload))
		}
		return len(payload) / 2, nil
	}
	return len(payload) * g711Upsampling, nil
}

// ticks returns how many samples at 48 kHz one tick of the RTP clock of a payload type is, and whether it is known.
func ticks(payloadType uint8) (int64, bool) {
	switch payloadType {
	case PayloadOpus, PayloadL16:
		return 1, true
	case PayloadPCMU, PayloadPCMA:
		return g711Upsampling, true
	}
	return 0, false
}

// opusSamples reads the duration of an Opus packet from its TOC byte and frame count (RFC 6716, 3.1 and 3.2).
func opusSamples(payload []byte) (int, error) {
	frames := 1
	switch payload[0] & 3 {
	case 1, 2:
		frames = 2
	case 3:
		if len(payload) < 2 {
			return 0, fmt.Errorf("%w: an Opus packet without its frame count", ErrPayload)
		}
		frames = int(payload[1] & 0x3f)
	}
	n := frames * opusFrameSamples(payload[0]>>3)
	if n == 0 || n > maxOpusFrame {
		return 0, fmt.Errorf("%w: an Opus packet of %d samples, 1 to %d are possible", ErrPayload, n, maxOpusFrame)
	}
	return n, nil
}

// opusFrameSamples returns the length of one frame of an Opus configuration (RFC 6716, 3.1, table 2).
func opusFrameSamples(config byte) int {
	const ms = SampleRate / 1000
	switch {
	case config < 12: // SILK: 10, 20, 40, 60 ms
		return [4]int{10 * ms, 20 * ms, 40 * ms, 60 * ms}[config%4]
	case config < 16: // hybrid: 10, 20 ms
		return 10 * ms << (config % 2)
	}
	return 5 * ms / 2 << (config % 4) // CELT: 2.5, 5, 10, 20 ms
}
