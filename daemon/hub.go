package daemon

import (
	"crypto/rand"
	"encoding/binary"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"yodel/daemon/roomlog"
	"yodel/wire"
	"yodel/wire/secure"
)

// hub is all that the daemon knows: addresses, sessions, rooms, voices, timers. It has no goroutine, lock or
// clock of its own; the loop calls it with one event at a time and with the time.
type hub struct {
	cfg  Config
	log  *slog.Logger
	out  func(to netip.AddrPort, datagram []byte) error // sends; safe for the handshakes' goroutines too
	post func(func(now time.Time))                      // has the loop run something soon; for other goroutines

	validator *secure.Validator
	table     map[netip.AddrPort]*place
	pending   int // handshakes

	handshakes sync.WaitGroup // their goroutines
	began      time.Time      // when the daemon did; zero: long ago
	keys       wire.KeyLimits
	sessions   map[*session]struct{}
	ids        map[secure.SessionID]*session // without those that another has taken over
	farewells  map[*farewell]struct{}
	hints      hints
	rooms      map[string]*room
	voices     map[uint32]*voice
	nextSSRC   uint32
	nicks      nicks
	messages   *roomlog.Log

	timers timers
	dirty  []*session // have something to send, or a timer to set
	bufs   buffers
	drops  drops
	sweep  timer

	opened  [2 * wire.MaxDatagram]byte // scratch for one opened packet
	sealed  [2 * wire.MaxDatagram]byte // scratch for one sealed packet
	built   [2 * wire.MaxDatagram]byte // scratch for one packet that is being made
	lost    []uint16                   // scratch for NACKs
	entries []roomlog.Entry            // scratch for replay
}

func newHub(cfg Config) *hub {
	h := &hub{
		cfg: cfg, log: cfg.Logger,
		validator: secure.NewValidator(),
		table:     make(map[netip.AddrPort]*place),
		keys:      wire.RekeyLimits.Beyond(),
		sessions:  make(map[*session]struct{}),
		ids:       make(map[secure.SessionID]*session),
		farewells: make(map[*farewell]struct{}),
		rooms:     make(map[string]*room),
		voices:    make(map[uint32]*voice),
		nicks:     newNicks(),
		messages:  roomlog.New(roomlog.Limits{}),
	}
	var seed [4]byte
	_, _ = rand.Read(seed[:]) // never fails
	h.nextSSRC = binary.BigEndian.Uint32(seed[:])
	for name, delay := range cfg.Rooms {
		h.rooms[name] = newRoom(h, name, delay, true)
	}
	h.sweep.run = h.runSweep
	return h
}

// datagram takes what came from the network. It keeps nothing of b.
func (h *hub) datagram(now time.Time, from netip.AddrPort, b []byte) {
	switch wire.KindOf(b) {
	case wire.KindSTUN:
		h.stun(now, from, b)
	case wire.KindDTLS:
		h.dtls(now, from, b)
	case wire.KindRTP, wire.KindRTCP:
		h.protected(now, from, b)
	case wire.KindUnknown:
		h.drops.count(dropUnknownKind)
	}
}

// advance runs the timers that are due.
func (h *hub) advance(now time.Time) {
	h.timers.fire(now)
	h.drops.log(now, h.log)
}

// flush sends what the events since the last flush have given sessions to send.
func (h *hub) flush(now time.Time) {
	for len(h.dirty) > 0 {
		s := h.dirty[len(h.dirty)-1]
		h.dirty = h.dirty[:len(h.dirty)-1]
		s.dirty = false
		s.flush(now)
	}
}

// deadline is when advance has something to do.
func (h *hub) deadline() time.Time { return h.timers.next() }

// newSSRC gives an SSRC that this process has not given before.
func (h *hub) newSSRC() uint32 {
	for {
		h.nextSSRC++
		if h.nextSSRC >= wire.MinAudioSSRC {
			return h.nextSSRC
		}
	}
}

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
}
