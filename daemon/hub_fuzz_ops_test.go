package daemon

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"yodel/wire"
	"yodel/wire/secure"
)

// op codes of FuzzHub. All that a peer does is authentic, but for the last four.
const (
	hubConnect = iota // a new session, perhaps at another's address
	hubHears          // a peer takes what came, and acknowledges
	hubMisses         // what came is lost
	hubSay            // a message of a kind that there is
	hubSayAny         // a message of any bytes
	hubPacket         // a packet of the message stream, of any bytes
	hubAudio
	hubFeedback // NACK, report, BYE
	hubControl  // RTCP of any bytes
	hubWait
	hubJunk   // any bytes
	hubReplay // what was sent, perhaps from elsewhere, perhaps changed
	hubSTUN
	hubPath // a path request
	hubOps
)

// FuzzHub has four peers with keys, and strangers, say anything in any order: nothing panics, what is counted stays within its bounds, and when everyone
// has gone nothing is left.
func FuzzHub(f *testing.F) {
	hello := func(p byte) []byte { return []byte{hubSay, p, 0, p, 0, hubHears, p} }
	join := func(p byte) []byte { return []byte{hubSay, p, 1, 0, 0, 1, hubHears, p} }
	talk := func(p byte) []byte { return []byte{hubSay, p, 4, 0, 1, 0, hubSay, p, 5, 0, 0, 3, 0, 0, 0} }
	audio := func(p, seq byte) []byte { return []byte{hubAudio, p, seq, 0, 1, 1, seq, 0, 0, 20} }
	join2 := func(parts ...[]byte) (all []byte) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	f.Add(join2(hello(0), join(0), hello(1), join(1), talk(0), audio(0, 3), audio(0, 4), []byte{hubWait, 40}, []byte{hubSay, 0, 6, 0, 4, 0, hubWait, 90}))
	f.Add(join2(hello(0), join(0), talk(0), audio(0, 3), []byte{hubAudio, 0, 200, 0, 1, 1, 9, 0, 0, 20, hubFeedback, 0, 0, 0, 3, 5, hubWait, 200}))
	f.Add(join2(hello(0), []byte{hubSay, 0, 3, 1, 9, 5, 65, 66, 67, 68, 69, hubConnect, 0, 0, hubSay, 0, 0, 0, 1, hubWait, 30}))
	f.Add(join2(hello(0), hello(1), []byte{hubConnect, 1, 1, hubReplay, 0, 7, 3, 1, hubSTUN, 2, 0, hubSTUN, 2, 1, hubPath, 0, 1, 2, 0, hubWait, 60}))
	seed := rand.New(rand.NewPCG(5, 6))
	for range 12 {
		ops := join2(hello(0), join(0), hello(1), join(1), talk(1))
		for range 300 {
			ops = append(ops, byte(seed.IntN(256))%byte(1+seed.IntN(255)))
		}
		f.Add(ops)
	}
	l := newFuzzLog(f)
	f.Cleanup(func() { _ = l.Close() })
	var ids []*secure.Identity
	for range 4 {
		id, err := secure.NewIdentity()
		if err != nil {
			f.Fatal(err)
		}
		ids = append(ids, id)
	}
	f.Fuzz(func(t *testing.T, ops []byte) {
		x := newFuzzHub(t, l, ids[3], ids[:3])
		x.ops = ops
		x.run(l)
	})
}

func (x *fuzzHub) step() {
	op := x.byte() % hubOps
	p := x.peer()
	switch op {
	case hubConnect:
		x.connect(x.byte()%len(x.peers), x.byte()%3)
	case hubHears:
		x.hears(p)
	case hubMisses:
		p.inbox = nil
	case hubSay:
		x.say(p, x.message(p))
	case hubSayAny:
		x.say(p, x.bytes())
	case hubPacket:
		b, _ := (&rtp.Header{Version: 2, PayloadType: wire.PayloadMessage, SSRC: wire.SSRCPeer, SequenceNumber: uint16(p.seq) + uint16(x.byte())}).Marshal()
		x.rtp(p, append(b, x.bytes()...), p.seq+uint64(x.byte()))
	case hubAudio:
		x.audio(p)
	case hubFeedback:
		x.feedback(p)
	case hubControl:
		x.rtcp(p, append([]byte{0x80 | byte(x.byte())&0x3f, byte(192 + x.byte()%32), 0, byte(x.byte()), 0, 0, 0, 1}, x.bytes()...))
	case hubWait:
		n := time.Duration(x.byte())
		x.wait(n * n * time.Millisecond / 6)
	default:
		x.stranger(op, p)
	}
}

// stranger is what can be done without keys.
func (x *fuzzHub) stranger(op int, p *fuzzPeer) {
	from := p.addr
	if n := x.byte(); n >= 128 {
		from = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 9, 0, byte(n % 4)}), uint16(n))
	}
	switch op {
	case hubJunk:
		x.send(from, x.bytes(), x.byte())
	case hubReplay:
		b := append([]byte(nil), p.last...)
		if at := x.byte(); len(b) > 0 && at < 128 {
			b[at%len(b)] ^= byte(x.byte())
		}
		x.send(from, b, x.byte())
	case hubSTUN:
		x.send(from, secure.BindingRequest(nil, [12]byte{byte(x.byte())}, x.nonce(from)), x.byte())
	case hubPath:
		key := p.session.path.key
		r := secure.PathRequest{TxID: [12]byte{byte(x.byte())}, Session: p.session.id, Count: x.number(), Nonce: x.nonce(from)}
		x.send(from, secure.AppendPathRequest(nil, r, &key), 0)
	}
}

