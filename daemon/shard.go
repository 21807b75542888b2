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
	"yodel/wire/secure"
)

// shard is a core's part of the data plane: a socket, the links of those sessions whose datagrams come in there, and the turns of some rooms.
// It has two goroutines: the reader takes what comes, the pump does what has its time.
type shard struct {
	plane  *plane
	index  int
	socket *socket
	box    mailbox

	arrived atomic.Uint64 // datagrams

	received, sent     traffic
	asked, repaired    atomic.Uint64 // packets that were asked of talkers, and those that came then, in the rooms at home here
	readBeat, pumpBeat beat
	faults             readFaults

	table  sync.Mutex // guards routes
	routes map[netip.AddrPort]route

	mu sync.Mutex // guards the links and the feeds of the shard

	reading sync.Mutex // the reader's, but in rounds; it guards:
	in      [readAtOnce]inbound
	counted tally
	opened  []byte // plaintexts of what came in together
	header  rtp.Header
	audio   []arrival
	door    *door

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
	links     []recognised
	pending   bool      // a handshake runs: what nobody can open may be one of the session to come
	lingers   bool      // the handshake of the session that is there answers what is repeated
	settled   bool      // the first of the links is there, and no guest
	validated time.Time // until when a handshake may begin
}

// recognised is a link that is known at an address.
type recognised struct {
	link  *link
	until time.Time // zero: for ever
}

// arrival is an authentic audio packet.
type arrival struct {
	voice     *voice
	link      *link     // the talker's
	at        time.Time // when it came to the socket
	seq       uint16
	timestamp uint32
	plain     []byte
	header    int  // bytes of the header
	red       bool // it may carry copies of packets before it
	copied    bool // it was made of such a copy
}

func newShard(p *plane, index int, s *socket) *shard {
	sh := &shard{
		plane: p, index: index, socket: s, routes: make(map[netip.AddrPort]route),
		opened: make([]byte, 0, readAtOnce*(wire.MaxDatagram+1)), w: newWriter(s),
		parts: make(chan *flight, maxParts), alarm: newAlarm(), door: newDoor(p.validator.Twin(), &p.drops),
	}
	sh.w.counting(&sh.sent)
	return sh
}

// route says to whom datagrams of an address can belong; no links, nothing pending and never validated: to nobody.
func (sh *shard) route(addr netip.AddrPort, r route) {
	sh.table.Lock()
	defer sh.table.Unlock()
	sh.note(addr, r)
}

// note is route with table held.
func (sh *shard) note(addr netip.AddrPort, r route) {
	if len(r.links) == 0 && !r.pending && r.validated.IsZero() {
		delete(sh.routes, addr)
		return
	}
	sh.routes[addr] = r
}

