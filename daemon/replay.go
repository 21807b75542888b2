package daemon

import (
	"slices"
	"sort"
	"time"

	"yodel/daemon/roomlog"
	"yodel/wire"
)

// encodedEntry is an entry of the room log as members are sent it.
type encodedEntry struct {
	pos, prev uint64
	message   []byte
}

// tail is the newest entries of a room, without a gap: those that members who keep up are sent without a look at the disk. A room without members
// has none.
type tail struct {
	entries []encodedEntry
	bytes   int
	grown   time.Time
}

// add puts an entry at the end.
func (t *tail) add(now time.Time, e *roomlog.Entry) {
	t.grown = now
	if n := len(t.entries); n > 0 && t.entries[n-1].pos != e.Prev {
		*t = tail{grown: now} // somebody else has changed the log
	}
	t.entries = append(t.entries, encodeEntry(e))
	t.bytes += len(t.entries[len(t.entries)-1].message)
	for len(t.entries) > maxTail || len(t.entries) > 1 && t.bytes > maxTailBytes {
		t.bytes -= len(t.entries[0].message)
		t.entries[0] = encodedEntry{}
		t.entries = t.entries[1:] // append moves to a new array when this one is full
	}
}

// after gives the entries after a position; ok is false when the tail begins later.
func (t *tail) after(pos uint64) (entries []encodedEntry, ok bool) {
	if len(t.entries) == 0 || t.entries[0].prev > pos {
		return nil, false
	}
	return beyond(t.entries, pos), true
}

// beyond gives those of some entries, in order, that come after a position.
func beyond(entries []encodedEntry, pos uint64) []encodedEntry {
	return entries[sort.Search(len(entries), func(i int) bool { return entries[i].pos > pos }):]
}

// stored has the members be sent a new entry.
func (r *room) stored(e *roomlog.Entry) {
	if len(r.members) == 0 {
		return
	}
	r.tail.add(r.hub.now, e)
	for _, m := range r.members {
		m.session.behind = true
		m.session.mark()
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
		if !m.paused {
			s.replay(m)
		}
		if s.behind || s.gone {
			break
		}
	}
	if s.behind {
		s.spare()
	}
}

// replay sends a member what is there in memory, and asks for the next page of what is not.
func (s *session) replay(m *member) {
	for !s.gone {
		entries := m.ahead()
		for i := range entries {
			if s.stream.Queued() >= highWater || s.gone {
				s.behind = true
				return
			}
			e := &entries[i]
			if !s.sayEntry(e.message) {
				s.behind, s.starved = true, true
				return
			}
			m.cursor = e.pos
		}
		if len(entries) == 0 {
			return
		}
	}
}

// ahead gives the next entries for a member that are in memory. When there are none, or the last of its pages is begun, it asks for the next page.
func (m *member) ahead() []encodedEntry {
	h := m.room.hub
	for len(m.pages) > 0 {
		m.pages[0] = beyond(m.pages[0], m.cursor)
		if len(m.pages[0]) == 0 {
			m.pages = slices.Delete(m.pages, 0, 1)
			h.reads.free()
			continue
		}
		if len(m.pages) == 1 && h.reads.taken <= maxPages/2 && m.lacks() {
			h.reads.want(m)
		}
		return m.pages[0]
	}
	if entries, ok := m.room.tail.after(m.cursor); ok {
		return entries
	}
	if m.lacks() {
		h.reads.want(m)
	}
	return nil
}

// lacks tells whether there is something beyond what the member has in memory.
func (m *member) lacks() bool {
	end := m.end()
	if end >= m.barren.after {
		end = max(end, m.barren.upTo)
	}
	return end < m.room.hub.messages.Newest(m.room.name)
}

// barren is a piece of the log in which there is nothing that can be read.
type barren struct {
	after, upTo uint64
}

