package audio

import (
	"encoding/binary"
	"fmt"
)

// Concealment, in samples: full for 60 ms, faded out at 100 ms.
const (
	concealFull = 60 * SampleRate / 1000
	concealEnd  = 100 * SampleRate / 1000
	rejoin      = 5 * SampleRate / 1000 // how long the sound that comes back takes to be all there
)

// Decoder turns the payloads of one talker into samples, in order, and fills in for those that were lost. Any bytes may be given to
// it. It is used by one goroutine at a time. PCMU and PCMA come out 6 ms late: the half length of their resampling filter.
type Decoder struct {
	payloadType uint8
	opus        *opusDecoder // nil unless Opus
	g711        *resampler   // nil unless PCMU or PCMA
	narrow      []float32    // G.711 at 8 kHz
	history     history
	concealed   int // samples filled in since the last packet
}

// NewDecoder makes a decoder for a payload type. The error is ErrPayloadType, or what libopus returns.
func NewDecoder(payloadType uint8) (*Decoder, error) {
	d := &Decoder{payloadType: payloadType}
	switch payloadType {
	case PayloadL16:
	case PayloadPCMU, PayloadPCMA:
		d.g711 = newResampler(8000)
		d.g711.pad(filterHalf)
	case PayloadOpus:
		o, err := newOpusDecoder()
		if err != nil {
			return nil, err
		}
		d.opus = o
	default:
		return nil, fmt.Errorf("%w: %d", ErrPayloadType, payloadType)
	}
	return d, nil
}

// PayloadType returns what the decoder was made for.
func (d *Decoder) PayloadType() uint8 { return d.payloadType }

// Decode writes the samples of payload to the start of dst, which has room for MaxFrame, and returns their number: that of
// PacketSamples. After an error (ErrPayload) the packet counts as lost, and Conceal stands in for it.
func (d *Decoder) Decode(dst []int16, payload []byte) (int, error) {
	n, err := PacketSamples(d.payloadType, payload)
	if err != nil {
		return 0, err
	}
	dst = dst[:n]
	switch d.payloadType {
	case PayloadOpus:
		got, err := d.opus.decode(dst, payload)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", ErrPayload, err)
		}
		clear(dst[got:])
	case PayloadL16:
		for i := range dst {
			dst[i] = int16(binary.BigEndian.Uint16(payload[2*i:]))
		}
	default:
		d.decodeG711(dst, payload)
	}
	if d.concealed > 0 {
		d.join(dst)
	}
	d.history.record(dst)
	return n, nil
}

// Recover writes the sound of the packet before payload to dst, which has its length, if payload holds it as forward error correction (RFC 6716,
// 2.1.7) and the library uses it. It reports whether that is so; if not, nothing has changed.
func (d *Decoder) Recover(dst []int16, payload []byte) bool {
	if d.opus == nil || !opusConceals || opusHasFEC(payload) != len(dst) || d.opus.recover(dst, payload) != nil {
		return false
	}
	if d.concealed > 0 {
		d.join(dst)
	}
	d.history.record(dst)
	return true
}

// opusHasFEC returns how many samples before an Opus packet of one frame it repeats (RFC 6716, 4.2.4): 0, or its own length.
func opusHasFEC(payload []byte) int {
	n, err := opusSamples(payload)
	if err != nil || n != opusFrameSamples(payload[0]>>3) || payload[0]>>3 >= 16 { // CELT has none
		return 0
	}
	at := 1
	if payload[0]&3 == 3 {
		at = 2
		for padded := payload[1]&0x40 != 0; padded && at < len(payload); at++ {
			padded = payload[at] == 255
		}
	}
	if at >= len(payload) {
		return 0
	}
	// The first bits are a flag of activity for each 20 ms, and the one that is looked for; in stereo the same again.
	frames := max(1, n/(20*SampleRate/1000))
	flags := payload[at] >> (7 - frames) & 1
	if payload[0]&4 != 0 {
		flags |= payload[at] >> max(0, 6-2*frames) & 1
	}
	return n * int(flags)
}

// decodeG711 expands payload and brings it to 48 kHz.
func (d *Decoder) decodeG711(dst []int16, payload []byte) {
	expand := muLaw
	if d.payloadType == PayloadPCMA {
		expand = aLaw
	}
	d.narrow = d.narrow[:0]
	for _, code := range payload {
		d.narrow = append(d.narrow, float32(expand(code)))
	}
	d.g711.push(d.narrow)
	d.g711.produce(dst)
}

// Conceal fills dst with sound in place of lost packets: libopus's own concealment for Opus, else the last period
// of the sound again and again. It fades to silence from 60 to 100 ms of loss without a break.
func (d *Decoder) Conceal(dst []int16) {
	if d.concealed >= concealEnd {
		clear(dst)
		return
	}
	if !d.concealsItself() || !d.opus.conceal(dst) {
		d.history.fill(dst, d.concealed)
	}
	for i := range dst {
		dst[i] = int16(float32(dst[i]) * concealGain(d.concealed+i))
	}
	d.concealed += len(dst)
}

// Silent reports whether so much has been filled in that Conceal gives nothing but silence.
func (d *Decoder) Silent() bool { return d.concealed >= concealEnd }

// concealsItself reports whether the codec's own library fills in for losses and joins what follows.
func (d *Decoder) concealsItself() bool { return d.opus != nil && opusConceals }

// join lets the first packet after a loss follow without a click: it is crossfaded with more of what was filled in, or, where
// the library has joined it already, only brought back to full gain.
func (d *Decoder) join(pcm []int16) {
	var old [rejoin]int16
	n := min(len(pcm), rejoin)
	gain := concealGain(d.concealed)
	if d.concealsItself() {
		copy(old[:n], pcm)
	} else {
		d.history.fill(old[:n], d.concealed)
	}
	for i := range n {
		w := float32(i+1) / float32(n+1)
		pcm[i] = clip16(w*float32(pcm[i]) + (1-w)*gain*float32(old[i]))
	}
	d.concealed = 0
}

// concealGain is the gain of the n-th concealed sample.
func concealGain(n int) float32 {
	switch {
	case n < concealFull:
		return 1
	case n < concealEnd:
		return float32(concealEnd-n) / (concealEnd - concealFull)
	}
	return 0
}
