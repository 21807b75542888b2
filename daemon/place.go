package daemon

import (
	"container/list"
	"net/netip"
	"slices"
	"time"

	"yodel/wire"
)

// place is what the address table holds for one address.
type place struct {
	addr      netip.AddrPort
	validated time.Time  // until when a handshake may begin
	began     time.Time  // the latest handshake
	pending   *handshake // runs beside the session, if there is one, and takes its place when it is done
	session   *session   // to which what is sent to the address belongs
	guests    []guest
	farewell  time.Time // until when what comes after the end is no surprise: a BYE comes three times
	via       *shard    // where what it sends comes in, and where it is known

	waits, waitsOf *list.Element // in hub.anteroom, while it is validated and has nothing else
	shakes         *list.Element // in hub.shaking, while a handshake runs
}

// guest is a session that is only recognised at an address: its packets are taken and nothing is sent to it there. It has moved away,
// is about to come, or somebody else has got the address meanwhile.
type guest struct {
	session *session
	until   time.Time
}

// sweepEvery is how often what has expired is cleared from the address table.
const sweepEvery = 10 * time.Second

// place gives what the table holds for an address, made if need be.
func (h *hub) place(now time.Time, via *shard, addr netip.AddrPort) *place {
	p := h.table[addr]
	if p == nil {
		p = &place{addr: addr, via: via}
		h.table[addr] = p
	}
	h.comesVia(addr, p, via)
	if h.sweep.index == 0 {
		h.timers.set(&h.sweep, now.Add(sweepEvery))
	}
	return p
}

// runSweep clears guests that have gone and places that hold nothing any more.
func (h *hub) runSweep(now time.Time) {
	for addr, p := range h.table {
		if stays := slices.DeleteFunc(p.guests, func(g guest) bool { return g.session.gone || g.until.Before(now) }); len(stays) < len(p.guests) {
			p.guests = stays
			h.routed(addr, p)
		}
		if p.validated.Before(now) {
			h.clear(now, p)
		}
	}
	h.dropTails(now)
	h.census.sweep(now)
	if len(h.table) > 0 {
		h.timers.set(&h.sweep, now.Add(sweepEvery))
	}
}

// admit has a session recognised at the address. The oldest guest goes when there are too many.
func (p *place) admit(s *session, until time.Time) {
	p.forget(s)
	if len(p.guests) >= maxGuests {
		p.guests = slices.Delete(p.guests, 0, 1)
	}
	p.guests = append(p.guests, guest{s, until})
}

func (p *place) forget(s *session) {
	p.guests = slices.DeleteFunc(p.guests, func(g guest) bool { return g.session == s })
}

// forget has a session not recognised at an address any more.
func (h *hub) forget(addr netip.AddrPort, s *session) {
	if p := h.table[addr]; p != nil {
		p.forget(s)
		h.routed(addr, p)
	}
}

// routed tells the shard where what comes from an address arrives whose it can be. It follows every change of who is at a place.
func (h *hub) routed(addr netip.AddrPort, p *place) {
	r := route{pending: p.pending != nil, settled: p.session != nil && len(p.guests) == 0, validated: p.validated}
	if p.session != nil {
		r.lingers = p.session.linger != nil
		r.links = append(r.links, recognised{link: p.session.link})
	}
	for _, g := range p.guests {
		r.links = append(r.links, recognised{g.session.link, g.until})
	}
	p.via.route(addr, r)
}

// comesVia notes where what an address sends comes in: after a change of what spreads it over the sockets, elsewhere than before.
func (h *hub) comesVia(addr netip.AddrPort, p *place, via *shard) {
	if p.via != via {
		p.via.route(addr, route{})
		p.via = via
		h.routed(addr, p)
	}
}

// settle gives the address to a session. The one that had it gets nothing any more, for somebody else has shown to be
// there; it lives on until its time is over or its peer says where it is.
func (h *hub) settle(now time.Time, addr netip.AddrPort, p *place, s *session) {
	if old := p.session; old != nil && old != s {
		old.displaced = true
		old.link.silence()
		p.admit(old, now.Add(recognisedFor))
	}
	p.session = s
	h.anteroom.forget(p)
	p.forget(s)
	h.routed(addr, p)
}

// open gives a protected datagram to the sessions at the place. err is nil when it was authentic for one of them.
func (p *place) open(now time.Time, b []byte) (err error) {
	err = errNobody
	if p.session != nil {
		if err = p.session.open(now, b); err == nil {
			return nil
		}
	}
	for _, g := range p.guests {
		if g.session.gone || g.until.Before(now) {
			continue
		}
		if other := g.session.open(now, b); other == nil || p.session == nil {
			err = other
		}
		if err == nil {
			return nil
		}
	}
	return err
}

// hints limits the hints to wire.MaxHints in any second, and to one address to maxHintsTo.
type hints struct {
	sent [wire.MaxHints]hint // the latest, in a ring
	next int
}

// hint is one that was sent.
type hint struct {
	at time.Time
	to netip.AddrPort
}

// full tells whether an address gets no hint now.
func (hs *hints) full(now time.Time, to netip.AddrPort) bool {
	if now.Sub(hs.sent[hs.next].at) < time.Second {
		return true
	}
	n := 0
	for i := range hs.sent {
		if h := &hs.sent[i]; h.to == to && now.Sub(h.at) < time.Second {
			n++
		}
	}
	return n >= maxHintsTo
}

// add notes a hint.
func (hs *hints) add(now time.Time, to netip.AddrPort) {
	hs.sent[hs.next] = hint{now, to}
	hs.next = (hs.next + 1) % len(hs.sent)
}

// hint answers a protected datagram from an address that no session is at: 438 with a nonce, never longer than the datagram.
func (h *hub) hint(now time.Time, from netip.AddrPort, b []byte) {
	if h.hints.full(now, from) {
		h.drops.count(dropHints)
		return
	}
	reply := h.validator.Hint(h.built[:0], b, from, now)
	if len(reply) == 0 {
		return
	}
	h.hints.add(now, from)
	h.send(from, reply)
}
