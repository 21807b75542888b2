package daemon

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"yodel/wire"
	"yodel/wire/secure"
)

// storm is many clients that do at random, at the same time, all that moves voices, listeners and addresses.
type storm struct {
	w      *world
	actors []*actor
	rooms  []string

	mu    sync.Mutex
	texts map[sealedAs]string // what was sent
}

// sealedAs is under what a packet was sealed. No talkspurt here is so long that its sequence numbers come back.
type sealedAs struct {
	to   *client
	ssrc uint32
	seq  uint16
}

// actor is a client of a storm. All but what never changes belongs to the client's goroutine.
type actor struct {
	*client
	storm  *storm
	other  netip.AddrPort // where it also is
	heir   *actor         // of the same identity, and may take its session over; nil: an heir itself
	r      *rand.Rand
	read   int // of client.got
	talks  []*spurt
	played int // audio packets heard
	gone   bool
}

// spurt is a talk that was granted.
type spurt struct {
	room  string
	ssrc  uint32
	seq   uint64 // the next
	stamp uint32
	ends  uint64 // where it ends at the latest
}

func newStorm(t *testing.T, w *world, seed uint64, n int) *storm {
	s := &storm{w: w, rooms: []string{"live", "echo"}, texts: make(map[sealedAs]string)}
	for i := range n {
		id := newID(t)
		a := s.actor(2*i, id, seed)
		a.heir = s.actor(2*i+1, id, seed)
		s.actors = append(s.actors, a, a.heir)
	}
	deliver := w.deliver
	w.deliver = func(to *client, b []byte) {
		s.sent(to, b)
		deliver(to, b)
	}
	w.server.hub.plane.tell.add(func(time.Time) {}) // what was made here is the daemon's from now on
	return s
}

func (s *storm) actor(i int, id *secure.Identity, seed uint64) *actor {
	port := 1 + i%len(s.w.shards)
	a := &actor{
		client: s.w.connect(fmt.Sprintf("10.0.0.%d:%d", i+1, port), id), storm: s,
		other: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 1, byte(i + 1)}), uint16(port+1)),
		r:     rand.New(rand.NewPCG(seed, uint64(i))),
	}
	s.w.clients[a.other] = a.client
	a.listens = a.listen
	return a
}

