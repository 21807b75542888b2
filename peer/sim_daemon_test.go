package peer

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"yodel/wire"
	"yodel/wire/secure"
	"yodel/wire/stream"
)

// simDaemon is a daemon that is just good enough to be left and come back to: it validates, shakes hands, moves and takes over sessions, has one
// log for all rooms, and keeps what it heard.
type simDaemon struct {
	t         testing.TB
	n         *simNet
	identity  *secure.Identity
	ctx       context.Context
	cancel    context.CancelFunc
	mu        sync.Mutex
	wg        sync.WaitGroup
	validator *secure.Validator
	shaking   map[netip.AddrPort]*secure.MemConn
	table     map[netip.AddrPort]*simSession
	ids       map[secure.SessionID]*simSession
	serial    byte
	ssrc      uint32
	logID     []byte
	log       []*wire.Publish
	members   []*wire.Member
	mute      bool // gives no receipts

	hints, moves, handshakes, takeovers int
	refuseHandshakes                    bool
	leaves                              bool      // each session when it has begun
	refuseHello                         wire.Code // 0: it is taken
	talking                             []*wire.TalkStart
	byes                                []string
	paths                               []secure.PathRequest // with a good nonce
	published                           []uint64             // every Publish that came
	voice                               []simFrame           // every audio packet that came, once
}

// simFrame is an audio packet as the daemon got it.
type simFrame struct {
	s    *simSession
	ssrc uint32
	ts   uint32
	seq  uint16
}

type simSession struct {
	addr   netip.AddrPort
	remote netip.AddrPort // the daemon's address that it talks to
	id     secure.SessionID
	tx     *secure.Tx
	rx     *secure.Rx
	key    secure.PathKey
	stream *stream.Stream
	timer  *time.Timer
	nick   string
	rooms  map[string]uint64 // joined, and the position that was sent last
	faded  bool
	starts []*wire.TalkStart
	ends   []*wire.TalkEnd
	joins  []*wire.Join
	hellos int

	count, own uint64
	candidate  *secure.PathRequest
}

func newSimDaemon(t testing.TB, n *simNet, identity *secure.Identity) *simDaemon {
	d := &simDaemon{t: t, n: n, identity: identity, logID: logA, ssrc: wire.MinAudioSSRC}
	d.restart()
	return d
}

// restart forgets all but the log.
func (d *simDaemon) restart() {
	d.stop()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ctx, d.cancel = context.WithCancel(context.Background())
	d.validator = secure.NewValidator()
	d.shaking = make(map[netip.AddrPort]*secure.MemConn)
	d.table = make(map[netip.AddrPort]*simSession)
	d.ids = make(map[secure.SessionID]*simSession)
}

func (d *simDaemon) stop() {
	d.mu.Lock()
	if d.cancel != nil {
		d.cancel()
	}
	for _, s := range d.table {
		s.timer.Stop()
	}
	clear(d.table)
	d.mu.Unlock()
	d.wg.Wait()
}

// look reads what the daemon has.
func (d *simDaemon) look(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

// take takes a datagram.
func (d *simDaemon) take(b []byte, from, remote netip.AddrPort) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	s := d.table[from]
	switch kind := wire.KindOf(b); {
	case kind == wire.KindSTUN:
		d.stun(now, b, from, remote)
	case kind == wire.KindDTLS && s == nil:
		d.shake(b, from, remote)
	case (kind == wire.KindRTP || kind == wire.KindRTCP) && s != nil:
		d.open(now, s, b, kind)
	case kind == wire.KindRTP || kind == wire.KindRTCP:
		if hint := d.validator.Hint(nil, b, from, now); len(hint) > 0 && d.shaking[from] == nil {
			d.hints++
			d.n.toPeer(hint, from, remote)
		}
	}
}

