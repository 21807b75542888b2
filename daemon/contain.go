package daemon

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// chore is a kind of work in which a panic is contained: what one datagram, one handshake or one message of a session gives to do.
type chore uint8

const (
	choreDoor      chore = iota // a shard looks at a datagram
	choreOpen                   // … and opens it
	choreAudio                  // a relay takes a packet
	choreTurn                   // a relay, or one of its voices, has its turn
	choreListener               // a flight is sealed for one who hears
	choreDatagram               // the hub takes a datagram
	choreHandshake              // a handshake is fed, or has its time
	choreSession                // the hub takes what a session has opened, or a session's timer
	choreMessage                // the hub does what a message asks for
	choreFlush                  // a session's packets are made
	choreVoice                  // the hub learns something of a voice
	choreFarewell               // a session is told of its end
	choreKinds
)

var choreNames = [choreKinds]string{
	choreDoor:      "door",
	choreOpen:      "open",
	choreAudio:     "audio",
	choreTurn:      "turn",
	choreListener:  "listener",
	choreDatagram:  "datagram",
	choreHandshake: "handshake",
	choreSession:   "session",
	choreMessage:   "message",
	choreFlush:     "flush",
	choreVoice:     "voice",
	choreFarewell:  "farewell",
}

// faults contains panics: it counts them and logs the first of each kind of chore.
type faults struct {
	log    *slog.Logger
	drops  *drops
	logged [choreKinds]atomic.Bool
}

// note counts a panic, and logs it with its stack when it is the first one of its kind. Called while the stack is still there. Anyone may call it.
func (f *faults) note(what chore, cause any) {
	f.drops.count(dropPanic)
	if f.logged[what].CompareAndSwap(false, true) {
		f.log.Error("panic contained", "work", choreNames[what], "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
	}
}

// contain ends a panic of the work of a session's link, and has the hub end the session; nil: there is none. It is to be deferred before any lock
// is taken, so that all are released by then.
func (p *plane) contain(what chore, l *link) {
	if cause := recover(); cause != nil {
		p.faults.note(what, cause)
		p.fault(l)
	}
}

// fault has the hub end the session of a link.
func (p *plane) fault(l *link) {
	if l != nil && l.session != nil {
		p.tell.add(func(time.Time) { l.session.fault() })
	}
}

// containVoice is contain for the work of a voice, which gives nothing more: what its line holds may be in any state. It is to be deferred
// after relay.mu was taken, by whoever has it unlocked later.
func (r *relay) containVoice(what chore, v *voice) {
	cause := recover()
	if cause == nil {
		return
	}
	r.plane.faults.note(what, cause)
	for ; v != nil; v = v.next {
		r.plane.fault(v.link)
		r.condemn(v)
	}
}

// condemn has a voice give nothing more, and the hub take it out of the room. Its line is another: of the one it had nothing can be relied
// on. It is called with relay.mu held.
func (r *relay) condemn(v *voice) {
	v.link, v.at = nil, time.Time{}
	v.line = line{clock: v.line.clock, delay: v.line.delay, lead: v.line.lead, grid: v.line.grid}
	r.hold(v, -v.held)
	if v.gone {
		return
	}
	v.gone = true
	r.plane.tell.add(func(time.Time) { v.remove() })
}

// containSession is contain for the hub's own work for a session.
func (h *hub) containSession(what chore, s *session) {
	if cause := recover(); cause != nil {
		h.plane.faults.note(what, cause)
		if s != nil {
			if s.gone { // rooms and tables may have half of it
				panic(cause)
			}
			s.fault()
		}
	}
}

// fault has the session end with the turn of the loop.
func (s *session) fault() {
	s.faulty = true
	s.mark()
}

// notice tells the hub something of a voice.
func (p *plane) notice(f func(now time.Time)) {
	p.tell.add(func(now time.Time) {
		defer p.contain(choreVoice, nil)
		f(now)
	})
}

// containHandshake ends a panic of the work of a handshake, and with it the handshake. A session that it has given goes on.
func (h *hub) containHandshake(p *place, hs *handshake) {
	cause := recover()
	if cause == nil {
		return
	}
	h.plane.faults.note(choreHandshake, cause)
	if p.pending == hs {
		h.unpend(p, outcomeFailed)
		h.wait(h.now, p)
	}
	if s := p.session; s != nil && s.linger == hs {
		s.linger = nil
	}
}
