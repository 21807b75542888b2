package daemon

import (
	"errors"
	"slices"
	"time"

	"yodel/daemon/roomlog"
	"yodel/wire"
)

// maxType is the most bytes of a media type.
const maxType = 127

// replayBatch is how many entries are read from the log at once.
const replayBatch = 64

// published takes a Publish of size bytes, for which the peer must have credit. It is consumed when its outcome stands.
func (s *session) published(now time.Time, m *wire.Publish, size int) {
	if !s.publishes.Take(size) {
		s.end(now, wire.ByeCredit)
		return
	}
	refused := &wire.Refused{Id: m.GetId(), Room: m.GetRoom()}
	r := s.publishable(m, refused)
	if r == nil {
		s.consumed(size)
		return
	}
	s.hub.stirred = now
	s.hub.nicks.touch(now, s.key)
	e := roomlog.Entry{
		Room: r.name, Sender: s.who, ID: m.GetId(), Nick: s.nick, Type: m.GetType(), Body: m.GetBody(), At: now.UnixNano(),
	}
	if m.GetTransient() {
		s.relay(r, e)
		s.consumed(size)
		return
	}
	s.hub.messages.Append(e, func(res roomlog.Result) {
		s.appended(r, refused, res)
		s.consumed(size)
	})
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
	case n > wire.MaxBody || len(m.GetType()) > maxType:
		refused.Code = wire.Code_CODE_TOO_LONG
		s.refuse(refused, "%d bytes of body, %d of media type: at most %d and %d", n, len(m.GetType()), wire.MaxBody, maxType)
		return nil
	}
	return s.roomFor(m.GetRoom(), refused)
}

// appended answers a Publish once its outcome stands.
func (s *session) appended(r *room, refused *wire.Refused, res roomlog.Result) {
	if res.Err != nil {
		refused.Code = wire.Code_CODE_LIMIT
		if errors.Is(res.Err, roomlog.ErrIDReused) {
			refused.Code = wire.Code_CODE_ID_REUSED
		}
		s.refuse(refused, "%v", res.Err)
		return
	}
	s.receipt(res.Entry)
	if res.Duplicate {
		return
	}
	r.logMessage(res.Entry)
	for _, m := range r.members {
		m.session.behind = true
		m.session.mark()
	}
}

func (s *session) receipt(e roomlog.Entry) {
	s.say(wire.Encode(&wire.Message_Receipt{Receipt: &wire.Receipt{Room: e.Room, Id: e.ID, Pos: e.Pos, AtUnixNs: e.At}}))
}

// relay passes a transient message on. A member whose stream is full or who has given no credit for it does not get it.
func (s *session) relay(r *room, e roomlog.Entry) {
	encoded := encodeEntry(&e)
	for _, m := range r.members {
		if m.session.behind {
			m.session.catchUp() // what was stored before goes first
		}
		if m.session.behind || m.session.stream.Queued() > highWater || !m.session.sayEntry(encoded) {
			s.hub.drops.count(dropTransient)
		}
	}
	s.receipt(e)
	r.tidy()
}

func (r *room) logMessage(e roomlog.Entry) {
	if r.hub.cfg.LogMessages {
		r.hub.log.Info("message", "room", r.name, "nick", e.Nick, "pos", e.Pos, "text", wire.Printable(string(e.Body)))
	}
}

// catchUp sends entries of the log until the member's cursors have reached its end, the stream is full, or the peer's credit is
// used up. A slow peer is a cursor, not a queue.
func (s *session) catchUp() {
	if s.starved {
		return
	}
	s.behind = false
	for _, m := range s.rooms {
		for s.replay(m) {
		}
		if s.behind || s.gone {
			return
		}
	}
}

// replay sends the next entries to one member; false when there are none, or no more can be sent now.
func (s *session) replay(m *member) bool {
	if m.paused {
		return false
	}
	s.hub.entries = s.hub.messages.Read(m.room.name, m.cursor, s.hub.entries[:0], replayBatch)
	defer clear(s.hub.entries)
	for i := range s.hub.entries {
		if s.stream.Queued() >= highWater || s.gone {
			s.behind = true
			return false
		}
		e := &s.hub.entries[i]
		if !s.sayEntry(encodeEntry(e)) {
			s.behind, s.starved = true, true
			return false
		}
		m.cursor = e.Pos
	}
	return len(s.hub.entries) > 0
}

func encodeEntry(e *roomlog.Entry) []byte {
	return wire.Encode(&wire.Message_Entry{Entry: &wire.Entry{
		Room: e.Room, Pos: e.Pos, Prev: e.Prev, Nick: e.Nick, Fingerprint: slices.Clone(e.Sender[:]),
		Type: e.Type, Body: e.Body, AtUnixNs: e.At, Id: e.ID,
	}})
}