func (d *simDaemon) shake(b []byte, from, remote netip.AddrPort) {
	mem := d.shaking[from]
	if mem == nil {
		if d.refuseHandshakes {
			return
		}
		if _, ok := secure.ClientHelloRandom(b); !ok {
			return
		}
		mem = secure.NewMemConn(func(b []byte) { d.n.toPeer(b, from, remote) })
		d.shaking[from] = mem
		ctx := d.ctx
		d.wg.Go(func() {
			secrets, err := secure.Handshake(ctx, mem, secure.Config{
				Identity: d.identity, Verify: func(secure.Fingerprint) error { return nil },
			})
			d.mu.Lock()
			defer d.mu.Unlock()
			delete(d.shaking, from)
			if err == nil {
				secrets.Free()
				d.begin(secrets, from, remote)
			}
		})
	}
	_ = mem.Feed(b)
}

func (d *simDaemon) begin(secrets *secure.Secrets, from, remote netip.AddrPort) {
	now := time.Now()
	s := &simSession{addr: from, remote: remote, key: secrets.PathKey(), rooms: make(map[string]uint64)}
	var err error
	if s.tx, s.rx, err = secrets.Protect(); err != nil {
		d.t.Error(err)
	}
	s.rx.Allow(wire.SSRCPeer)
	s.stream = stream.New(stream.Config{Local: wire.SSRCDaemon, Remote: wire.SSRCPeer}, now)
	s.timer = time.AfterFunc(time.Hour, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.ctx.Err() == nil {
			d.settle(time.Now(), s)
		}
	})
	d.handshakes++
	d.table[from] = s
}

// stun answers address validation and path requests.
func (d *simDaemon) stun(now time.Time, b []byte, from, remote netip.AddrPort) {
	if s := d.table[from]; s != nil {
		d.oldPathAnswer(s, b)
	}
	reply, validated := d.validator.Answer(nil, b, from, now)
	if len(reply) > 0 {
		d.n.toPeer(reply, from, remote)
	}
	r, ok := secure.ParsePathRequest(b)
	if !validated || !ok {
		return
	}
	d.paths = append(d.paths, r)
	s := d.ids[r.Session]
	switch {
	case s == nil || !secure.PathAuthentic(b, &s.key):
		d.n.toPeer(secure.AppendPathUnknown(nil, r.TxID), from, remote)
	case r.Count < s.count:
	case s.addr == from:
		s.count = r.Count
		s.stream.Revive(now)
		d.n.toPeer(secure.AppendPathAnswer(nil, r.TxID, from, &s.key), from, remote)
		d.settle(now, s)
	case s.candidate == nil || s.candidate.TxID != r.TxID:
		s.count = r.Count
		s.candidate = &r
		s.own++
		q := secure.AppendPathQuestion(nil, secure.PathRequest{TxID: [12]byte{1, byte(s.own)}, Session: s.id, Count: s.own}, &s.key)
		d.n.toPeer(q, s.addr, s.remote)
		time.AfterFunc(100*time.Millisecond, func() { d.move(s, r, from) })
	}
}

// oldPathAnswer ends a move: the old path is alive.
func (d *simDaemon) oldPathAnswer(s *simSession, b []byte) {
	if _, err := secure.ParsePathReply(b, [12]byte{1, byte(s.own)}, &s.key); err == nil {
		s.candidate = nil
	}
}

func (d *simDaemon) move(s *simSession, r secure.PathRequest, to netip.AddrPort) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.candidate == nil || s.candidate.TxID != r.TxID {
		return
	}
	s.candidate = nil
	d.moves++
	s.addr = to
	d.table[to] = s
	s.stream.Revive(time.Now())
	d.n.toPeer(secure.AppendPathAnswer(nil, r.TxID, to, &s.key), to, s.remote)
	d.settle(time.Now(), s)
}