// nonce gives one that is good for an address, or none.
func (x *fuzzHub) nonce(from netip.AddrPort) []byte {
	if x.byte()%4 == 0 {
		return nil
	}
	hint := x.h.validator.Hint(nil, make([]byte, wire.MaxDatagram), from, x.now)
	nonce, _ := secure.ParseHint(hint)
	return nonce
}

func (x *fuzzHub) say(p *fuzzPeer, encoded []byte) {
	if len(encoded) == 0 || p.stream.Queued() > 1<<20 {
		return
	}
	_ = p.stream.Send(encoded)
	x.flush(p)
}

// message makes a message of a kind that a peer sends.
func (x *fuzzHub) message(p *fuzzPeer) []byte {
	kind := x.byte() % 12
	rooms := [...]string{"echo", "lobby", "a", "", "bad room\n"}
	room := rooms[x.byte()%len(rooms)]
	switch kind {
	case 0:
		m := &wire.Hello{Versions: []uint32{1}, Nick: string(rune('a' + len(room)%5))}
		if other := x.peers[x.byte()%4]; other != nil {
			m.SessionId = other.session.id[:]
		}
		return wire.Encode(&wire.Message_Hello{Hello: m})
	case 1:
		return wire.Encode(&wire.Message_Join{Join: x.join(room)})
	case 2:
		return wire.Encode(&wire.Message_Leave{Leave: &wire.Leave{Room: room, Request: x.number()}})
	case 3:
		m := &wire.Publish{Room: room, Id: x.number(), Body: x.bytes(), Transient: x.byte()%4 == 0}
		if n := x.byte(); n > 200 {
			m.Body = make([]byte, (n-200)*1200)
		}
		return wire.Encode(&wire.Message_Publish{Publish: m})
	case 4:
		m := &wire.Talk{Room: room, Request: x.number(), PayloadType: wire.PayloadOpus}
		return wire.Encode(&wire.Message_Talk{Talk: m})
	case 5:
		m := &wire.TalkStart{Room: room, Ssrc: x.ssrc(p), FirstSeq: uint32(x.number()), FirstTimestamp: uint32(x.number())}
		return wire.Encode(&wire.Message_TalkStart{TalkStart: m})
	case 6:
		return wire.Encode(&wire.Message_TalkEnd{TalkEnd: &wire.TalkEnd{Room: room, Ssrc: x.ssrc(p), LastSeq: uint32(x.number())}})
	case 7:
		return wire.Encode(&wire.Message_Credit{Credit: &wire.Credit{Limit: x.number()}})
	case 8:
		return wire.Encode(&wire.Message_Who{Who: &wire.Who{Room: room}})
	case 9:
		return wire.Encode(&wire.Message_Rooms{Rooms: &wire.Rooms{Request: x.number()}})
	case 10:
		return wire.Encode(&wire.Message_SetNick{SetNick: &wire.SetNick{Nick: strings.ToValidUTF8(string(x.bytes()), "?")}})
	}
	return wire.Encode(&wire.Message_Ping{Ping: &wire.Ping{Request: x.number(), Padding: x.bytes()}})
}

func (x *fuzzHub) join(room string) *wire.Join {
	m := &wire.Join{Room: room, Request: x.number(), Hear: true}
	switch n := x.byte(); n % 6 {
	case 1:
		m.From = &wire.Join_Live{Live: true}
	case 2:
		m.From = &wire.Join_Last{Last: uint32(x.number())}
	case 3:
		m.From = &wire.Join_SinceUnixNs{SinceUnixNs: int64(x.number())}
	case 4:
		id := x.h.messages.ID()
		m.From = &wire.Join_After{After: &wire.After{LogId: id[:], Pos: x.number()}}
	case 5:
		m.Observe = true
	}
	return m
}

// feedback sends RTCP of a kind that there is, about anything.
func (x *fuzzHub) feedback(p *fuzzPeer) {
	var packet rtcp.Packet
	switch x.byte() % 4 {
	case 0:
		pairs := []rtcp.NackPair{{PacketID: uint16(x.number()), LostPackets: rtcp.PacketBitmap(x.number())}}
		packet = &rtcp.TransportLayerNack{SenderSSRC: wire.SSRCPeer, MediaSSRC: x.ssrc(p), Nacks: pairs}
	case 1:
		packet = &rtcp.SenderReport{SSRC: x.ssrc(p), NTPTime: x.number(), RTPTime: uint32(x.number())}
	case 2:
		packet = &rtcp.Goodbye{Sources: []uint32{uint32(x.byte() % 3)}, Reason: strings.ToValidUTF8(string(x.bytes()), "?")}
	case 3:
		blocks := make([]rtcp.CCFeedbackMetricBlock, x.byte()%64)
		for i := range blocks {
			blocks[i] = rtcp.CCFeedbackMetricBlock{Received: i%(1+x.byte()%3) == 0, ArrivalTimeOffset: uint16(x.byte())}
		}
		packet = &rtcp.CCFeedbackReport{SenderSSRC: wire.SSRCPeer, ReportBlocks: []rtcp.CCFeedbackReportBlock{{
			MediaSSRC: wire.SSRCDaemon, BeginSequence: uint16(x.number()), MetricBlocks: blocks,
		}}}
	}
	if b, err := packet.Marshal(); err == nil {
		x.rtcp(p, b)
	}
}
