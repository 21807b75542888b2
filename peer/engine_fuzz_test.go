package peer

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"yodel/wire"
	"yodel/wire/stream"
)

// op codes of FuzzEngine.
const (
	peerMessage = iota // a message of a kind that there is
	peerAny            // a message of any bytes
	peerPacket         // a packet of the message stream, of any bytes
	peerSound          // audio
	peerControl        // RTCP
	peerWait
	peerJunk // what is not authentic
	peerUser // the user asks for something
	peerEvents
	peerAgain // a new session
	peerOps
)

// fuzzEngine is an engine whose daemon says anything in any order.
type fuzzEngine struct {
	*rig
	ops     []byte
	shakes  int
	hearing *Hearing
}

// FuzzEngine has a daemon that is authentic say anything in any order: nothing panics, what waits for the user is bounded, and the engine
// has no turn in which there is nothing to do.
func FuzzEngine(f *testing.F) {
	f.Add([]byte{peerMessage, 0, 1, peerUser, 0, 0, peerMessage, 1, 0, 1, 5, peerMessage, 4, 0, 9, peerEvents, 0, peerWait, 200})
	f.Add([]byte{peerMessage, 0, 1, peerUser, 0, 0, peerMessage, 1, 0, 1, 5, peerMessage, 6, 0, 1, 9, peerSound, 1, 9, 0, 30, peerSound, 1, 200, 9, 30, peerMessage, 7, 0, 1, 9, peerWait, 250})
	f.Add([]byte{peerMessage, 0, 1, peerUser, 2, 0, peerMessage, 9, 0, 1, 5, peerControl, 0, 1, 9, 1, peerAgain, peerMessage, 0, 1, peerWait, 60})
	seed := rand.New(rand.NewPCG(7, 8))
	for range 10 {
		ops := []byte{peerMessage, 0, 1, peerUser, 0, 0, peerMessage, 1, 0, 1, 5}
		for range 200 {
			ops = append(ops, byte(seed.IntN(256))%byte(1+seed.IntN(255)))
		}
		f.Add(ops)
	}
	id := mustIdentity(f)
	daemon := mustIdentity(f)
	f.Fuzz(func(t *testing.T, ops []byte) {
		x := &fuzzEngine{rig: newRig(t, Config{Nick: "alice", Identity: id, Reconnect: true}), ops: ops}
		x.daemon = daemon
		x.connect()
		for n := 0; len(x.ops) > 0 && n < 300; n++ {
			x.step()
			x.check()
		}
		x.wait(40 * time.Second)
	})
}

func (x *fuzzEngine) byte() int {
	if len(x.ops) == 0 {
		return 0
	}
	b := x.ops[0]
	x.ops = x.ops[1:]
	return int(b)
}

// number gives one that is small, or near a power of two.
func (x *fuzzEngine) number() uint64 {
	a, b := x.byte(), x.byte()
	if a < 128 {
		return uint64(a)
	}
	return 1<<(a&63) + uint64(int8(b))
}

func (x *fuzzEngine) bytes() (b []byte) {
	for range min(x.byte()%64, len(x.ops)) {
		b = append(b, byte(x.byte()))
	}
	return b
}

func (x *fuzzEngine) text() string { return strings.ToValidUTF8(string(x.bytes()), "?") }

func (x *fuzzEngine) ssrc() uint32 { return wire.MinAudioSSRC + uint32(x.byte()%6) }

func (x *fuzzEngine) room() string { return [...]string{"lobby", "", "other", "x\n"}[x.byte()%4] }

// turn passes datagrams to and fro, a few times at most.
func (x *fuzzEngine) turn() {
	for range 8 {
		x.e.advance(x.now)
		if x.e.s != nil {
			x.e.s.flush(x.now)
		}
		up := x.up
		x.up = nil
		for _, b := range up {
			x.d.hear(x.now, b)
		}
		if !x.give() && len(up) == 0 {
			return
		}
	}
}

// give sends what the daemon's stream has to send, as far as its keys allow that.
func (x *fuzzEngine) give() (some bool) {
	for range 100 {
		b, kind, number := x.d.stream.AppendPacket(x.now, nil)
		switch kind {
		case stream.RTP:
			x.rtp(b, number)
		case stream.RTCP:
			if sealed, err := x.d.tx.SealRTCP(nil, b); err == nil {
				x.e.receive(x.now, sealed, x.now)
			}
		default:
			return some
		}
		some = true
	}
	return some
}

// hear is take of a daemon that minds nothing.
func (d *fakeDaemon) hear(now time.Time, b []byte) {
	d.stream.Heard(now)
	if wire.KindOf(b) == wire.KindRTCP {
		plain, err := d.rx.OpenRTCP(nil, b)
		if err != nil {
			return
		}
		packets, _ := wire.ParseRTCP(plain)
		for _, p := range packets {
			if report, ok := p.(*rtcp.CCFeedbackReport); ok {
				_ = d.stream.HandleReport(now, report)
			}
		}
		return
	}
	plain, err := d.rx.OpenRTP(nil, b)
	var p rtp.Packet
	if err != nil || p.Unmarshal(plain) != nil || p.SSRC != wire.SSRCPeer {
		return
	}
	_ = d.stream.HandlePacket(now, &p.Header, p.Payload)
	for _, ok := d.stream.Receive(); ok; _, ok = d.stream.Receive() {
		continue
	}
}

