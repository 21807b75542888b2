package daemon

import (
	"errors"
	"net/netip"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

// handshake is one run of DTLS. It lives on with its session until the peer has shown to have the keys.
type handshake struct {
	from      netip.AddrPort
	random    [32]byte // of the ClientHello
	responder *secure.Responder
	timer     timer
}

// dtls feeds a handshake, or begins one when the address is validated. A ClientHello with a new
// random is a client that has restarted: it never disturbs the session that is there.
func (h *hub) dtls(now time.Time, from netip.AddrPort, b []byte) {
	p := h.table[from]
	if p == nil {
		h.drops.count(dropNotValidated)
		return
	}
	random, hello := secure.ClientHelloRandom(b)
	switch {
	case p.pending != nil && (!hello || random == p.pending.random):
		h.feed(now, p, p.pending, b)
	case p.session != nil && p.session.linger != nil && (!hello || random == p.session.linger.random):
		h.feed(now, p, p.session.linger, b)
	case hello && now.Before(p.validated):
		h.begin(now, p, &handshake{from: from, random: random}, b)
	default:
		h.drops.count(dropNotValidated)
	}
}

// feed hands a datagram to a handshake; DTLS sends again what is not taken.
func (h *hub) feed(now time.Time, p *place, hs *handshake, b []byte) {
	defer h.containHandshake(p, hs)
	err := hs.responder.Feed(now, b)
	if err != nil && !errors.Is(err, secure.ErrHandshake) {
		h.drops.count(dropHandshake)
		return
	}
	if p.pending == hs {
		h.shaken(now, p, hs, err)
	}
}

// begin starts a handshake in place of one that may be running at the address.
func (h *hub) begin(now time.Time, p *place, hs *handshake, first []byte) {
	fresh := p.pending == nil
	if now.Sub(p.began) < h.beginsAfter(p) || !h.census.mayShake(now, hs.from, fresh) {
		h.drops.count(dropHandshakes)
		return
	}
	h.anteroom.forget(p) // before another comes back into it, for which the oldest has to go
	if fresh && !h.vacate(now) {
		h.drops.count(dropHandshakes)
		h.wait(now, p)
		return
	}
	if p.pending != nil {
		h.unpend(p, outcomeReplaced)
	}
	p.began = now
	admit := func(secure.Fingerprint) error { return nil } // access is open to everyone who has a key
	cfg := secure.Config{Identity: h.cfg.Identity, Verify: admit}
	responder, err := secure.NewResponder(cfg, now, func(b []byte) { h.send(hs.from, b) })
	if err != nil {
		h.log.Error("no handshake", "error", err)
		h.wait(now, p)
		return
	}
	hs.responder = responder
	hs.timer.run = func(now time.Time) {
		defer h.containHandshake(p, hs)
		h.shaken(now, p, hs, responder.Advance(now))
	}
	h.census.shakes(hs.from, 1)
	h.figures.handshakes[outcomeBegun]++
	p.pending, p.shakes = hs, h.shaking.PushBack(p)
	h.routed(hs.from, p)
	h.feed(now, p, hs, first)
}

// shaken looks at what has become of the pending handshake.
func (h *hub) shaken(now time.Time, p *place, hs *handshake, err error) {
	secrets := hs.responder.Secrets()
	switch {
	case err != nil:
		h.log.Debug("handshake failed", "address", hs.from, "error", err)
		h.unpend(p, outcomeFailed)
		h.wait(now, p)
	case secrets == nil:
		h.timers.set(&hs.timer, hs.responder.Deadline())
	default:
		h.unpend(p, outcomeDone)
		h.finished(now, p, hs, secrets)
	}
}

// unpend ends the wait for a handshake.
func (h *hub) unpend(p *place, why outcome) {
	h.figures.handshakes[why]++
	h.timers.set(&p.pending.timer, time.Time{})
	h.census.shakes(p.pending.from, -1)
	h.shaking.Remove(p.shakes)
	p.pending, p.shakes = nil, nil
}

// beginsAfter is how long after the last handshake one may begin at a place.
func (h *hub) beginsAfter(p *place) time.Duration {
	if h.census.pending >= pressed && p.session == nil {
		return againAfter
	}
	return handshakeEvery
}

// vacate makes room for a new handshake and its session, if there is none.
func (h *hub) vacate(now time.Time) bool {
	return (h.census.pending < maxPending || h.cutShort(now)) && (h.census.greetless.Len() < maxGreetless || h.dismiss(now))
}

// dismiss ends the oldest session that has not said Hello, if it has had its time.
func (h *hub) dismiss(now time.Time) bool {
	s := h.census.greetless.Front().Value.(*session)
	if now.Sub(s.began) < pendingLeast {
		return false
	}
	h.drops.count(dropCutShort)
	s.end(now, wire.ByeNoHello)
	return true
}

// cutShort ends the oldest handshake for a new one, if it has had its time.
func (h *hub) cutShort(now time.Time) bool {
	p := h.shaking.Front().Value.(*place)
	if now.Sub(p.began) < pendingLeast {
		return false
	}
	h.drops.count(dropCutShort)
	h.unpend(p, outcomeCutShort)
	h.wait(now, p)
	return true
}

// finished makes a session of the outcome of a handshake.
func (h *hub) finished(now time.Time, p *place, hs *handshake, secrets *secure.Secrets) {
	s, err := h.newSession(now, hs, p.via, secrets)
	if err != nil {
		h.log.Warn("handshake gave no keys", "address", hs.from, "error", err)
		h.wait(now, p)
		return
	}
	if old := p.session; old != nil && old.who == s.who {
		s.replaces = old
	}
	h.settle(now, hs.from, p, s)
}

// send gives a datagram to the network at the end of the turn. What the kernel does not take is counted, and repaired like any other loss.
func (h *hub) send(to netip.AddrPort, b []byte) {
	t := h.w.s.target(to)
	h.w.add(&t, append(h.w.space(), b...))
}
