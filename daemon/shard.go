package daemon

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"

	"yodel/wire"
)

// maxParts is how many parts of flights may wait for a shard's pump.
const maxParts = 256

// shard is a core's part of the data plane: a socket, the links of those sessions whose datagrams come in there, and the turns of some rooms.
// It has two goroutines: the reader takes what comes, the pump does what has its time.
type shard struct {
	plane  *plane
	index  int
	socket *socket
	box    mailbox

	arrived atomic.Uint64 // datagrams

	table  sync.Mutex // guards routes
	routes map[netip.AddrPort]route

	mu sync.Mutex // guards the links and the feeds of the shard

	reading sync.Mutex // the reader's, but in rounds; it guards:
	in      [readAtOnce]inbound
	opened  []byte // plaintexts of what came in together
	header  rtp.Header
	audio   []arrival

	parts chan *flight // parts of flights for the pump
	w     *writer      // the pump's

	ticks  sync.Mutex // guards what follows
	timers timers     // of relays
	armed  time.Time  // for when alarm is set; zero: it is not
	alarm  *alarm
}

// inbound is one datagram.
type inbound struct {
	from netip.AddrPort
	data []byte
	at   time.Time // when it came to the socket
}

// route is to whom datagrams of one address can belong: first the session that is there, then the guests.
type route struct {
	links   []recognised
	pending bool // a handshake runs: what nobody can open may be one of the session to come
	settled bool // the first of the links is there, and no guest
}

// recognised is a link that is known at an address.
type recognised struct {
	link  *link
	until time.Time // zero: for ever
}

// arrival is an authentic audio packet.
type arrival struct {
	voice     *voice
	at        time.Time // when it came to the socket
	seq       uint16
	timestamp uint32
	plain     []byte
}

func newShard(p *plane, index int, s *socket) *shard {
	return &shard{
		plane: p, index: index, socket: s, routes: make(map[netip.AddrPort]route),
		opened: make([]byte, 0, readAtOnce*(wire.MaxDatagram+1)), w: newWriter(s),
		parts: make(chan *flight, maxParts), alarm: newAlarm(),
	}
}

// route says to whom datagrams of an address can belong; no links and nothing pending: to nobody.
func (sh *shard) route(addr netip.AddrPort, r route) {
	sh.table.Lock()
	defer sh.table.Unlock()
	if len(r.links) == 0 && !r.pending {
		delete(sh.routes, addr)
		return
	}
	sh.routes[addr] = r
}

// read takes what comes until the socket is closed.
func (sh *shard) read(done <-chan struct{}) {
	b, w := newReadBatch(), newWriter(sh.socket)
	for {
		n, err := sh.socket.read(b)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // an ICMP error of one peer is no reason to stop, and one that lasts none to turn round and round
			select {
			case <-time.After(time.Millisecond):
			case <-done:
				return
			}
			continue
		}
		sh.take(time.Now(), b, n, w)
		w.flush()
		sh.plane.drops.add(dropSend, int(w.failed()))
	}
}

// take receives the n datagrams of a read.
func (sh *shard) take(now time.Time, b *readBatch, n int, w *writer) {
	sh.plane.drops.add(dropOverflow, int(b.overflow()))
	sh.arrived.Add(uint64(n))
	sh.reading.Lock()
	defer sh.reading.Unlock()
	for i := range n {
		d := &sh.in[i]
		d.from, d.data = b.datagram(i)
		d.at = b.arrived(i, now)
	}
	sh.receive(now, sh.in[:n], w)
}

// receive takes up to readAtOnce datagrams that have come in together: audio goes to its relays, all else to the hub.
func (sh *shard) receive(now time.Time, in []inbound, w *writer) {
	forHub := false
	sh.opened, sh.audio = sh.opened[:0], sh.audio[:0]
	for i := range in {
		d := &in[i]
		e, data := entry{from: d.from}, d.data
		switch kind := wire.KindOf(d.data); kind {
		case wire.KindUnknown:
			sh.plane.drops.count(dropUnknownKind)
			continue
		case wire.KindRTP, wire.KindRTCP:
			var pass bool
			if e.link, data, pass = sh.open(now, d); !pass {
				continue
			}
			e.rtcp = kind == wire.KindRTCP
		case wire.KindSTUN, wire.KindDTLS:
		}
		if !sh.box.put(e, data) {
			sh.plane.drops.count(dropControl)
		}
		forHub = true
	}
	if forHub {
		sh.plane.bell.ring()
	}
	for i := range sh.audio {
		a := &sh.audio[i]
		a.voice.relay.audio(now, sh, w, a)
	}
}