func (d *simDaemon) open(now time.Time, s *simSession, b []byte, kind wire.Kind) {
	if kind == wire.KindRTCP {
		plain, err := s.rx.OpenRTCP(nil, b)
		if err != nil {
			return
		}
		s.stream.Heard(now)
		packets, _ := wire.ParseRTCP(plain)
		for _, p := range packets {
			switch p := p.(type) {
			case *rtcp.CCFeedbackReport:
				_ = s.stream.HandleReport(now, p)
			case *rtcp.Goodbye:
				d.byes = append(d.byes, p.Reason)
			}
		}
		d.settle(now, s)
		return
	}
	plain, err := s.rx.OpenRTP(nil, b)
	if err != nil {
		return
	}
	s.stream.Heard(now)
	var p rtp.Packet
	if err := p.Unmarshal(plain); err != nil {
		d.t.Error(err)
	}
	if p.SSRC != wire.SSRCPeer {
		d.voice = append(d.voice, simFrame{s, p.SSRC, p.Timestamp, p.SequenceNumber})
		return
	}
	_ = s.stream.HandlePacket(now, &p.Header, p.Payload)
	for m, ok := s.stream.Receive(); ok; m, ok = s.stream.Receive() {
		decoded, err := wire.Decode(m)
		if err != nil {
			d.t.Error(err)
		}
		d.message(now, s, decoded)
	}
	d.settle(now, s)
}

// settle sends what a session's stream has to send.
func (d *simDaemon) settle(now time.Time, s *simSession) {
	s.stream.Advance(now)
	for {
		b, kind, number := s.stream.AppendPacket(now, nil)
		var err error
		switch kind {
		case stream.RTP:
			b, err = s.tx.SealRTP(nil, b, number)
		case stream.RTCP:
			b, err = s.tx.SealRTCP(nil, b)
		default:
			if at := s.stream.Deadline(); !at.IsZero() {
				s.timer.Reset(max(time.Millisecond, at.Sub(now)))
			}
			return
		}
		if err != nil {
			d.t.Error(err)
		}
		d.n.toPeer(b, s.addr, s.remote)
	}
}

func (d *simDaemon) say(s *simSession, m *wire.Message) {
	b, err := encodeMessage(m)
	if err != nil {
		d.t.Error(err)
	}
	_ = s.stream.Send(b)
}

func (d *simDaemon) message(now time.Time, s *simSession, m *wire.Message) {
	switch k := m.GetKind().(type) {
	case *wire.Message_Hello:
		d.hello(s, k.Hello)
	case *wire.Message_Join:
		d.join(s, k.Join)
	case *wire.Message_Publish:
		d.publish(now, s, k.Publish)
	case *wire.Message_Ping:
		d.say(s, &wire.Message{Kind: &wire.Message_Pong{Pong: &wire.Pong{Request: k.Ping.GetRequest()}}})
	case *wire.Message_Talk:
		d.ssrc++
		s.rx.Allow(d.ssrc)
		d.say(s, &wire.Message{Kind: &wire.Message_TalkGranted{TalkGranted: &wire.TalkGranted{
			Request: k.Talk.GetRequest(), Room: k.Talk.GetRoom(), Ssrc: d.ssrc,
		}}})
	case *wire.Message_TalkStart:
		s.starts = append(s.starts, k.TalkStart)
	case *wire.Message_TalkEnd:
		s.ends = append(s.ends, k.TalkEnd)
		d.say(s, &wire.Message{Kind: &wire.Message_TalkReport{TalkReport: &wire.TalkReport{Room: k.TalkEnd.GetRoom(), Ssrc: k.TalkEnd.GetSsrc()}}})
	}
}

func (d *simDaemon) hello(s *simSession, h *wire.Hello) {
	s.hellos++
	if d.refuseHello != 0 {
		d.say(s, &wire.Message{Kind: &wire.Message_Refused{Refused: &wire.Refused{Code: d.refuseHello}}})
		return
	}
	s.nick = h.GetNick()
	if old := d.ids[secure.SessionID(append(h.GetSessionId(), make([]byte, 16)...)[:16])]; old != nil && old.stream.Err() == nil {
		d.takeovers++
		s.id, s.rooms = old.id, old.rooms
		old.faded, old.rooms = true, nil
	} else {
		d.serial++
		s.id = secure.SessionID{d.serial}
	}
	d.ids[s.id] = s
	d.say(s, &wire.Message{Kind: &wire.Message_Welcome{Welcome: &wire.Welcome{
		Version: 1, SessionId: s.id[:], Nick: h.GetNick(), MaxMessage: wire.MaxBody,
	}}})
	if d.leaves {
		d.settle(time.Now(), s)
		bye, err := wire.AppendBye(nil, wire.SSRCDaemon, "go away")
		if err == nil {
			bye, err = s.tx.SealRTCP(nil, bye)
		}
		if err != nil {
			d.t.Error(err)
		}
		d.n.toPeer(bye, s.addr, s.remote)
		return
	}
	d.catchUp(s) // what a member gets between Hello and Join
}

