package daemon

import (
	"context"
	"net/netip"
	"time"

	"yodel/wire/secure"
)

// maxPending bounds the handshakes that run at once.
const maxPending = 512

// handshake is one run of DTLS. Its goroutine is started by begin and ends by cancel, by its time limit, or when it
// is done; it then posts the outcome to the loop.
type handshake struct {
	from   netip.AddrPort
	random [32]byte // of the ClientHello
	conn   *secure.MemConn
	early  secure.EarlyQueue
	cancel context.CancelFunc
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
		h.feed(p.pending, b)
	case p.session != nil && p.session.linger != nil && (!hello || random == p.session.linger.random):
		h.feed(p.session.linger, b)
	case hello && now.Before(p.validated):
		h.begin(p, from, random, b)
	default:
		h.drops.count(dropNotValidated)
	}
}

// feed hands a datagram to a handshake; DTLS sends again what is not taken.
func (h *hub) feed(hs *handshake, b []byte) {
	if hs.conn.Feed(b) != nil {
		h.drops.count(dropHandshake)
	}
}

// begin starts a handshake in place of one that may be running at the address.
func (h *hub) begin(p *place, from netip.AddrPort, random [32]byte, first []byte) {
	if p.pending != nil {
		p.pending.cancel()
		p.pending = nil
		h.pending--
	}
	if h.pending >= maxPending {
		h.drops.count(dropHandshakes)
		return
	}
	h.pending++
	defer h.routed(from, p)
	ctx, cancel := context.WithCancel(context.Background())
	hs := &handshake{from: from, random: random, cancel: cancel}
	hs.conn = secure.NewMemConn(func(b []byte) { _ = h.out(b, from) }) // a lost datagram is sent again
	p.pending = hs
	_ = hs.conn.Feed(first)
	admit := func(secure.Fingerprint) error { return nil } // access is open to everyone who has a key
	cfg := secure.Config{Identity: h.cfg.Identity, Verify: admit}
	h.handshakes.Go(func() {
		defer cancel()
		secrets, err := secure.Handshake(ctx, hs.conn, cfg)
		h.post(func(now time.Time) { h.finished(now, hs, secrets, err) })
	})
}

// finished takes the outcome of a handshake.
func (h *hub) finished(now time.Time, hs *handshake, secrets *secure.Secrets, err error) {
	p := h.table[hs.from]
	if p == nil || p.pending != hs { // replaced by a newer one
		if secrets != nil {
			secrets.Free()
		}
		return
	}
	p.pending = nil
	h.pending--
	defer h.routed(hs.from, p)
	if err != nil {
		h.log.Debug("handshake failed", "address", hs.from, "error", err)
		return
	}
	s, err := newSession(h, now, hs, p.via, secrets)
	if err != nil {
		secrets.Free()
		h.log.Warn("handshake gave no keys", "address", hs.from, "error", err)
		return
	}
	if old := p.session; old != nil && old.who == s.who {
		s.replaces = old
	}
	h.settle(now, hs.from, p, s)
	hs.early.Drain(func(b []byte) { h.protected(now, p.via, hs.from, b) })
}

// cancelHandshakes ends all that are running.
func (h *hub) cancelHandshakes() {
	for _, p := range h.table {
		if p.pending != nil {
			p.pending.cancel()
		}
	}
	for s := range h.sessions {
		s.release()
	}
}

// send gives a datagram to the network at the end of the turn. What the kernel does not take is counted, and repaired like any other loss.
func (h *hub) send(to netip.AddrPort, b []byte) {
	h.w.add(h.w.s.target(to), append(h.w.space(), b...))
}
