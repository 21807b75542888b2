package audio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"

	"yodel/peer/audio/ogg"
)

// Rules of an OggWriter, in samples.
const (
	oggPage   = SampleRate        // a page is written at the latest when it has so much
	oggFrame  = SampleRate / 50   // what is encoded at a time, unless a packet begins before
	oggAlmost = SampleRate / 800  // a packet is passed on at this distance from its place: half of the shortest frame
	preSkip   = 312               // how much later sound is decoded than it was encoded: Opus.Lookahead
	farAway   = 1000 * SampleRate // no packet is to come
)

// OggWriter writes 48 kHz mono as Ogg Opus (RFC 7845). The packets of a voice that is heard alone, undisturbed and at its time, go into the file
// as they came; all else is encoded from the mix. A packet is moved by 1.25 ms at most; sound that is encoded lies to the sample.
//
// What was written for a second is in the file at the latest then, so that a program that is killed leaves one that can be read.
// It is used by one goroutine at a time.
type OggWriter struct {
	out *ogg.Writer
	enc *fileEncoder

	// Places in the file are counted in samples that a decoder gives, of which the first preSkip are not heard: place p is heard at position
	// p − preSkip, and an encoder that is at place p takes the sample of position p.
	place  int64
	mix    []int16 // from position from on: a frame before place, for the encoder to begin with, and all behind it
	from   int64
	end    int64 // position behind what was written
	paged  int64 // place at which the page begins
	cold   bool  // the encoder did not hear what is before place
	coming []heardPacket
	free   [][]byte
	sounds []sounding
}

// heardPacket is a packet whose sound is the samples of positions at to end of the timeline.
type heardPacket struct {
	ssrc    uint32
	at, end int64
	payload []byte
}

// sounding is a piece of a voice that is not silent.
type sounding struct {
	ssrc    uint32
	at, end int64
}

// NewOggWriter writes the headers to w. The errors are ErrNoOpus, what libopus returns, and the writer's.
func NewOggWriter(w io.Writer) (*OggWriter, error) {
	enc, err := newFileEncoder()
	if err != nil {
		return nil, err
	}
	o := &OggWriter{out: ogg.NewWriter(w, rand.Uint32()), enc: enc}
	head := append([]byte(opusHeadMagic), 1, 1) // version, channels
	head = binary.LittleEndian.AppendUint16(head, preSkip)
	head = binary.LittleEndian.AppendUint32(head, SampleRate)
	head = append(head, 0, 0, 0) // no gain, mapping family 0
	const vendor = "yodel"
	tags := binary.LittleEndian.AppendUint32([]byte(opusTagsMagic), uint32(len(vendor)))
	tags = append(append(tags, vendor...), 0, 0, 0, 0) // no comments
	for _, b := range [][]byte{head, tags} {
		if err := errors.Join(o.out.Add(b, 0), o.out.Flush()); err != nil {
			return nil, fmt.Errorf("writing Ogg: %w", err)
		}
	}
	return o, nil
}

// Part takes what a voice adds to the samples that the next Write brings, or brought before and will go on with: as PlayoutConfig.Tap tells it. It
// keeps nothing of p.
func (o *OggWriter) Part(p Part) {
	switch {
	case len(p.Payload) > 0:
		h := heardPacket{ssrc: p.SSRC, at: p.At, end: p.At + int64(p.Samples)}
		if n := len(o.free); n > 0 {
			h.payload, o.free = o.free[n-1], o.free[:n-1]
		}
		h.payload = append(h.payload[:0], p.Payload...)
		o.coming = append(o.coming, h)
	case slices.ContainsFunc(p.PCM, func(v int16) bool { return v != 0 }):
		o.sounds = append(o.sounds, sounding{p.SSRC, p.At, p.At + int64(len(p.PCM))})
	}
}

