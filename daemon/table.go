package daemon

import (
	"errors"
	"net/netip"
	"time"

	"yodel/wire/secure"
)

const (
	// maxPending bounds the handshakes that run at once.
	maxPending = 512
	// handshakeEvery is how often one address may begin a handshake: each costs the loop a signature.
	handshakeEvery = 100 * time.Millisecond
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
	if now.Sub(p.began) < handshakeEvery || p.pending == nil && h.pending >= maxPending {
		h.drops.count(dropHandshakes)
		return
	}
	if p.pending != nil {
		h.unpend(p)
	}
	p.began = now
	admit := func(secure.Fingerprint) error { return nil } // access is open to everyone who has a key
	cfg := secure.Config{Identity: h.cfg.Identity, Verify: admit}
	responder, err := secure.NewResponder(cfg, now, func(b []byte) { h.send(hs.from, b) })
	if err != nil {
		h.log.Error("no handshake", "error", err)
		h.routed(hs.from, p)
		return
	}
	hs.responder = responder
	hs.timer.run = func(now time.Time) { h.shaken(now, p, hs, responder.Advance(now)) }
	h.pending++
	p.pending = hs
	h.routed(hs.from, p)
	h.feed(now, p, hs, first)
}

// shaken looks at what has become of the pending handshake.
func (h *hub) shaken(now time.Time, p *place, hs *handshake, err error) {
	secrets := hs.responder.Secrets()
	switch {
	case err != nil:
		h.log.Debug("handshake failed", "address", hs.from, "error", err)
		h.unpend(p)
		h.routed(hs.from, p)
	case secrets == nil:
		h.timers.set(&hs.timer, hs.responder.Deadline())
	default:
		h.unpend(p)
		h.finished(now, p, hs, secrets)
	}
}

// unpend ends the wait for a handshake.
func (h *hub) unpend(p *place) {
	h.timers.set(&p.pending.timer, time.Time{})
	p.pending = nil
	h.pending--
}

// finished makes a session of the outcome of a handshake.
func (h *hub) finished(now time.Time, p *place, hs *handshake, secrets *secure.Secrets) {
	s, err := h.newSession(now, hs, p.via, secrets)
	if err != nil {
		h.log.Warn("handshake gave no keys", "address", hs.from, "error", err)
		h.routed(hs.from, p)
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