func (x *fuzzEngine) step() {
	switch op := x.byte() % peerOps; op {
	case peerMessage:
		b, err := encodeMessage(x.message())
		if err != nil {
			x.t.Fatal(err)
		}
		x.tell(b)
	case peerAny:
		x.tell(x.bytes())
	case peerPacket:
		seq := x.number()
		b, _ := (&rtp.Header{Version: 2, PayloadType: wire.PayloadMessage, SSRC: wire.SSRCDaemon, SequenceNumber: uint16(seq)}).Marshal()
		x.rtp(append(b, x.bytes()...), seq)
	case peerSound:
		ssrc, seq := x.ssrc(), x.number()
		h := rtp.Header{Version: 2, PayloadType: uint8(96 + x.byte()%16), SSRC: ssrc, SequenceNumber: uint16(seq), Timestamp: uint32(x.number() * 480)}
		h.Padding = x.byte()%8 == 0
		b, _ := h.Marshal()
		x.rtp(append(b, make([]byte, x.byte()*2)...), seq)
	case peerControl:
		x.rtcp()
	case peerWait:
		n := time.Duration(x.byte())
		x.wait(n * n * time.Millisecond / 6)
	case peerJunk:
		x.e.receive(x.now, x.bytes(), x.now)
	case peerUser:
		x.asks()
	case peerEvents:
		x.e.takeHeard()
		for range min(x.byte(), len(x.e.events)) {
			x.e.delivered()
		}
	case peerAgain:
		if x.shakes++; x.shakes < 4 {
			x.connect()
		}
	}
	x.turn()
}

func (x *fuzzEngine) tell(encoded []byte) {
	if len(encoded) > 0 && x.d.stream.Queued() < 1<<20 {
		_ = x.d.stream.Send(encoded)
	}
}

func (x *fuzzEngine) rtp(plain []byte, index uint64) {
	if sealed, err := x.d.tx.SealRTP(nil, plain, index); err == nil {
		x.e.receive(x.now, sealed, x.now)
	}
}

func (x *fuzzEngine) rtcp() {
	var plain []byte
	switch x.byte() % 4 {
	case 0:
		plain, _ = wire.AppendNack(nil, wire.SSRCDaemon, x.ssrc(), []uint16{uint16(x.number()), uint16(x.number())})
	case 1:
		plain, _ = (&rtcp.SenderReport{SSRC: x.ssrc(), NTPTime: x.number(), RTPTime: uint32(x.number())}).Marshal()
	case 2:
		plain = append([]byte{0x80 | byte(x.byte())&0x3f, byte(192 + x.byte()%32), 0, byte(x.byte()), 0, 0, 0, 2}, x.bytes()...)
	case 3:
		plain, _ = wire.AppendBye(nil, wire.SSRCDaemon, x.text())
	}
	if sealed, err := x.d.tx.SealRTCP(nil, plain); err == nil {
		x.e.receive(x.now, sealed, x.now)
	}
}

// asks is what a user may ask for.
func (x *fuzzEngine) asks() {
	switch x.byte() % 4 {
	case 0:
		if x.hearing == nil {
			x.hearing = newHearing(HearOptions{Room: "lobby"}, x.client.nudge)
		}
		x.client.startJoin(x.now, JoinOptions{Room: x.room(), From: Last(x.byte())}, x.hearing, func(*Joined, error) {})
	case 1:
		x.publish(Outgoing{Room: "lobby", Body: []byte("x")}, func(*Publication) {})
	case 2:
		x.e.request(x.now, func(id uint64) []byte {
			return wire.Encode(&wire.Message_Who{Who: &wire.Who{Request: id, Room: "lobby"}})
		}, func(time.Time, *wire.Message, error) {})
	case 3:
		x.e.takeHeard()
	}
}

// wait lets time pass, from one thing that is due to the next.
func (x *fuzzEngine) wait(d time.Duration) {
	limit := x.now.Add(d)
	for turns := 0; x.now.Before(limit); turns++ {
		if turns > 100_000 {
			x.t.Fatalf("100000 turns in %v", d)
		}
		next := limit
		for _, at := range []time.Time{x.e.deadline(), x.d.stream.Deadline()} {
			if !at.IsZero() && at.Before(next) {
				next = at
			}
		}
		if !next.After(x.now) {
			next = x.now.Add(time.Millisecond)
		}
		x.now = next
		x.d.stream.Advance(x.now)
		x.turn()
	}
}

// check holds what must be true at any time.
func (x *fuzzEngine) check() {
	e := x.e
	if e.faults.count > 0 {
		x.t.Fatalf("%d panics", e.faults.count)
	}
	if len(e.events) > maxEvents+1000 {
		x.t.Fatalf("%d events wait", len(e.events))
	}
	for s := range e.sessions {
		if len(s.streams) > maxStreams || len(s.held) > maxHeldPackets {
			x.t.Fatalf("%d streams, %d packets are held", len(s.streams), len(s.held))
		}
	}
}
