package daemon

import (
	"net/netip"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

// door is what a shard's reader does with datagrams that nobody's keys have opened. It answers STUN from strangers without keeping anything, drops
// what can be of no use, and lets the rest through to the hub within bounds. Nothing of that allocates, and it has no lock:
// shard.reading guards it.
type door struct {
	validator *secure.Validator
	drops     *drops
	built     [wire.MaxDatagram]byte // scratch
	to        target                 // scratch

	answered         *sketch // by address
	first, again     bucket
	called           *sketch // by address
	subnets          *sketch // by subnet
	callers, repeats bucket
	unknown, replied ration // protected datagrams; answers to the daemon's questions
}

// ration is so many datagrams of an address, and of all, in a second.
type ration struct {
	by  *sketch // by address
	all bucket
}

// take tells whether one more may pass, and counts it.
func (q *ration) take(now time.Time, from netip.AddrPort, of int, rate int64) bool {
	key := addressKey(from)
	c := q.by.at(now, key[:])
	if c.count() >= of || !q.all.take(now, atRate(1, rate), rationBurst) {
		return false
	}
	q.by.add(c)
	return true
}

func newDoor(v *secure.Validator, d *drops) *door {
	return &door{
		validator: v, drops: d, answered: newSketch(addressCells), called: newSketch(addressCells), subnets: newSketch(subnetCells),
		unknown: ration{by: newSketch(unknownCells)}, replied: ration{by: newSketch(unknownCells)},
	}
}

// stun takes a STUN message. A Binding Request with a good nonce is a caller's, if it says something new, and others have their answer here. All else can
// only be the answer to a question of the daemon, from where a session is; anyone may send such in its name, so they have a ration of their own. validates tells that the hub is to hear of a good nonce.
func (d *door) stun(now time.Time, in *inbound, r *route, w *writer) (validates, forHub bool) {
	knock, ok := secure.ParseKnock(in.data)
	if !ok {
		if len(r.links) == 0 {
			d.drops.count(dropSTUN)
			return false, false
		}
		if forHub = d.replied.take(now, in.from, repliesOf, repliesRate); !forHub {
			d.drops.count(dropCallers)
		}
		return false, forHub
	}
	good := len(knock.Nonce) > 0 && d.validator.Knows(knock, in.from, now)
	if good && (knock.Path || r.validated.Sub(now) < secure.ValidatedFor-validatedAgain) {
		return true, d.call(now, in.from)
	}
	if !d.mayAnswer(now, in.from) {
		d.drops.count(dropQuestions)
		return false, false
	}
	var reply []byte
	if good {
		reply = d.validator.Accept(d.built[:0], knock, in.from)
	} else {
		reply = d.validator.Refuse(d.built[:0], knock, in.from, now)
	}
	if len(reply) == 0 {
		d.drops.count(dropSTUN)
		return false, false
	}
	d.to = w.s.target(in.from)
	w.add(&d.to, append(w.space(), reply...))
	return false, false
}

// mayAnswer tells whether a stranger has an answer now, and counts it. Who has not had one in this second comes before all others.
func (d *door) mayAnswer(now time.Time, from netip.AddrPort) bool {
	key := addressKey(from)
	c := d.answered.at(now, key[:])
	had := c.count()
	b, rate := &d.first, int64(firstRate)
	if had > 0 {
		b, rate = &d.again, againRate
	}
	if had >= answersOf || !b.take(now, atRate(1, rate), answerBurst) {
		return false
	}
	d.answered.add(c)
	return true
}

// call tells whether a caller's datagram may go to the hub, and counts it. The first ones of an address come before others. Loopback addresses are not
// counted by subnet.
func (d *door) call(now time.Time, from netip.AddrPort) bool {
	key := addressKey(from)
	c, s := d.called.at(now, key[:]), d.subnets.at(now, key[:subnetLen(from.Addr())])
	had, far := c.count(), !from.Addr().Unmap().IsLoopback()
	b, rate := &d.callers, int64(callRate)
	if had >= callsFirst {
		b, rate = &d.repeats, callAgainRate
	}
	if had >= callsOf || far && s.count() >= callsOfSubnet || !b.take(now, atRate(1, rate), callBurst) {
		d.drops.count(dropCallers)
		return false
	}
	d.called.add(c)
	if far {
		d.subnets.add(s)
	}
	return true
}

// dtls tells whether a datagram of a handshake may go to the hub: only from where one runs, may begin, or has just ended.
func (d *door) dtls(now time.Time, from netip.AddrPort, r *route) bool {
	if !r.pending && !r.lingers && !now.Before(r.validated) {
		d.drops.count(dropNotValidated)
		return false
	}
	return d.call(now, from)
}

// protected tells whether a protected datagram that nobody here has opened may go to the hub: it may be of a handshake or a session that only the hub
// knows at this address, and if not, its sender is to be told so.
func (d *door) protected(now time.Time, from netip.AddrPort, r *route) bool {
	if r.pending || len(r.links) > 0 {
		return d.call(now, from)
	}
	if !d.unknown.take(now, from, unknownOf, unknownRate) {
		d.drops.count(dropHints)
		return false
	}
	return true
}
