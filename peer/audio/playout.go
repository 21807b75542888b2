package audio

import (
	"fmt"
	"slices"
	"time"
)

// Limits of a playout. The times are in samples at 48 kHz.
const (
	// MaxStreams is the number of talks of which packets have come, and that have not ended, at once.
	MaxStreams = 64
	// MaxAnnounced is the number of talks that were announced and have not begun, at once. In a room with a long delay most of the
	// last minute's are.
	MaxAnnounced = 1024

	maxRemembered = 4 * MaxStreams  // talks that ended, so that late packets do not start them again
	idleAfter     = 35 * SampleRate // a talk without packets has ended: its session, which ends after 30 s of silence, would have ended it
	forgetAfter   = 10 * SampleRate // a talk that has ended is forgotten
	announcedFor  = 70 * SampleRate // a talk that was announced may begin this late: the longest room delay is 60 s
	holdAhead     = 2 * SampleRate  // a packet may come this much before its time, beyond the lead
)

// PlayoutConfig configures a Playout.
type PlayoutConfig struct {
	// Lead is the depth of the jitter buffers: how long after its arrival the quickest packet of a talk is played. Zero plays
	// at once; negative is zero. A room with a delay tells its own; for live rooms see SetAdaptive.
	Lead time.Duration
	// Tap, unless nil, is told within Pull what each talk adds. What a Part points to is good during the call only.
	Tap func(Part)
}

// Part is a piece of one talk as it is pulled: its sound, the packet that the sound from there on is decoded from, or its end. The first is from
// TalkStarted on, and each talk that has one has an end.
type Part struct {
	SSRC    uint32
	At      int64   // position of its first sample; of an end that of the talk, which may lie before sound that was made while more was waited for
	PCM     []int16 // sound; nil of a packet and of an end
	Payload []byte  // an Opus packet whose sound, whole and as it is, begins at At: told before that sound; else nil
	Samples int     // of the packet
	End     bool    // of the talk
}

// Voice is a talk that is being heard.
type Voice struct {
	SSRC  uint32
	Depth time.Duration // of its jitter buffer, as it is in use: how long its quickest packet waits
	Level float64       // of what was pulled last, dB relative to full scale
}

// Stream describes a talk that is announced.
type Stream struct {
	PayloadType uint8
	// FirstSeq is the sequence number of the talk's first packet, nil when not known. With it a first packet that
	// was lost keeps its place and is counted.
	FirstSeq *uint16
}

// Packet is an RTP packet of audio. The payload is copied.
type Packet struct {
	SSRC        uint32
	Seq         uint16
	Timestamp   uint32
	PayloadType uint8
	Payload     []byte
	Stalled     bool // it may have arrived later than is told, because this machine stood still: no sooner than the quickest
	Redundant   bool // it came as a copy in a later packet (RFC 2198): of no use, and no duplicate, when the packet is there
}

// Playout plays many talks on one timeline, counted in samples at 48 kHz from any zero. It has no clock: Push is told the
// position at which a packet arrived, Pull gives the sound of the next positions.
//
// A talk is what one SSRC says until End. The sample with timestamp t is played at anchor + t. Until the talk begins to play, the anchor is
// the least (arrival − timestamp) of its packets, plus the depth: the quickest packet waits so long, and one that was repaired or held up
// moves nothing. From then on:
//
//   - Consecutive packets follow each other sample by sample. A packet that is missing at its time is taken from the forward error correction of
//     the next, if that is there and has it; else it is concealed, 60 ms in full and faded out at 100 ms. If it still comes it is
//     dropped as late. The timeline goes on meanwhile, so that what follows is at its place.
//   - A packet of which over three quarters lie within what was played is left out as late.
//   - Timestamps that jump while sequence numbers do not are silence of that length (a talker who pauses).
//   - The talk is anchored anew if all its packets were late for 200 ms and none is held (the way became longer, or the timestamps
//     stood still in a pause), and if timestamps jump by more than a second against both sequence numbers and arrivals.
//   - A talk is at its end when the packet that End named has been played or missed, or when nothing came for 35 s.
//
// The depth in use is the anchor less the least (arrival − timestamp) of the last 4 s of sound. It should be Lead, or what SetAdaptive says: what all
// but one in 100 packets of these 4 s kept to, and always but one, and 5 ms; at least 50 ms, in the first 4 s at least what it began with, and at
// most 500 ms. A packet that a copy brought counts as that came, so the depth covers copies; so do packets that come behind later ones, if they are
// more than one in 32: fewer were resent on another hop. The anchor is moved when it is off:
//
//   - Packets come later than that, or the way has become 15 ms longer: periods of the sound are repeated, or silence is lengthened, until the depth
//     is what it should be.
//   - A talk that adapts has run dry and its next packet comes over 40 ms late: that is played at once and all that follows so much later.
//   - 25 ms too deep: frames below −45 dB and silence are shortened, by half at most, and the sound is played faster, 0.2 % to 2 %. In the first 2 s, of which
//     the first packets were perhaps slow ones, 15 ms are enough. (In a deep buffer an eighth of the depth is borne, up to 40 ms.)
//   - Drift of the talker's clock against the reader's: once the depth has come 4 ms away from what it was, the sound is resampled, by up to 1000 ppm,
//     so that it stays there. A talk without drift passes bit by bit, and one whose drift has ended does so again.
//
// Voices are summed and, only if the sum does not fit, limited; a single voice passes bit by bit.
// Memory is bounded: MaxStreams talks, of each at most 512 packets and Lead + 2 s. Those that are only announced take some 500 bytes.
// A Playout is used by one goroutine at a time.
type Playout struct {
	lead    int64
	adapts  bool
	learned int64 // the depth that talks so far needed
	next    int64 // position of the next sample to be pulled
	started bool  // whether next is known
	streams []*stream
	events  []Event
	mix     []int32
	limiter limiter
	pulled  int // length of the last pull
	scratch varispeedScratch
	pool    pool
	tap     func(Part)
}

