package daemon

import (
	"errors"
	"time"

	"yodel/daemon/roomlog"
	"yodel/wire"
)

// published takes a Publish of size bytes, for which the peer must have credit. It is consumed when its outcome stands.
func (s *session) published(now time.Time, m *wire.Publish, size int) {
	if !s.publishes.Take(size) {
		s.hub.drops.count(dropNoCredit)
		s.end(now, wire.ByeCredit)
		return
	}
	refused := &wire.Refused{Id: m.GetId(), Room: m.GetRoom()}
	r := s.publishable(m, refused)
	if r == nil {
		s.charge(1)
		s.consumed(size)
		return
	}
	s.hub.stirred = now
	s.hub.gate.book.Touch(now, s.key)
	e := roomlog.Entry{
		Room: r.name, Sender: s.who, ID: m.GetId(), Nick: s.nick, Type: m.GetType(), Body: m.GetBody(), At: now.UnixNano(),
	}
	if m.GetTransient() {
		s.transient(r, e, size)
		return
	}
	s.hub.messages.Append(e, func(res roomlog.Result) {
		r.outcomes++
		s.appended(r, refused, res)
		s.settled(size)
		r.goOn()
	})
	r.appends++ // behind what may panic; the outcome comes in a later turn
	s.unsettled(size + unstoredEach)
}

// transient passes a message on that is not kept, once the outcome of all messages before it in the room stands.
func (s *session) transient(r *room, e roomlog.Entry, size int) {
	if r.appends == r.outcomes {
		s.relay(r, e)
		s.consumed(size)
		r.tidy()
		return
	}
	s.unsettled(size + unstoredEach)
	r.later = append(r.later, later{r.appends, func() {
		s.relay(r, e)
		s.settled(size)
	}})
}

// mayPublish tells whether what the session sends next may be taken, or waits until the outcome of something that it has published stands.
func (s *session) mayPublish() bool {
	if s.unstored <= unstoredAlone || s.hub.unstored <= maxUnstored || !s.stream.Ready() {
		return true
	}
	s.hub.drops.count(dropUnstored)
	return false
}

// unsettled counts n bytes more, or less, that wait for their outcome.
func (s *session) unsettled(n int) {
	s.unstored += n
	s.hub.unstored += n
}

// settled ends what published has begun, once its outcome stands.
func (s *session) settled(size int) {
	s.unsettled(-size - unstoredEach)
	s.consumed(size)
	s.mark() // what it sent next may have waited for that
}

// publishable gives the room for a message, or refuses it.
func (s *session) publishable(m *wire.Publish, refused *wire.Refused) *room {
	if !s.named(refused) {
		return nil
	}
	switch n := len(m.GetBody()); {
	case n == 0:
		refused.Code = wire.Code_CODE_EMPTY
		s.refuse(refused, "the message is empty")
		return nil
	case n > wire.MaxBody || len(m.GetType()) > wire.MaxType:
		s.hub.drops.count(dropTooLong)
		refused.Code = wire.Code_CODE_TOO_LONG
		s.refuse(refused, "%d bytes of body, %d of media type: at most %d and %d", n, len(m.GetType()), wire.MaxBody, wire.MaxType)
		return nil
	}
	if err := wire.CheckType(m.GetType()); err != nil { // programs may print it, or look for it in a log
		refused.Code = wire.Code_CODE_PROTOCOL
		s.refuse(refused, "%v", err)
		return nil
	}
	return s.roomFor(m.GetRoom(), refused)
}

// appended answers a Publish once its outcome stands: the message is on the disk, or it never will be.
func (s *session) appended(r *room, refused *wire.Refused, res roomlog.Result) {
	if res.Err != nil {
		refused.Code = refusal(res.Err)
		s.refuse(refused, "%v", res.Err)
		return
	}
	r.hub.makers.store(r)
	s.receipt(res.Entry)
	if !res.Duplicate {
		r.hub.logMessage(&res.Entry)
		r.stored(&res.Entry)
		s.chargeStored(len(r.members))
	}
}

// goOn does what waited for the outcomes that stand now.
func (r *room) goOn() {
	for len(r.later) > 0 && r.later[0].after <= r.outcomes {
		r.later[0].f()
		r.later = r.later[1:]
	}
	r.tidy()
}

// later is something that waits for the outcome of so many messages.
type later struct {
	after uint64
	f     func()
}

// refusal is the code for an error of the room log.
func refusal(err error) wire.Code {
	switch {
	case errors.Is(err, roomlog.ErrIDReused), errors.Is(err, roomlog.ErrUnreadable):
		return wire.Code_CODE_ID_REUSED
	case errors.Is(err, roomlog.ErrBusy):
		return wire.Code_CODE_BUSY
	case errors.Is(err, roomlog.ErrClosed):
		return wire.Code_CODE_STOPPING
	}
	return wire.Code_CODE_READ_ONLY
}

func (s *session) receipt(e roomlog.Entry) {
	s.hub.figures.receipts++
	s.say(wire.Encode(&wire.Message_Receipt{Receipt: &wire.Receipt{Room: e.Room, Id: e.ID, Pos: e.Pos, AtUnixNs: e.At}}))
}

// relay passes a transient message on. A member whose stream is full or who has given no credit for it does not get it.
func (s *session) relay(r *room, e roomlog.Entry) {
	encoded := encodeEntry(&e).message
	for _, m := range r.members {
		if m.session.behind {
			m.session.catchUp() // what was stored before goes first
		}
		if m.session.behind || m.reading || m.session.stream.Queued() > highWater || !m.session.sayEntry(encoded) {
			s.hub.drops.count(dropTransient)
		}
	}
	s.chargeRelayed(len(r.members))
	s.receipt(e)
}

func (h *hub) logMessage(e *roomlog.Entry) {
	if h.cfg.LogMessages {
		h.log.Info("message", "room", e.Room, "nick", e.Nick, "pos", e.Pos, "text", wire.Printable(string(e.Body)))
	}
}

func encodeEntry(e *roomlog.Entry) encodedEntry {
	return encodedEntry{e.Pos, e.Prev, wire.Encode(&wire.Message_Entry{Entry: &wire.Entry{
		Room: e.Room, Pos: e.Pos, Prev: e.Prev, Nick: e.Nick, Fingerprint: e.Sender[:],
		Type: e.Type, Body: e.Body, AtUnixNs: e.At, Id: e.ID,
	}})}
}