// Write appends samples of the mix.
func (o *OggWriter) Write(samples []int16) error {
	o.mix = append(o.mix, samples...)
	o.end += int64(len(samples))
	if err := o.advance(false); err != nil {
		return fmt.Errorf("writing Ogg: %w", err)
	}
	o.forget()
	return nil
}

// Close writes what is left, and the last page. It does not close what is written to.
func (o *OggWriter) Close() error {
	last := o.end + preSkip
	o.mix = append(o.mix, make([]int16, preSkip+2*oggFrame)...)
	err := o.advance(true)
	if err == nil {
		err = o.out.Close(last)
	}
	if err != nil {
		return fmt.Errorf("writing Ogg: %w", err)
	}
	return nil
}

// advance writes all that can be decided; at the end, all.
func (o *OggWriter) advance(final bool) error {
	for !final || o.place < o.end+preSkip {
		next, gap := o.nextPacket()
		near := gap < oggFrame
		known := near && next.end <= o.end // what sounds beside it
		switch {
		case near && !known && !final:
			return nil
		case near && (!known || !o.alone(next)):
			o.drop()
		case near && gap <= oggAlmost:
			if err := o.pass(next); err != nil {
				return err
			}
		default:
			n := chunkBefore(gap)
			if o.place+n > o.end && !final {
				return nil
			}
			if err := o.encode(n); err != nil {
				return err
			}
		}
	}
	return nil
}

// nextPacket gives the first packet that could have its place, and how far that is; those whose place is taken are dropped.
func (o *OggWriter) nextPacket() (heardPacket, int64) {
	for len(o.coming) > 0 {
		h := o.coming[0]
		if gap := h.at + preSkip - o.place; gap >= -oggAlmost {
			return h, gap
		}
		o.drop()
	}
	return heardPacket{}, farAway
}

// drop takes the first packet from those that are coming.
func (o *OggWriter) drop() {
	o.free = append(o.free, o.coming[0].payload)
	o.coming = append(o.coming[:0], o.coming[1:]...)
}

// alone tells whether no other voice sounds while a packet does.
func (o *OggWriter) alone(h heardPacket) bool {
	return !slices.ContainsFunc(o.sounds, func(s sounding) bool {
		return s.ssrc != h.ssrc && s.at < h.end && s.end > h.at
	})
}

// chunkBefore is how much is encoded before a packet so far away.
func chunkBefore(gap int64) int64 {
	n := int64(oggFrame)
	for n > gap+oggAlmost {
		n /= 2
	}
	return n
}

// pass writes a packet as it came.
func (o *OggWriter) pass(h heardPacket) error {
	if err := o.add(h.payload, h.end-h.at); err != nil {
		return err
	}
	o.drop()
	o.cold = true
	return nil
}

// encode writes the next n samples of the mix. Behind packets the encoder first hears the 20 ms before.
func (o *OggWriter) encode(n int64) error {
	here := o.place - o.from
	if o.cold {
		if err := o.enc.resume(o.mix[max(here-oggFrame, 0):here]); err != nil {
			return err
		}
		o.cold = false
	}
	packet, err := o.enc.encode(o.mix[here : here+n])
	if err != nil {
		return err
	}
	return o.add(packet, n)
}

// add puts a packet of n samples into the file. The last one is held back: the page that ends the file has one at least.
func (o *OggWriter) add(packet []byte, n int64) error {
	o.place += n
	if o.place-o.paged > oggPage {
		if err := o.out.Flush(); err != nil {
			return err
		}
		o.paged = o.place - n
	}
	return o.out.Add(packet, o.place)
}

// forget lets go of what lies before what the encoder needs.
func (o *OggWriter) forget() {
	if n := o.place - oggFrame - o.from; n > 0 {
		o.mix = append(o.mix[:0], o.mix[n:]...)
		o.from += n
	}
	o.sounds = slices.DeleteFunc(o.sounds, func(s sounding) bool { return s.end <= o.from })
}