func (d *simDaemon) join(s *simSession, j *wire.Join) {
	if s.rooms == nil {
		return
	}
	s.joins = append(s.joins, j)
	newest := uint64(len(d.log))
	from := newest
	if a := j.GetAfter(); a != nil && bytes.Equal(a.GetLogId(), d.logID) {
		from = a.GetPos()
	} else if n := uint64(j.GetLast()); n > 0 {
		from = newest - min(n, newest)
	}
	s.rooms[j.GetRoom()] = from
	d.say(s, &wire.Message{Kind: &wire.Message_Joined{Joined: &wire.Joined{
		Request: j.GetRequest(), Room: j.GetRoom(), LogId: d.logID, Newest: newest, Replay: newest - from,
		Talking: d.talking, Members: d.members, Count: uint32(len(d.members)),
	}}})
	d.catchUp(s)
}

func (d *simDaemon) publish(now time.Time, s *simSession, p *wire.Publish) {
	d.published = append(d.published, p.GetId())
	i := slices.IndexFunc(d.log, func(q *wire.Publish) bool { return q.GetId() == p.GetId() })
	if i < 0 {
		d.log = append(d.log, p)
		i = len(d.log) - 1
	}
	if !d.mute && !s.faded {
		d.say(s, &wire.Message{Kind: &wire.Message_Receipt{Receipt: &wire.Receipt{Room: p.GetRoom(), Id: p.GetId(), Pos: uint64(i + 1)}}})
	}
	for _, o := range d.ids {
		d.catchUp(o)
		if o != s {
			d.settle(now, o)
		}
	}
}

// catchUp sends the messages that a session's rooms have not had.
func (d *simDaemon) catchUp(s *simSession) {
	for room, pos := range s.rooms {
		for ; pos < uint64(len(d.log)); pos++ {
			p := d.log[pos]
			if p.GetRoom() == room {
				d.say(s, &wire.Message{Kind: &wire.Message_Entry{Entry: &wire.Entry{Room: room, Pos: pos + 1, Nick: "x", Body: p.GetBody(), Id: p.GetId()}}})
			}
		}
		s.rooms[room] = pos
	}
}

// present is the session that was given the latest id; it is not faded.
func (d *simDaemon) present() (latest *simSession) {
	for _, s := range d.ids {
		if latest == nil || bytes.Compare(s.id[:], latest.id[:]) > 0 {
			latest = s
		}
	}
	return latest
}

// sound sends an audio packet in a session.
func (d *simDaemon) sound(s *simSession, ssrc uint32, seq uint64) {
	b := make([]byte, 12, 100)
	b[0], b[1] = 2<<6, wire.PayloadL16
	binary.BigEndian.PutUint16(b[2:], uint16(seq))
	binary.BigEndian.PutUint32(b[4:], uint32(seq*480))
	binary.BigEndian.PutUint32(b[8:], ssrc)
	sealed, err := s.tx.SealRTP(nil, append(b, make([]byte, 960)...), seq)
	if err != nil {
		d.t.Error(err)
	}
	d.n.toPeer(sealed, s.addr, s.remote)
}

func sortedKeys[V any](m map[netip.AddrPort]V) []netip.AddrPort {
	return slices.SortedFunc(maps.Keys(m), func(a, b netip.AddrPort) int { return cmp.Compare(a.Port(), b.Port()) })
}