// sent checks that nothing is sealed as something else was.
func (s *storm) sent(to *client, b []byte) {
	if wire.KindOf(b) != wire.KindRTP || wire.SSRCOf(b) == wire.SSRCDaemon {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	as := sealedAs{to, wire.SSRCOf(b), uint16(b[2])<<8 | uint16(b[3])}
	if before, again := s.texts[as]; again && before != string(b) {
		s.w.t.Errorf("packet %d of %d to %v: other bytes than before", as.seq, as.ssrc, to.addr)
	}
	s.texts[as] = string(b)
}

// filling is the payload of a packet, by its sequence number.
func filling(seq uint16) []byte {
	b := make([]byte, 20+int(seq)*37%900)
	for i := range b {
		b[i] = byte(int(seq)*7 + i)
	}
	return b
}

// listen checks that a packet is the one that was said.
func (a *actor) listen(h *rtp.Header, payload []byte) {
	a.played++
	if !slices.Equal(payload, filling(h.SequenceNumber)) {
		a.w.t.Errorf("packet %d of %d has the payload of another", h.SequenceNumber, h.SSRC)
	}
}

// act does things for a while.
func (a *actor) act(pauses *rand.Rand, steps int) {
	for range steps {
		select {
		case a.do <- a.step:
		case <-a.ended:
			return
		}
		<-time.After(time.Duration(pauses.IntN(40)) * time.Millisecond)
	}
}

// tell sends a message, if anyone is there.
func (a *actor) tell(m []byte) {
	if a.stream.Err() != nil || a.bye != "" {
		a.gone = true
		return
	}
	if err := a.stream.Send(m); err != nil {
		a.w.t.Error(err)
	}
}

func (a *actor) room() string { return a.storm.rooms[a.r.IntN(len(a.storm.rooms))] }

func (a *actor) step(now time.Time) {
	a.granted()
	if a.gone {
		return
	}
	switch n := a.r.IntN(100); {
	case n < 55:
		a.say(1 + a.r.IntN(4))
	case n < 63:
		a.tell(wire.Encode(&wire.Message_Talk{Talk: &wire.Talk{Room: a.room(), PayloadType: wire.PayloadOpus}}))
	case n < 69:
		a.finish(0)
	case n < 75:
		a.jump()
	case n < 80:
		a.ask()
	case n < 86:
		a.tell(wire.Encode(&wire.Message_Join{Join: &wire.Join{Room: a.room(), Hear: a.r.IntN(4) > 0}}))
	case n < 90:
		a.tell(wire.Encode(&wire.Message_Leave{Leave: &wire.Leave{Room: a.room()}}))
	case n < 92:
		a.tell(wire.Encode(&wire.Message_SetNick{SetNick: &wire.SetNick{Nick: fmt.Sprint("n", a.addr.Port(), "-", a.r.IntN(1000))}}))
	case n < 95:
		a.turnUp()
	case n < 97:
		a.burst()
	case n < 98:
		a.inherit()
	case n < 99 && a.r.IntN(4) == 0:
		a.leave()
	}
	a.flush(now)
}

// granted begins the talks that were granted, most of them with a TalkStart.
func (a *actor) granted() {
	for ; a.read < len(a.got); a.read++ {
		g := a.got[a.read].GetTalkGranted()
		if g == nil {
			continue
		}
		first := uint64(a.r.IntN(wire.MaxFirstSeq))
		t := &spurt{room: g.GetRoom(), ssrc: g.GetSsrc(), seq: first, ends: first + 60_000}
		a.talks = append(a.talks, t)
		if a.r.IntN(10) > 0 {
			a.tell(wire.Encode(&wire.Message_TalkStart{TalkStart: &wire.TalkStart{
				Room: t.room, Ssrc: t.ssrc, PayloadType: wire.PayloadOpus, FirstSeq: uint32(first),
			}}))
		}
	}
}

// say speaks n packets of one talk; some are lost, some come twice.
func (a *actor) say(n int) {
	if len(a.talks) == 0 {
		return
	}
	t := a.talks[a.r.IntN(len(a.talks))]
	for range n {
		for range a.r.IntN(10) / 4 {
			a.packet(t, t.seq, a.send)
		}
		t.seq++
		t.stamp += 960
	}
	if t.seq > t.ends {
		a.finish(slices.Index(a.talks, t))
	}
}

func (a *actor) packet(t *spurt, seq uint64, send func([]byte)) {
	p := rtp.Packet{
		Header:  rtp.Header{Version: 2, PayloadType: wire.PayloadOpus, SSRC: t.ssrc, SequenceNumber: uint16(seq), Timestamp: t.stamp},
		Payload: filling(uint16(seq)),
	}
	plain, err := p.Marshal()
	if err != nil {
		a.w.t.Error(err)
	}
	sealed, err := a.tx.SealRTP(nil, plain, seq)
	if err != nil {
		a.w.t.Error(err)
		return
	}
	send(sealed)
}

// burst speaks so much at once that shards hand it over.
func (a *actor) burst() {
	if len(a.talks) == 0 {
		return
	}
	t := a.talks[0]
	for range 300 {
		a.packet(t, t.seq, a.send)
		t.seq++
	}
}

// jump goes on so much later that no listener could follow, or not one that has paused.
func (a *actor) jump() {
	if len(a.talks) == 0 || a.talks[0].seq+25_000 > a.talks[0].ends {
		return
	}
	t, between := a.talks[0], a.send
	if a.r.IntN(2) == 0 {
		between = func([]byte) {}
	}
	a.packet(t, t.seq+10_000, between)
	t.seq += 20_000
	a.packet(t, t.seq, a.send)
	t.seq++
}

// finish ends a talk, or just says no more of it.
func (a *actor) finish(i int) {
	if len(a.talks) == 0 {
		return
	}
	t := a.talks[i]
	a.talks = slices.Delete(a.talks, i, i+1)
	a.tell(wire.Encode(&wire.Message_TalkEnd{TalkEnd: &wire.TalkEnd{Ssrc: t.ssrc, LastSeq: uint32(uint16(t.seq - 1))}}))
}

// ask asks for packets that were heard, and some that were not.
func (a *actor) ask() {
	if len(a.heard) == 0 {
		return
	}
	h := a.heard[len(a.heard)-1-a.r.IntN(min(len(a.heard), 50))]
	plain, err := wire.AppendNack(nil, wire.SSRCPeer, h.SSRC, []uint16{h.Seq - 2, h.Seq - 1, h.Seq})
	if err != nil {
		a.w.t.Error(err)
	}
	a.sendRTCP(plain)
}

// turnUp has what the client sends come from its other address, or to another shard, and the daemon believe that it has moved there.
func (a *actor) turnUp() {
	w, shard := a.w, a.r.IntN(len(a.w.shards))
	at := a.addr
	if a.r.IntN(2) == 0 {
		at = a.other
	}
	a.send = func(b []byte) {
		w.shards[shard].Lock()
		defer w.shards[shard].Unlock()
		w.receive(w.server.hub.plane.shards[shard], at, b)
	}
	w.server.hub.plane.tell.add(func(now time.Time) {
		h := w.server.hub
		for s := range h.sessions {
			if s.at(at) || s.addr != a.addr && s.addr != a.other {
				continue
			}
			p := h.place(now, h.plane.shards[shard], at)
			p.admit(s, now.Add(recognisedFor))
			h.routed(at, p)
			s.path.candidate = at
			s.move(now)
			return
		}
	})
}

// inherit has the heir take the session over.
func (a *actor) inherit() {
	i := slices.IndexFunc(a.got, func(m *wire.Message) bool { return m.GetWelcome() != nil })
	if a.heir == nil || i < 0 {
		return
	}
	heir, id := a.heir, a.got[i].GetWelcome().GetSessionId()
	a.heir, a.gone = nil, true
	go func() {
		select {
		case heir.do <- func(time.Time) { heir.greet(id) }:
		case <-heir.ended:
		}
	}()
}

// greet says hello, and joins the rooms.
func (a *actor) greet(id []byte) {
	a.tell(wire.Encode(&wire.Message_Hello{Hello: &wire.Hello{Versions: []uint32{1}, Nick: fmt.Sprint("n", a.addr.Addr().As4()[3]), SessionId: id}}))
	for _, room := range a.storm.rooms {
		a.tell(wire.Encode(&wire.Message_Join{Join: &wire.Join{Room: room, Hear: true}}))
	}
}

// leave ends the session.
func (a *actor) leave() {
	plain, err := (&rtcp.Goodbye{Sources: []uint32{wire.SSRCPeer}, Reason: "done"}).Marshal()
	if err != nil {
		a.w.t.Error(err)
	}
	a.sendRTCP(plain)
	a.gone = true
}

// end has the actor end its talks.
func (a *actor) end() {
	a.run(func(time.Time) {
		for len(a.talks) > 0 {
			a.finish(0)
		}
		a.gone = true
	})
}

// Whatever clients do at the same time, nothing is sent as something else was, nobody hears another packet than was said, and
// nothing stays when all is over.
func TestStorm(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	synctest.Test(t, func(t *testing.T) {
		cfg := Config{
			Gather: DefaultGather, Grid: DefaultGrid,
			Rooms: map[string]RoomConfig{"live": {}, "echo": {Delay: 500 * time.Millisecond}},
		}
		w := newWorldOf(t, cfg, 4)
		defer w.stop()
		s := newStorm(t, w, seed, 12)
		for i, a := range s.actors {
			if i%2 == 0 {
				a.run(func(time.Time) { a.greet(nil) })
			}
		}
		var acting sync.WaitGroup
		for i, a := range s.actors {
			acting.Go(func() { a.act(rand.New(rand.NewPCG(seed, uint64(100+i))), 400) })
		}
		acting.Wait()
		s.over()
	})
}

// over ends all talks, and looks at what is left.
func (s *storm) over() {
	w, h := s.w, s.w.server.hub
	played := 0
	for _, a := range s.actors {
		a.end()
		played += a.played
	}
	if played < 1000 {
		w.t.Errorf("only %d packets were heard", played)
	}
	for range 8 {
		w.pass(5 * time.Second)
		for _, a := range s.actors {
			a.run(func(time.Time) { a.tell(wire.Encode(&wire.Message_Ping{Ping: &wire.Ping{}})) })
		}
	}
	for session := range h.sessions { // a talk that never began lasts as long as its talker is there
		w.server.hub.plane.tell.add(func(now time.Time) {
			for _, in := range session.rooms {
				session.abandonTalks(now, in.room)
			}
		})
	}
	w.pass(5 * time.Second)
	for _, name := range s.rooms {
		w.empty(name)
		r := h.rooms[name]
		hearing := 0
		for _, m := range r.members {
			if m.hear {
				hearing++
				if !slices.Contains(r.relay.ears[m.ear.link.shard.index], m.ear) || m.ear.link != m.session.link {
					w.t.Errorf("%s: a member that hears is no listener", name)
				}
			}
		}
		if n := len(slices.Concat(r.relay.ears...)); n != hearing || r.relay.hearing != hearing {
			w.t.Errorf("%s: %d listeners, counted %d, for %d members that hear", name, n, r.relay.hearing, hearing)
		}
	}
	late := s.actor(len(s.actors), newID(w.t), 0)
	for _, name := range s.rooms {
		late.enter("late", name, nil)
		ssrc := late.talk(name, 0, 0)
		late.run(func(time.Time) { late.packet(&spurt{ssrc: ssrc}, 0, late.send) })
		w.pass(time.Second)
		if n := len(late.seqs(ssrc)); n != 1 {
			w.t.Errorf("%s: %d of 1 packets came back after all", name, n)
		}
	}
	w.t.Logf("%d packets heard, dropped: %v", played, w.drops())
}