// end is the position up to which the member has entries.
func (m *member) end() uint64 {
	if n := len(m.pages); n > 0 {
		last := m.pages[n-1]
		return last[len(last)-1].pos
	}
	return m.cursor
}

// dropPages forgets the member's pages.
func (m *member) dropPages() {
	for range m.pages {
		m.room.hub.reads.free()
	}
	m.pages = nil
}

// spare gives up the pages of a session that cannot be sent more now, when places are rare or it may be long: they are read again.
func (s *session) spare() {
	if s.starved || s.hub.reads.taken > maxPages/2 {
		for _, m := range s.rooms {
			m.dropPages()
		}
	}
}

// reads is the pages of the room log that are wanted, on their way, or with a member.
type reads struct {
	taken   int       // places of maxPages
	waiting []*member // for a place
	era     int       // counts the times when all was to be forgotten
}

// want asks for the page that a member needs next. It comes when there is a place.
func (q *reads) want(m *member) {
	switch {
	case m.reading:
		return
	case q.taken >= maxPages:
		q.waiting = append(q.waiting, m)
	default:
		q.fetch(m)
	}
	m.reading = true
}

// fetch reads the page after the member's cursor.
func (q *reads) fetch(m *member) {
	q.taken++
	p := page{era: q.era, after: m.end(), newest: m.room.hub.messages.Newest(m.room.name)}
	m.room.hub.messages.Read(m.room.name, p.after, func(entries []roomlog.Entry, err error) {
		p.entries, p.err = entries, err
		q.got(m, &p)
	})
}

// page is what a read gave.
type page struct {
	entries []roomlog.Entry
	err     error
	era     int
	after   uint64 // up to where the member had entries …
	newest  uint64 // … and the room's newest position, when it was asked for
}

// got takes a page for a member.
func (q *reads) got(m *member, p *page) {
	m.reading = false
	s := m.session
	switch {
	case s.gone || s.rooms[m.room.name] != m:
		q.free()
		return
	case p.err != nil:
		s.hub.log.Error("room log not read", "room", m.room.name, "after", p.after, "error", p.err)
		q.free()
		s.end(s.hub.now, wire.ByeSlow) // its peer comes back, and asks again
		return
	case s.starved || m.paused: // it may be long until it is wanted
		q.free()
		return
	case p.era != q.era || p.after != m.end(): // it is no longer what is wanted
		q.free()
	case len(p.entries) == 0:
		m.barren = barren{p.after, p.newest}
		q.free()
	default:
		m.pages = append(m.pages, p.encode())
	}
	s.behind = true
	s.mark()
}

// encode makes of a page what members are sent.
func (p *page) encode() []encodedEntry {
	out := make([]encodedEntry, len(p.entries))
	for i := range p.entries {
		out[i] = encodeEntry(&p.entries[i])
	}
	return out
}

// free gives a place to the next who waits for one.
func (q *reads) free() {
	q.taken--
	for len(q.waiting) > 0 && q.taken < maxPages {
		m := q.waiting[0]
		q.waiting = slices.Delete(q.waiting, 0, 1)
		if m.session.gone || m.session.rooms[m.room.name] != m {
			m.reading = false
			continue
		}
		q.fetch(m)
	}
}

// tailFor is how long the newest entries of a room that falls silent stay in memory. The room log notices for longer what others change.
const tailFor = 30 * time.Second

// dropTails drops those of rooms that have been silent.
func (h *hub) dropTails(now time.Time) {
	for _, r := range h.rooms {
		if n := len(r.tail.entries); n > 0 && now.Sub(r.tail.grown) > tailFor {
			r.tail = tail{}
		}
	}
}

// forgetEntries drops all entries that are in memory: another process has changed the log.
func (h *hub) forgetEntries() {
	h.reads.era++
	for _, r := range h.rooms {
		r.tail = tail{}
		for _, m := range r.members {
			m.dropPages()
			m.session.behind = true
			m.session.mark()
		}
	}
}
