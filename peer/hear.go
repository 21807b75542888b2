package peer

import (
	"context"
	"fmt"
	"sync"
	"time"

	"yodel/peer/audio"
)

// liveDepth is the depth of the jitter buffer in a room without a lead.
const liveDepth = 60 * time.Millisecond

// HearOptions say what to hear.
type HearOptions struct {
	Room string
	From From // where to begin to read messages; the zero value is Live
	// NoSelf leaves out what one's own identity says, in whatever session.
	NoSelf bool
	// Depth of the jitter buffer; zero or negative: the room's lead, 60 ms in a live room. With another depth than the
	// lead the echo comes at another time than the room's delay.
	Depth time.Duration
}

// Hearing is the mixed sound of a room on one continuous timeline of 48 kHz mono samples, silence included. Sample 0 is the instant
// at which the room was joined; the timeline goes on over reconnects. Its methods may be called by any goroutine, Read and Pace
// by one at a time.
type Hearing struct {
	noSelf bool
	depth  time.Duration
	nudge  chan<- struct{}

	mu       sync.Mutex
	joined   *Joined
	start    time.Time
	play     *audio.Playout
	position int64
	ahead    window // of the reader before the clock, in samples
	talks    map[uint32]*Talking
	events   []*Talking
	stats    HearStats
	pace     [paceFrame]int16
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
	return &Hearing{
		noSelf: o.NoSelf, depth: o.Depth, nudge: nudge,
		play: audio.NewPlayout(audio.PlayoutConfig{}), talks: make(map[uint32]*Talking),
	}
}

// setRoom takes the answer to a Join: the first starts the timeline.
func (h *Hearing) setRoom(j *Joined) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.joined == nil {
		h.start = j.At
	}
	h.joined = j
	h.play.SetLead(h.depthFor(j.Lead))
}

// setLead takes a change of the room's delay; it holds for talks that begin after it.
func (h *Hearing) setLead(lead time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	joined := *h.joined
	joined.Lead = lead
	h.joined = &joined
	h.play.SetLead(h.depthFor(lead))
}

func (h *Hearing) depthFor(lead time.Duration) time.Duration {
	switch {
	case h.depth > 0:
		return h.depth
	case lead > 0:
		return lead
	}
	return liveDepth
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

// Read fills dst with the next samples. It never blocks. It should be called at the rate at which the samples are used up, by a sound card
// or by Pace: packets are placed relative to what was read.
func (h *Hearing) Read(dst []int16) { h.read(time.Now(), dst) }

func (h *Hearing) read(now time.Time, dst []int16) {
	h.mu.Lock()
	defer h.mu.Unlock()
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
		told.Start = true
	case audio.TalkEnded:
		told.Duration = samplesToTime(ev.Samples)
		told.Lost, told.Late, told.Packets = ev.Stats.Lost, ev.Stats.Late, ev.Stats.Received
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

// push takes a packet of a stream.
func (h *Hearing) push(arrived time.Time, p audio.Packet) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := timeToSamples(arrived.Sub(h.start)) + h.ahead.max()
	if h.play.Push(at, p) == nil {
		h.stats.Received++
	}
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

// depthNow is how long after its arrival a packet is played.
func (h *Hearing) depthNow() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.depthFor(h.joined.Lead)
}