// NewPlayout makes an empty playout.
func NewPlayout(cfg PlayoutConfig) *Playout {
	p := &Playout{limiter: limiter{gain: 1}, learned: minDepth, tap: cfg.Tap}
	p.SetLead(cfg.Lead)
	return p
}

// SetLead sets a fixed depth for the talks that begin after it.
func (p *Playout) SetLead(lead time.Duration) {
	p.lead, p.adapts = int64(max(lead, 0)*SampleRate/time.Second), false
}

// SetAdaptive lets the depth of the talks that begin after it adapt to the network: from 50 ms, or what the last talks needed, up to 500 ms.
func (p *Playout) SetAdaptive() { p.adapts = true }

func (p *Playout) rule() rule {
	if p.adapts {
		return rule{depth: p.learned, adapts: true}
	}
	return rule{depth: p.lead}
}

// Start announces a talk. It need not come before the talk's packets, which would start it too; what it adds is FirstSeq. Announced
// before the last talk of the SSRC was played to its end, it is the one after. The errors are ErrPayloadType and ErrTooManyStreams.
func (p *Playout) Start(ssrc uint32, st Stream) error {
	s, err := p.stream(ssrc, st.PayloadType)
	if err != nil {
		return err
	}
	if s.state == done {
		if err := s.renew(st.PayloadType, p.rule()); err != nil {
			return err
		}
		s.touched = p.next
	}
	s.announce(st.FirstSeq)
	return nil
}

// Push takes a packet that arrived at a position of the timeline, in any order. Late packets, duplicates and those too far ahead
// are counted and dropped without an error. The errors are ErrPayloadType (unknown, or changed within a talk), ErrPayload and ErrTooManyStreams.
func (p *Playout) Push(at int64, pkt Packet) error {
	dur, err := PacketSamples(pkt.PayloadType, pkt.Payload)
	if err != nil {
		return err
	}
	s, err := p.stream(pkt.SSRC, pkt.PayloadType)
	if err != nil {
		return err
	}
	if s.state == done && s.isNews(pkt.Seq) {
		if err := s.renew(pkt.PayloadType, p.rule()); err != nil {
			return err
		}
	}
	if s.state != done && pkt.PayloadType != s.payloadType {
		return fmt.Errorf("%w: %d within a talk of %d", ErrPayloadType, pkt.PayloadType, s.payloadType)
	}
	if err := p.admit(s); err != nil {
		return err
	}
	s.push(&p.pool, arrival{at: at, dur: dur, pkt: pkt})
	return nil
}

// End names the last packet of a talk. It may come before that packet does, or after it was played. Unknown talks are ignored.
func (p *Playout) End(ssrc uint32, lastSeq uint16) {
	if s := p.find(ssrc); s != nil {
		s.finishAt(lastSeq)
	}
}

// Pull writes the sound of the positions from pos on to dst, and returns what was heard to begin or end in them; the slice is good until the
// next Pull. The first Pull sets where the timeline is; each further one should follow where the last ended. Positions
// that are left out are lost to the listener and do not delay what follows; positions that were already pulled are silent.
func (p *Playout) Pull(pos int64, dst []int16) []Event {
	p.events = p.events[:0]
	p.begin(pos)
	clear(dst)
	if pos < p.next {
		skip := min(p.next-pos, int64(len(dst)))
		pos, dst = pos+skip, dst[skip:]
	}
	for p.next < pos {
		p.render(p.mixBuffer(int(min(pos-p.next, SampleRate/10))))
	}
	for _, s := range p.streams {
		s.energy = 0
	}
	p.pulled = len(dst)
	mix := p.mixBuffer(len(dst))
	p.render(mix)
	p.limiter.run(dst, mix)
	p.expire()
	return p.events
}

