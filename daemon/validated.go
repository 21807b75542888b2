package daemon

import (
	"container/list"
	"net/netip"
	"time"

	"yodel/wire/secure"
)

// anteroom is the places that are validated and have nothing else, the oldest first: in all, and by subnet but for loopback addresses. It is
// what bounds them.
type anteroom struct {
	all *list.List
	of  map[netip.Prefix]*list.List
}

func newAnteroom() anteroom {
	return anteroom{all: list.New(), of: make(map[netip.Prefix]*list.List)}
}

// add puts a place behind all others.
func (w *anteroom) add(p *place) {
	w.forget(p)
	p.waits = w.all.PushBack(p)
	if p.addr.Addr().Unmap().IsLoopback() {
		return
	}
	net := subnet(p.addr.Addr())
	if w.of[net] == nil {
		w.of[net] = list.New()
	}
	p.waitsOf = w.of[net].PushBack(p)
}

// forget takes a place out, if it is there.
func (w *anteroom) forget(p *place) {
	if p.waits == nil {
		return
	}
	w.all.Remove(p.waits)
	p.waits = nil
	if p.waitsOf == nil {
		return
	}
	net := subnet(p.addr.Addr())
	w.of[net].Remove(p.waitsOf)
	if w.of[net].Len() == 0 {
		delete(w.of, net)
	}
	p.waitsOf = nil
}

// tooMany gives the place that has to go; nil when there is room.
func (w *anteroom) tooMany(p *place) *place {
	if p.waitsOf != nil {
		if of := w.of[subnet(p.addr.Addr())]; of.Len() > maxValidatedOf {
			return of.Front().Value.(*place)
		}
	}
	if w.all.Len() > maxValidated {
		return w.all.Front().Value.(*place)
	}
	return nil
}

// validate notes that who sends from an address can receive there.
func (h *hub) validate(now time.Time, via *shard, from netip.AddrPort) {
	p := h.place(now, via, from)
	p.validated = now.Add(secure.ValidatedFor)
	h.wait(now, p)
}

// wait has a place among those that wait if it is validated and has nothing else, and tells its shard. When there are too many the oldest one has to
// be validated again.
func (h *hub) wait(now time.Time, p *place) {
	h.routed(p.addr, p)
	if p.pending != nil || p.session != nil || !now.Before(p.validated) {
		return
	}
	h.anteroom.add(p)
	if old := h.anteroom.tooMany(p); old != nil {
		h.drops.count(dropValidated)
		h.clear(now, old)
	}
}

// clear takes from a place that it is validated, and from the table the place that holds nothing any more.
func (h *hub) clear(now time.Time, p *place) {
	h.anteroom.forget(p)
	if !p.validated.IsZero() {
		p.validated = time.Time{}
		h.routed(p.addr, p)
	}
	if p.session == nil && p.pending == nil && len(p.guests) == 0 && p.farewell.Before(now) {
		delete(h.table, p.addr)
	}
}
