package peer

import (
	"context"
	"fmt"
	"sync"
	"time"

	"yodel/peer/audio"
)

// HearOptions say what to hear.
type HearOptions struct {
	Room string
	From From // where to begin to read messages; the zero value is Live
	// NoSelf leaves out what one's own identity says, in whatever session.
	NoSelf bool
	// Latency is the depth of the jitter buffer in a live room; zero or negative: it adapts to the network, from 50 to 500 ms. In a room with
	// a delay the depth is the room's lead.
	Latency time.Duration
	// Parts, unless nil, is called by Read for what each talk adds to what was read, in order. It must not keep what a Part points to.
	Parts func(Part)
}

// Part is a piece of one talk in a Hearing: its sound, the packet that the sound from there on is decoded from, or its end.
type Part struct {
	Talk    *Talking // who talks, the same for all parts of a talk; not to be changed
	At      int64    // position of its first sample on the timeline; of an end that of the talk: what was made while more was waited for lies behind it
	PCM     []int16  // sound; nil of a packet and of an end
	Payload []byte   // an Opus packet whose sound, whole and as it is, begins at At: told before that sound; else nil
	Samples int      // of the packet
	End     bool     // of the talk
}

// Voice is somebody who is being heard.
type Voice struct {
	Talk    *Talking      // who; not to be changed
	Latency time.Duration // depth of the jitter buffer, as it is in use
	Level   float64       // of what was read last, dB relative to full scale; audio.Silence for nothing
}

// Hearing is the mixed sound of a room on one continuous timeline of 48 kHz mono samples, silence included. Sample 0 is the instant
// at which the room was joined; the timeline goes on over reconnects. Its methods may be called by any goroutine, Read and Pace
// by one at a time.
type Hearing struct {
	noSelf  bool
	latency time.Duration
	parts   func(Part)
	nudge   chan<- struct{}

	mu       sync.Mutex
	joined   *Joined
	start    time.Time
	play     *audio.Playout
	position int64
	behind   int64  // while Pace waits for its time: how far what was read lags the clock at most, in samples; else 0
	ahead    window // of the reader before the clock, in samples
	talks    map[uint32]*Talking
	events   []*Talking
	stats    HearStats
	tapped   []Part        // of the read that is under way; its PCM and payloads are copies
	voices   []audio.Voice // scratch
}

// HearStats count what a Hearing got, in packets.
type HearStats struct {
	Received int // usable packets
	Lost     int // not there when they were to be played; of the talks that have ended
	Late     int // of these, those that came afterwards
	Talks    int // that have ended
}

// Hear joins a room with its sound. Read or Pace must be called steadily from then on: *Talking events come from there.
func (c *Client) Hear(ctx context.Context, o HearOptions) (*Hearing, error) {
	h := newHearing(o, c.nudge)
	_, err := c.join(ctx, JoinOptions{Room: o.Room, From: o.From, Hear: true}, h)
	if err != nil {
		return nil, err
	}
	return h, nil
}

func newHearing(o HearOptions, nudge chan<- struct{}) *Hearing {
	h := &Hearing{noSelf: o.NoSelf, latency: max(o.Latency, 0), parts: o.Parts, nudge: nudge, talks: make(map[uint32]*Talking)}
	cfg := audio.PlayoutConfig{}
	if h.parts != nil {
		cfg.Tap = h.tap
	}
	h.play = audio.NewPlayout(cfg)
	return h
}

// tap keeps a copy of what a talk adds until the read is done; h.mu is held.
func (h *Hearing) tap(p audio.Part) {
	t := h.talks[p.SSRC]
	if t == nil {
		return
	}
	n := len(h.tapped)
	if n == cap(h.tapped) {
		h.tapped = append(h.tapped, Part{})
	}
	h.tapped = h.tapped[:n+1]
	part := &h.tapped[n]
	part.Talk, part.At, part.Samples, part.End = t, p.At, p.Samples, p.End
	part.PCM = append(part.PCM[:0], p.PCM...)
	part.Payload = append(part.Payload[:0], p.Payload...)
}

// Voices appends who is being heard now to dst.
func (h *Hearing) Voices(dst []Voice) []Voice {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.voices = h.play.Voices(h.voices[:0])
	for _, v := range h.voices {
		if t := h.talks[v.SSRC]; t != nil {
			dst = append(dst, Voice{Talk: t, Latency: v.Depth, Level: v.Level})
		}
	}
	return dst
}