// open finds whose a protected datagram is. Audio is noted; the plaintext of all else is for the hub, and so is what nobody here can open but
// the hub may know more about.
func (sh *shard) open(now time.Time, d *inbound) (l *link, data []byte, forHub bool) {
	sh.table.Lock()
	r := sh.routes[d.from]
	sh.table.Unlock()
	err := errNobody
	for i := range r.links {
		if known := &r.links[i]; known.until.IsZero() || !known.until.Before(now) {
			var plain []byte
			var audio bool
			if plain, audio, err = sh.openBy(now, known.link, d); err == nil {
				return known.link, plain, !audio
			}
			if r.settled {
				break
			}
		}
	}
	if r.pending || !r.settled {
		return nil, d.data, true
	}
	sh.plane.drops.count(whyNotOpened(err))
	return nil, nil, false
}

// openBy has a link open a datagram.
func (sh *shard) openBy(now time.Time, l *link, d *inbound) (plain []byte, audio bool, err error) {
	owner, b := l.shard, d.data
	owner.mu.Lock()
	defer owner.mu.Unlock()
	begin := len(sh.opened)
	opened, err := l.open(now, sh.opened, b)
	if err != nil {
		return nil, false, err
	}
	sh.opened = opened
	plain = opened[begin:]
	if wire.KindOf(b) == wire.KindRTCP || wire.SSRCOf(plain) == wire.SSRCPeer {
		return plain, false, nil
	}
	if a, ok := l.arrival(&sh.header, plain); ok {
		a.at = d.at
		sh.audio = append(sh.audio, a)
	} else {
		sh.plane.drops.count(dropMalformed)
	}
	return plain, true, nil
}

// pump sends what is handed over, and gives the relays their turns, until done is closed.
func (sh *shard) pump(done <-chan struct{}) {
	for {
		select {
		case f := <-sh.parts:
			sh.send(f, sh.index, sh.w)
			f.done()
		default:
		}
		sh.advance(time.Now()) // after each part, which is of a thousand datagrams: there may always be another
		if len(sh.parts) == 0 && !sh.alarm.wait(done) {
			return
		}
	}
}

// advance gives their turns to the relays that are due, and sends what the pump has.
func (sh *shard) advance(now time.Time) {
	sh.ticks.Lock()
	sh.armed = time.Time{} // the alarm has gone off, or ringing has taken its place
	sh.ticks.Unlock()
	for {
		sh.ticks.Lock()
		t := sh.timers.due(now)
		if t == nil {
			sh.arm()
		}
		sh.ticks.Unlock()
		if t == nil {
			break
		}
		t.run(now)
	}
	sh.w.flush()
	sh.plane.drops.add(dropSend, int(sh.w.failed()))
}

// schedule has a relay's turn come at a time, or earlier.
func (sh *shard) schedule(t *timer, at time.Time) {
	sh.ticks.Lock()
	defer sh.ticks.Unlock()
	if t.index > 0 && !at.Before(t.at) {
		return
	}
	sh.timers.set(t, at)
	sh.arm()
}

// reschedule has a relay's turn come at a time and not before; the zero time is never.
func (sh *shard) reschedule(t *timer, at time.Time) {
	sh.ticks.Lock()
	defer sh.ticks.Unlock()
	sh.timers.set(t, at)
	sh.arm()
}

// arm sets the alarm to the first turn, with ticks held. What is handed over rings before or after that, and is not to be forgotten.
func (sh *shard) arm() {
	next := sh.timers.next()
	if next.Equal(sh.armed) {
		return
	}
	sh.armed = next
	sh.alarm.set(next)
	if len(sh.parts) > 0 {
		sh.alarm.ring()
	}
}