// read takes what comes until the socket is closed.
func (sh *shard) read(done <-chan struct{}) {
	defer sh.faults.ended.Store(true)
	b, w := newReadBatch(), newWriter(sh.socket).counting(&sh.sent)
	for {
		n, err := sh.socket.read(b)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // an ICMP error of one peer is no reason to stop, and one that lasts none to turn round and round
			sh.faults.failed(time.Now())
			select {
			case <-time.After(time.Millisecond):
			case <-done:
				return
			}
			continue
		}
		sh.faults.succeeded()
		sh.readBeat.step()
		sh.take(time.Now(), b, n, w)
		w.flush()
		sh.plane.drops.add(dropSend, int(w.failed()))
		sh.readBeat.step()
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

// receive takes up to readAtOnce datagrams that have come in together: audio goes to its relays, and to the hub what the door lets through.
func (sh *shard) receive(now time.Time, in []inbound, w *writer) {
	forHub := false
	sh.opened, sh.audio = sh.opened[:0], sh.audio[:0]
	for i := range in {
		e, data, pass := sh.sort(now, &in[i], w)
		if !pass {
			continue
		}
		if !sh.post(now, e, data) {
			sh.plane.drops.count(dropControl)
		}
		forHub = true
	}
	sh.counted.publish(&sh.received)
	if forHub {
		sh.plane.bell.ring()
	}
	for i := range sh.audio {
		sh.relay(now, w, &sh.audio[i])
	}
}

// relay gives a packet to its relay.
func (sh *shard) relay(now time.Time, w *writer, a *arrival) {
	defer sh.plane.contain(choreAudio, a.link)
	a.voice.relay.audio(now, sh, w, a)
}

// post puts an entry into the mailbox. A peer sends its ClientHello together with the request that validates its address: so the door lets that pass from
// now on, and not only when the hub has noted it. If the hub will not learn of it all is as before.
func (sh *shard) post(now time.Time, e entry, data []byte) bool {
	if !e.validates {
		return sh.box.put(e, data)
	}
	until := now.Add(secure.ValidatedFor)
	before := sh.validate(e.from, until)
	if sh.box.put(e, data) {
		return true
	}
	sh.invalidate(e.from, until, before)
	return false
}

// validate sets until when an address is validated, and gives what it was before.
func (sh *shard) validate(addr netip.AddrPort, until time.Time) (before time.Time) {
	sh.table.Lock()
	defer sh.table.Unlock()
	r := sh.routes[addr]
	before, r.validated = r.validated, until
	sh.note(addr, r)
	return before
}

// invalidate takes validate back, unless the hub has said something else meanwhile.
func (sh *shard) invalidate(addr netip.AddrPort, until, before time.Time) {
	sh.table.Lock()
	defer sh.table.Unlock()
	if r := sh.routes[addr]; r.validated.Equal(until) {
		r.validated = before
		sh.note(addr, r)
	}
}

// sort finds out where a datagram belongs; forHub: to the hub, as an entry with its data.
func (sh *shard) sort(now time.Time, d *inbound, w *writer) (e entry, data []byte, forHub bool) {
	defer sh.plane.contain(choreDoor, nil)
	kind := wire.KindOf(d.data)
	sh.counted.count(kind, d.data)
	if kind == wire.KindUnknown {
		sh.plane.drops.count(dropUnknownKind)
		return e, nil, false
	}
	sh.table.Lock()
	r := sh.routes[d.from]
	sh.table.Unlock()
	e, data = entry{from: d.from, rtcp: kind == wire.KindRTCP}, d.data
	switch kind {
	case wire.KindSTUN:
		sh.plane.knock(now)
		e.validates, forHub = sh.door.stun(now, d, &r, w)
	case wire.KindDTLS:
		forHub = sh.door.dtls(now, d.from, &r)
	default:
		e.link, data, forHub = sh.open(now, d, &r)
	}
	return e, data, forHub
}

// open finds whose a protected datagram is. Audio is noted; the plaintext of all else is for the hub, and so is what nobody here can open but
// the hub may know more about.
func (sh *shard) open(now time.Time, d *inbound, r *route) (l *link, data []byte, forHub bool) {
	err := errNobody
	for i := range r.links {
		if known := &r.links[i]; known.until.IsZero() || !known.until.Before(now) {
			var plain []byte
			if plain, forHub, err = sh.openBy(now, known.link, d); err == nil {
				return known.link, plain, forHub
			}
			if errors.Is(err, errContained) {
				return nil, nil, false
			}
			if r.settled {
				break
			}
		}
	}
	if r.pending || !r.settled {
		return nil, d.data, sh.door.protected(now, d.from, r)
	}
	sh.plane.drops.count(whyNotOpened(err))
	return nil, nil, false
}

// openBy has a link open a datagram.
func (sh *shard) openBy(now time.Time, l *link, d *inbound) (plain []byte, forHub bool, err error) {
	defer sh.plane.contain(choreOpen, nil) // anyone may have sent it, so the session goes on
	err = errContained
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
		return plain, !l.over(now, len(plain), false), nil
	}
	switch a, ok := l.arrival(&sh.header, plain); {
	case !ok:
		sh.plane.drops.count(dropMalformed)
	case !l.over(now, len(plain), true):
		a.at = d.at
		sh.audio = append(sh.audio, a)
	}
	return plain, false, nil
}

// pump sends what is handed over, and gives the relays their turns, until done is closed.
func (sh *shard) pump(done <-chan struct{}) {
	for {
		sh.pumpBeat.step()
		select {
		case f := <-sh.parts:
			sh.send(f, sh.index, sh.w)
			f.done()
		default:
		}
		sh.advance(time.Now()) // after each part, which is of a thousand datagrams: there may always be another
		sh.pumpBeat.step()
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
