package audio

import (
	"errors"
	"fmt"
	"io"
)

// oggSource reads Ogg Opus as 48 kHz mono, and as the packets that are in it.
type oggSource struct {
	stream  *oggStream
	dec     *opusDecoder
	decoded [maxOpusFrame]int16
	pcm     []int16 // that was not given yet
	given   int     // of pcm
	eof     bool

	passing bool // packets are kept for readPacket; from the first that does not fit on none is
	kept    [][]byte
	free    [][]byte
	size    int    // that packets are padded to
	padded  []byte // the one that was given last
}

// openOgg starts to read Ogg Opus. Of what can seek all pages are read once, so that a fault is told before anything is played.
func (s *Source) openOgg(r io.Reader, start []byte) error {
	_, isFile := remaining(r)
	s.ogg = &oggSource{size: leastPassed}
	if isFile {
		if err := s.scanOgg(r, start); err != nil {
			return err
		}
	}
	s.ogg.stream = newOggStream(startedWith(start, r), !isFile)
	return nil
}

// scanOgg reads to the end and comes back: how long it is, and how large the packets are that are passed on.
func (s *Source) scanOgg(r io.Reader, start []byte) error {
	sk, _ := r.(io.Seeker)
	here, err := sk.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	stream := newOggStream(startedWith(start, r), false)
	for fit := true; ; {
		p, err := stream.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if fit = fit && fits(stream.head, p); fit {
			s.ogg.grow(p.data)
		}
		s.length += int64(p.to - p.from)
	}
	if s.length == 0 {
		return ErrEmpty
	}
	s.known = true
	_, err = sk.Seek(here, io.SeekStart)
	return err
}

// fits tells whether a packet can be a frame of a talk as it is. A greater pre-skip than a frame leaves out sound that packets would bring back.
func fits(head opusHead, p oggPacket) bool {
	frame, single := opusFrame(p.data)
	return single && p.samples == Opus.FrameSamples && 1+len(frame) <= MaxPassed &&
		head.gain == 1 && head.preSkip <= Opus.FrameSamples && (p.number == 0 || !p.begins)
}

// grow makes the size that packets are padded to at least that of one that fits.
func (o *oggSource) grow(packet []byte) {
	frame, _ := opusFrame(packet)
	o.size = max(o.size, (1+len(frame)+passedStep-1)/passedStep*passedStep)
}

// read gives the next samples, fewer than asked for only at the end.
func (o *oggSource) read(frame []int16) (int, error) {
	for len(o.pcm)-o.given < len(frame) && !o.eof {
		if err := o.decode(); err != nil {
			return 0, err
		}
	}
	n := copy(frame, o.pcm[o.given:])
	o.given += n
	return n, nil
}

// decode takes one packet.
func (o *oggSource) decode() error {
	p, err := o.stream.next()
	if errors.Is(err, io.EOF) {
		o.eof = true
		return nil
	}
	if err != nil {
		return err
	}
	if p.begins {
		if o.dec, err = newOpusDecoder(); err != nil {
			return err
		}
	}
	pcm := o.decoded[:p.samples]
	got, err := o.dec.decode(pcm, p.data)
	if err != nil {
		return fmt.Errorf("packet %d of the Opus file: %w: %w", p.number, ErrPayload, err)
	}
	clear(pcm[got:])
	o.pcm = append(o.pcm[:copy(o.pcm, o.pcm[o.given:])], amplified(pcm[p.from:p.to], o.stream.head.gain)...)
	o.given = 0
	o.keep(p)
	return nil
}

// keep keeps a packet for readPacket.
func (o *oggSource) keep(p oggPacket) {
	o.passing = o.passing && fits(o.stream.head, p)
	if !o.passing || p.to == 0 { // the rest is behind the end
		return
	}
	var b []byte
	if n := len(o.free); n > 0 {
		b, o.free = o.free[n-1], o.free[:n-1]
	}
	o.kept = append(o.kept, append(b[:0], p.data...))
}

// readPacket reads a frame and gives the packet that stands for it: of the frames that are read from the beginning on, frame i has packet i.
func (o *oggSource) readPacket(frame []int16) (int, []byte, error) {
	if o.stream.packets == 0 {
		o.passing = true
	}
	n, err := o.read(frame)
	if err != nil || len(o.kept) == 0 {
		return n, nil, err
	}
	packet := o.kept[0]
	o.kept = append(o.kept[:0], o.kept[1:]...)
	o.free = append(o.free, packet)
	o.grow(packet)
	single, _ := opusFrame(packet)
	o.padded = padOpus(o.padded[:0], packet[0], single, o.size)
	return n, o.padded, nil
}

// amplified multiplies samples in place.
func amplified(pcm []int16, gain float32) []int16 {
	if gain == 1 {
		return pcm
	}
	for i, v := range pcm {
		pcm[i] = clip16(float32(v) * gain)
	}
	return pcm
}
