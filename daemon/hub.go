package daemon

import (
	"container/list"
	"crypto/rand"
	"encoding/binary"
	"log/slog"
	"net/netip"
	"time"

	"github.com/pion/rtp"

	"yodel/daemon/access"
	"yodel/daemon/roomlog"
	"yodel/wire"
	"yodel/wire/secure"
	"yodel/wire/stream"
)

// hub is all that the daemon knows: addresses, sessions, rooms, voices, timers. It has no goroutine, lock or
// clock of its own; the loop calls it with one event at a time and with the time.
type hub struct {
	cfg Config
	log *slog.Logger
	w   *writer // sends at the end of a turn

	validator *secure.Validator
	table     map[netip.AddrPort]*place
	shaking   list.List // places with a handshake, the oldest first
	anteroom  anteroom
	census    census

	began     time.Time // when the daemon did; zero: long ago
	keys      wire.KeyLimits
	sessions  map[*session]struct{}
	ids       map[secure.SessionID]*session // without those that another has taken over
	farewells map[*farewell]struct{}
	hints     hints
	rooms     map[string]*room
	makers    makers
	listing   listing
	accounts  map[secure.Fingerprint]*account // of who has a voice
	voices    map[uint32]*voice               // by the SSRCs under which they are heard
	plane     *plane
	gate      gate
	judging   judging
	messages  *roomlog.Log
	unstored  int         // bytes of messages without an outcome
	held      stream.Pool // what sessions have sent and the hub has not taken yet
	reads     reads

	timers timers
	dirty  []*session // have something to send, or a timer to set
	drops  *drops
	sweep  timer

	figures figures
	sent    traffic

	hasty   int                        // voices that are to be heard at once
	stirred time.Time                  // when a message was last published
	spare   batch                      // an empty one
	opened  [2 * wire.MaxDatagram]byte // scratch for one opened packet
	built   [2 * wire.MaxDatagram]byte // scratch for one packet that is being made
	header  rtp.Header                 // scratch
	now     time.Time                  // of the turn
	work    bucket                     // what sessions have had it do beyond their own rates
}

// openLog opens the room log. What it has to say comes with the notices; failed is called when it can be trusted no longer.
func (h *hub) openLog(failed func(error)) (err error) {
	rules := h.cfg.rules()
	h.messages, err = roomlog.Open(roomlog.Options{
		Dir: h.cfg.State, Keep: rules.Keep, Rooms: rules.Rooms, Total: rules.Total, Logger: h.log,
		Deliver: func(f func()) {
			h.plane.tell.add(func(now time.Time) {
				h.now = now
				f()
			})
		},
		Failed: failed, Erased: h.forgetEntries,
	})
	if err != nil {
		return err
	}
	h.makers.logged = h.messages.Count()
	for name, r := range h.rooms {
		if h.messages.Newest(name) > 0 {
			h.makers.found(r)
		}
	}
	return nil
}

// newHub makes a hub and the data plane: a shard for each socket.
func newHub(cfg Config, sockets []*socket) *hub {
	v := secure.NewValidator()
	p := &plane{
		validator: v, gather: cfg.Gather, grid: grid{origin: time.Now(), step: cfg.Grid},
		bell: make(bell, 1),
	}
	p.limit(&cfg.Limits)
	p.tell.bell, p.drops.bell = p.bell, p.bell
	p.faults.log, p.faults.drops = cfg.Logger, &p.drops
	for i, s := range sockets {
		p.shards = append(p.shards, newShard(p, i, s))
	}
	h := &hub{
		plane: p, drops: &p.drops, w: newWriter(sockets[0]),
		cfg: cfg, log: cfg.Logger,
		validator: v, anteroom: newAnteroom(),
		table:     make(map[netip.AddrPort]*place),
		keys:      wire.RekeyLimits.Beyond(),
		sessions:  make(map[*session]struct{}),
		ids:       make(map[secure.SessionID]*session),
		farewells: make(map[*farewell]struct{}),
		rooms:     make(map[string]*room),
		census:    newCensus(cfg.Limits.Sessions),
		makers:    newMakers(),
		accounts:  make(map[secure.Fingerprint]*account),
		voices:    make(map[uint32]*voice),
		figures:   newFigures(),
		held:      stream.Pool{Size: maxHeld},
	}
	var seed [4]byte
	_, _ = rand.Read(seed[:]) // never fails
	p.ssrcs.Store(binary.BigEndian.Uint32(seed[:]))
	for name, room := range cfg.Rooms {
		h.keep(newRoom(h, name, room.Delay, true))
	}
	h.sweep.run = h.runSweep
	h.gate = gate{hub: h, book: access.NewBook(cfg.Access)}
	h.judging.hub = h
	h.gate.nicks.run = h.gate.storeNicks
	h.w.counting(&h.sent)
	return h
}

// collect takes what is in the shards' mailboxes.
func (h *hub) collect(now time.Time) {
	h.now = now
	for _, sh := range h.plane.shards {
		b := sh.box.take(h.spare)
		data := b.data
		for i := range b.entries {
			e := &b.entries[i]
			h.entry(now, sh, e, data[:e.n])
			data = data[e.n:]
		}
		h.spare = b.emptied()
	}
}

// entry takes one thing of a mailbox.
func (h *hub) entry(now time.Time, sh *shard, e *entry, data []byte) {
	if e.link == nil {
		defer h.plane.contain(choreDatagram, nil)
		h.datagram(now, sh, e.from, data)
		return
	}
	e.link.session.opened(now, data, e.rtcp)
}

// datagram takes what came from the network to a shard, and nobody has opened. It keeps nothing of b.
func (h *hub) datagram(now time.Time, via *shard, from netip.AddrPort, b []byte) {
	switch wire.KindOf(b) {
	case wire.KindSTUN:
		h.stun(now, via, from, b)
	case wire.KindDTLS:
		h.dtls(now, from, b)
	case wire.KindRTP, wire.KindRTCP:
		h.protected(now, via, from, b)
	case wire.KindUnknown:
		h.drops.count(dropUnknownKind)
	}
}

// advance runs the timers that are due.
func (h *hub) advance(now time.Time) {
	h.now = now
	h.plane.tell.run(now)
	h.judging.step(now)
	h.timers.fire(now)
	h.drops.log(now, h.log)
}

// calm tells that nobody waits for what comes: all voices are in rooms with a delay, and no message was published of late.
func (h *hub) calm(now time.Time) bool { return h.hasty == 0 && now.Sub(h.stirred) >= stirredFor }

// flush sends what the events since the last flush have given to send.
func (h *hub) flush(now time.Time) {
	h.now = now
	for len(h.dirty) > 0 {
		s := h.dirty[len(h.dirty)-1]
		h.dirty = h.dirty[:len(h.dirty)-1]
		s.dirty = false
		s.flush(now)
	}
	h.w.flush()
	h.drops.add(dropSend, int(h.w.failed()))
}

// deadline is when advance has something to do.
func (h *hub) deadline() time.Time { return earliest(h.timers.next(), h.drops.due) }

// stop tells all sessions why the daemon ends, and those that have ended just now what they have not been told so often.
func (h *hub) stop(now time.Time, reason string) {
	for f := range h.farewells {
		f.say(now)
	}
	for s := range h.sessions {
		if s.next == nil {
			s.bye(reason)
		}
	}
	h.w.flush()
}