// begin takes the first position that is pulled as now; what was announced before was announced now.
func (p *Playout) begin(pos int64) {
	if p.started {
		return
	}
	p.next, p.started = pos, true
	for _, s := range p.streams {
		s.touched = max(s.touched, pos)
	}
}

// Next returns the position that the next Pull should have.
func (p *Playout) Next() int64 { return p.next }

// Playing returns the number of talks that are being heard.
func (p *Playout) Playing() int {
	n := 0
	for _, s := range p.streams {
		if s.state == playing && s.heard {
			n++
		}
	}
	return n
}

// Voices appends the talks that are being heard to dst.
func (p *Playout) Voices(dst []Voice) []Voice {
	for _, s := range p.streams {
		if s.state == playing && s.heard {
			dst = append(dst, Voice{SSRC: s.ssrc, Depth: samplesTime(s.depth()), Level: level(s.energy, p.pulled)})
		}
	}
	return dst
}

// Depth returns how long the quickest packets of a talk wait: as it is in use, and of one that has not begun, as it will begin.
func (p *Playout) Depth(ssrc uint32) time.Duration {
	if s := p.find(ssrc); s != nil {
		return samplesTime(s.depth())
	}
	return samplesTime(p.rule().depth)
}

// samplesTime is how long n samples are.
func samplesTime(n int64) time.Duration { return time.Duration(n) * time.Second / SampleRate }

// Stats returns the counts of the current or last talk of an SSRC, and whether it is known.
func (p *Playout) Stats(ssrc uint32) (Stats, bool) {
	if s := p.find(ssrc); s != nil {
		return s.stats, true
	}
	return Stats{}, false
}

// mixBuffer returns n zeros.
func (p *Playout) mixBuffer(n int) []int32 {
	p.mix = slices.Grow(p.mix[:0], n)[:n]
	clear(p.mix)
	return p.mix
}

// render adds the next len(mix) samples of every talk to mix.
func (p *Playout) render(mix []int32) {
	for _, s := range p.streams {
		s.render(p, mix)
	}
	p.next += int64(len(mix))
}

// expire ends talks from which nothing comes any more, and forgets those that ended long ago, or of which others have ended since.
func (p *Playout) expire() {
	for _, s := range p.streams {
		if s.state == playing && s.ring.count == 0 && p.next-s.touched > idleAfter {
			s.finish(p, s.knownEnd, p.next)
		}
	}
	p.streams = slices.DeleteFunc(p.streams, func(s *stream) bool {
		quiet := p.next - s.touched
		if s.state == waiting && s.ring.count == 0 && quiet > announcedFor {
			p.missed(s, p.next)
			return true
		}
		return s.state == done && quiet > forgetAfter
	})
	for excess := p.count(isDone) - maxRemembered; excess > 0; excess-- {
		p.forgetOldest()
	}
}

func isDone(s *stream) bool { return s.state == done }

func isAnnounced(s *stream) bool { return s.state != done && !s.begun() }

func (p *Playout) count(which func(*stream) bool) int {
	n := 0
	for _, s := range p.streams {
		if which(s) {
			n++
		}
	}
	return n
}

// forgetOldest forgets the talk that has ended longest ago.
func (p *Playout) forgetOldest() {
	oldest := -1
	for i, s := range p.streams {
		if s.state == done && (oldest < 0 || s.touched < p.streams[oldest].touched) {
			oldest = i
		}
	}
	p.streams = slices.Delete(p.streams, oldest, oldest+1)
}

func (p *Playout) find(ssrc uint32) *stream {
	for _, s := range p.streams {
		if s.ssrc == ssrc {
			return s
		}
	}
	return nil
}

// stream finds the stream of an SSRC or makes it.
func (p *Playout) stream(ssrc uint32, payloadType uint8) (*stream, error) {
	if s := p.find(ssrc); s != nil {
		return s, nil
	}
	if n := p.count(isAnnounced); n >= MaxAnnounced {
		return nil, fmt.Errorf("%w: %d announced, at most %d", ErrTooManyStreams, n, MaxAnnounced)
	}
	s := &stream{ssrc: ssrc, touched: p.next}
	if err := s.renew(payloadType, p.rule()); err != nil {
		return nil, err
	}
	p.streams = append(p.streams, s)
	return s, nil
}

// admit lets a talk begin with the packet that is there, if not too many have begun. One that must wait can begin with a later packet.
func (p *Playout) admit(s *stream) error {
	if s.state == done || s.begun() {
		return nil
	}
	if n := p.count((*stream).begun); n >= MaxStreams {
		return fmt.Errorf("%w: %d of %d", ErrTooManyStreams, n, MaxStreams)
	}
	return s.ready()
}
