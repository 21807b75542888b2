package daemon

import (
	"slices"
	"sync"
	"time"

	"yodel/wire"
)

// gatherFrom is how many listeners a live room must have before gathering is worth its timer.
const gatherFrom = 8

// relay is the audio half of a room: its voices with their delay lines, and who hears them. mu guards all but what never changes. It may be
// taken before a shard's mu, never after it.
type relay struct {
	plane *plane
	home  *shard // whose pump runs its turns

	mu          sync.Mutex
	delay, lead time.Duration  // of voices that begin; changed by the hub alone, which reads them without mu
	voices      []*voice       // by slot; nil: free
	ears        [][]*listener  // by shard; replaced or appended to, never changed in place, so that flights may keep them
	hearing     int            // listeners in all
	bytes       int            // in the delay lines
	red         wire.Redundant // scratch, as the next
	made        []byte
	starts      starts    // of talkspurts, lately
	flight      *flight   // what waits for its start; nil: nothing
	until       time.Time // when it starts at the latest
	timer       timer     // home's; home.ticks guards it
}

func newRelay(p *plane, home *shard, delay time.Duration) *relay {
	r := &relay{plane: p, home: home, delay: delay, lead: wire.Lead(delay), ears: make([][]*listener, len(p.shards))}
	r.timer.run = r.turn
	return r
}

// tick is how far from its time a packet may depart.
func (r *relay) tick() time.Duration {
	if r.delay == 0 {
		return r.plane.gather
	}
	return r.plane.grid.step / 2
}

// listen adds a listener.
func (r *relay) listen(e *listener) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := e.link.shard.index
	r.ears = slices.Clone(r.ears)
	r.ears[i] = append(r.ears[i], e)
	r.hearing++
}

// ignore takes a listener away.
func (r *relay) ignore(e *listener) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := e.link.shard.index
	if at := slices.Index(r.ears[i], e); at >= 0 {
		r.ears = slices.Clone(r.ears)
		r.ears[i] = slices.Concat(r.ears[i][:at], r.ears[i][at+1:])
		r.hearing--
	}
}

// add gives a voice a slot.
func (r *relay) add(v *voice) {
	v.relay = r
	v.slot = slices.Index(r.voices, nil)
	if v.slot < 0 {
		v.slot = len(r.voices)
		r.voices = append(r.voices, nil)
	}
	r.voices[v.slot] = v
}

// do runs f for a voice with the relay's lock held, and sends what that gave. For the hub.
func (r *relay) do(now time.Time, w *writer, v *voice, f func()) {
	started := r.started(now, func() {
		defer r.containVoice(choreVoice, v)
		f()
	})
	if started != nil {
		started.fly(nil, w)
	}
}

// started runs f with the relay's lock held, and gives the flight if its time has come.
func (r *relay) started(now time.Time, f func()) *flight {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	return r.start(now, false)
}

// audio takes an authentic packet of a voice.
func (r *relay) audio(now time.Time, own *shard, w *writer, a *arrival) {
	started := r.started(now, func() { r.arrive(now, w, a) })
	if started != nil {
		started.fly(own, w)
	}
}

// turn does what is due. It is called by home's pump.
func (r *relay) turn(now time.Time) {
	defer r.plane.contain(choreTurn, nil)
	if started := r.due(now); started != nil {
		started.fly(r.home, r.home.w)
	}
}

// due gives their turns to the voices that have one, plans the next, and gives the flight if its time has come.
func (r *relay) due(now time.Time) *flight {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, v := range r.voices {
		if v != nil && !v.at.IsZero() && !v.at.After(now) {
			r.turnOf(now, v)
		}
	}
	started := r.start(now, true)
	next := r.next()
	if r.flight != nil {
		next = earliest(next, r.until)
	}
	r.plan(next)
	return started
}

func (r *relay) turnOf(now time.Time, v *voice) {
	defer r.containVoice(choreTurn, v)
	v.turn(now, r.home.w)
}

// next is when the first of the voices has its turn.
func (r *relay) next() (at time.Time) {
	for _, v := range r.voices {
		if v != nil {
			at = earliest(at, v.at)
		}
	}
	return at
}

// plan has the next turn come at a time, or earlier.
func (r *relay) plan(at time.Time) {
	if !at.IsZero() {
		r.home.schedule(&r.timer, at)
	}
}

// depart puts a packet into the flight that is to start.
func (r *relay) depart(v *voice, s *slot) {
	if r.flight == nil {
		r.flight = flights.Get().(*flight)
	}
	r.flight.add(item{voice: v, packet: s.packet.hold(), seq: s.seq})
}

// start gives the flight if its time has come: at once, but in a live room with several talkers when each has given a packet, or
// the gathering time is over. On the grid only a turn starts one, with what is due of all voices: a packet that comes just after an instant, and
// before the turn of it, would else take its own voice away from the others.
func (r *relay) start(now time.Time, turn bool) *flight {
	f := r.flight
	if f == nil {
		return nil
	}
	if r.delay > 0 && r.plane.grid.step > 0 && !turn {
		r.plan(now)
		return nil
	}
	if talking := r.talking(); r.delay == 0 && r.plane.gather > 0 && talking > 1 && r.hearing >= gatherFrom {
		if r.until.IsZero() {
			r.until = now.Add(r.plane.gather)
			r.plan(r.until)
		}
		if len(f.items) < talking && now.Before(r.until) {
			return nil
		}
	}
	if now.Before(r.until) { // nothing more is to come of this frame
		r.home.reschedule(&r.timer, r.next())
	}
	r.flight, r.until = nil, time.Time{}
	f.ears = r.ears
	return f
}

// talking is how many voices something may come of.
func (r *relay) talking() (n int) {
	for _, v := range r.voices {
		if v != nil && v.line.started && !v.line.ended {
			n++
		}
	}
	return n
}
