package daemon

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
	"unsafe"

	"github.com/pion/rtp"

	"yodel/wire"
)

const (
	// maxRead is how many datagrams are received together at most.
	maxRead = 64
	// maxParts is how many parts of flights may wait for a shard's pump.
	maxParts = 256
	// maxControl is how many bytes of each shard may wait for the hub: some thousand datagrams.
	maxControl = 512 << 10
)

// shard is a core's part of the data plane: a socket, the links of those sessions whose datagrams come in there, and the turns of some rooms.
// It has two goroutines: the reader takes what comes, the pump does what has its time.
type shard struct {
	plane  *plane
	index  int
	socket *socket
	box    mailbox

	table  sync.Mutex // guards routes
	routes map[netip.AddrPort]route

	mu sync.Mutex // guards the links and the feeds of the shard

	reading sync.Mutex // the reader's, but when the loop makes rounds; it guards:
	in      [maxRead]inbound
	opened  []byte // plaintexts of what came in together
	header  rtp.Header
	audio   []arrival

	parts chan *flight // parts of flights for the pump
	w     *writer      // the pump's

	ticks  sync.Mutex // guards what follows
	timers timers     // of relays
	armed  time.Time  // for when clock is set; zero: it is not
	clock  *time.Timer
}

// inbound is one datagram.
type inbound struct {
	from netip.AddrPort
	data []byte
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
	seq       uint16
	timestamp uint32
	plain     []byte
}

// mailbox is what the hub has to look at of what came to a shard. The reader fills it, the hub takes all that is there.
type mailbox struct {
	mu   sync.Mutex
	in   batch
	poke chan<- struct{} // of one, all shards': something is there
}

// batch is datagrams in the order in which they came.
type batch struct {
	entries []entry
	data    []byte
}

// entry is one datagram, or what was in it.
type entry struct {
	from netip.AddrPort
	link *link // nil: nobody has opened it
	rtcp bool
	n    int // bytes of data
}

// keptData and keptEntries are how much memory an empty batch keeps at most: it has grown in a burst.
const (
	keptData    = 16 << 10
	keptEntries = 256
)

// emptied gives a batch to be filled again.
func (b batch) emptied() batch {
	if cap(b.data) > keptData || cap(b.entries) > keptEntries {
		return batch{}
	}
	clear(b.entries)
	return batch{b.entries[:0], b.data[:0]}
}

// put adds an entry; it is false when there is no room.
func (m *mailbox) put(e entry, data []byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	const each = int(unsafe.Sizeof(e))
	if (len(m.in.entries)+1)*each+len(m.in.data)+len(data) > maxControl {
		return false
	}
	e.n = len(data)
	m.in.entries, m.in.data = append(m.in.entries, e), append(m.in.data, data...)
	return true
}

// ring tells the hub that something is there.
func (m *mailbox) ring() {
	select {
	case m.poke <- struct{}{}:
	default:
	}
}

// take gives what is there for an empty batch.
func (m *mailbox) take(empty batch) batch {
	m.mu.Lock()
	defer m.mu.Unlock()
	full := m.in
	m.in = empty
	return full
}

func newShard(p *plane, index int, s *socket) *shard {
	return &shard{
		plane: p, index: index, socket: s, box: mailbox{poke: p.arrived}, routes: make(map[netip.AddrPort]route),
		opened: make([]byte, 0, maxRead*(wire.MaxDatagram+1)), w: newWriter(s),
		parts: make(chan *flight, maxParts), clock: time.NewTimer(time.Hour),
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
	sh.reading.Lock()
	defer sh.reading.Unlock()
	for i := range n {
		sh.in[i].from, sh.in[i].data = b.datagram(i)
	}
	sh.receive(now, sh.in[:n], w)
}

// receive takes up to maxRead datagrams that have come in together: audio goes to its relays, all else to the hub.
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
		sh.box.ring()
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
			if plain, audio, err = sh.openBy(now, known.link, d.data); err == nil {
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
func (sh *shard) openBy(now time.Time, l *link, b []byte) (plain []byte, audio bool, err error) {
	owner := l.shard
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
		sh.audio = append(sh.audio, a)
	} else {
		sh.plane.drops.count(dropMalformed)
	}
	return plain, true, nil
}

// pump sends what is handed over, and gives the relays their turns, until done is closed.
func (sh *shard) pump(done <-chan struct{}) {
	defer sh.clock.Stop()
	for {
		select {
		case f := <-sh.parts:
			sh.send(f, sh.index, sh.w)
			f.done()
		case <-sh.clock.C:
		case <-done:
			return
		}
		if len(sh.parts) > 0 {
			continue
		}
		sh.advance(time.Now())
	}
}

// advance gives their turns to the relays that are due, and sends what the pump has.
func (sh *shard) advance(now time.Time) {
	for {
		sh.ticks.Lock()
		t := sh.timers.due(now)
		if t == nil {
			sh.armed = sh.timers.next()
			if !sh.armed.IsZero() {
				sh.clock.Reset(time.Until(sh.armed))
			}
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
	if sh.armed.IsZero() || at.Before(sh.armed) {
		sh.armed = at
		sh.clock.Reset(time.Until(at))
	}
}

// cancel has no turn come.
func (sh *shard) cancel(t *timer) {
	sh.ticks.Lock()
	defer sh.ticks.Unlock()
	sh.timers.set(t, time.Time{})
}