// setRoom takes the answer to a Join: the first starts the timeline.
func (h *Hearing) setRoom(j *Joined) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.joined == nil {
		h.start = j.At
	}
	h.joined = j
	h.setDepth()
}

// setLead takes a change of the room's delay; it holds for talks that begin after it.
func (h *Hearing) setLead(lead time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	joined := *h.joined
	joined.Lead = lead
	h.joined = &joined
	h.setDepth()
}

// setDepth tells the playout how deep the buffers of talks that begin are to be; h.mu is held.
func (h *Hearing) setDepth() {
	switch lead := h.joined.Lead; {
	case lead > 0:
		h.play.SetLead(lead)
	case h.latency > 0:
		h.play.SetLead(h.latency)
	default:
		h.play.SetAdaptive()
	}
}

// Joined is the room as it was when it was joined, last.
func (h *Hearing) Joined() *Joined {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.joined
}

// Start is the local time of sample 0.
func (h *Hearing) Start() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.start
}

// Position is how many samples have been read.
func (h *Hearing) Position() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.position
}

// Stats gives the counts so far.
func (h *Hearing) Stats() HearStats {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stats
}

// setWaiting notes how far what was read lags the clock at most while Pace waits for its time; 0: it does not wait.
func (h *Hearing) setWaiting(behind int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.behind = behind
}

// Read fills dst with the next samples. It never blocks. It should be called at the rate at which the samples are used up, by a sound card
// or by Pace: packets are placed relative to what was read.
func (h *Hearing) Read(dst []int16) {
	h.read(time.Now(), dst)
	for i := range h.tapped { // the reader's: only read touches them
		h.parts(h.tapped[i])
	}
}

func (h *Hearing) read(now time.Time, dst []int16) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tapped = h.tapped[:0]
	for _, ev := range h.play.Pull(h.position, dst) {
		h.heard(ev)
	}
	h.position += int64(len(dst))
	h.ahead.add(now, h.position-timeToSamples(now.Sub(h.start)))
	if len(h.events) > 0 {
		select {
		case h.nudge <- struct{}{}:
		default:
		}
	}
}

// heard turns what the playout tells into an event.
func (h *Hearing) heard(ev audio.Event) {
	t := h.talks[ev.SSRC]
	if t == nil {
		return
	}
	told := *t
	switch ev.Kind {
	case audio.TalkMissed:
		delete(h.talks, ev.SSRC)
		return
	case audio.TalkStarted:
		told.Start, told.Latency = true, ev.Depth
	case audio.TalkEnded:
		told.Duration = samplesToTime(ev.Samples)
		told.Lost, told.Late, told.Packets = ev.Stats.Lost, ev.Stats.Late, ev.Stats.Received
		told.Recovered, told.Latency = ev.Stats.Recovered, ev.Depth
		h.stats.Lost += ev.Stats.Lost
		h.stats.Late += ev.Stats.Late
		h.stats.Talks++
		delete(h.talks, ev.SSRC)
	}
	h.events = append(h.events, &told)
}

// takeEvents gives what was heard since the last call.
func (h *Hearing) takeEvents() []*Talking {
	h.mu.Lock()
	defer h.mu.Unlock()
	events := h.events
	h.events = nil
	return events
}

// announce begins a stream under a number of its own.
func (h *Hearing) announce(id uint32, t *Talking, st audio.Stream) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.play.Start(id, st); err != nil {
		return fmt.Errorf("hearing: %w", err)
	}
	h.talks[id] = t
	return nil
}

// push takes a packet of a stream, and returns how long after its arrival one of the quickest is played.
func (h *Hearing) push(arrived time.Time, p audio.Packet) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := timeToSamples(arrived.Sub(h.start)) + h.ahead.max()
	if h.behind > 0 && at > h.position+h.behind {
		at, p.Stalled = h.position+h.behind, true
	}
	if h.play.Push(at, p) == nil {
		h.stats.Received++
	}
	return h.play.Depth(p.SSRC)
}

// end names the last packet of a stream.
func (h *Hearing) end(id uint32, last uint16) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.play.End(id, last)
}

// leadNow is how early audio of the room is sent.
func (h *Hearing) leadNow() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.joined.Lead
}

// depthNow is how long after their arrival the quickest packets of a talk are played that begins now.
func (h *Hearing) depthNow() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.play.Depth(0) // is no stream's
}
