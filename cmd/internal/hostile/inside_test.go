//go:build linux

package hostile

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"yodel/wire"
)

// by has some insiders do something until it is over. Each has a state of its own, which begin gives.
func by(n int, begin func(i int) func(p *insider, now time.Time)) func(*world, *victim, *outcome, <-chan struct{}) error {
	return func(w *world, _ *victim, out *outcome, stop <-chan struct{}) error {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // the attackers have one core
		var all sync.WaitGroup
		insiders, errs := make([]*insider, n), make([]error, n)
		for i := range n {
			all.Go(func() {
				if insiders[i], errs[i] = newInsider(w, i); errs[i] == nil {
					insiders[i].attack(begin(i), stop)
				}
			})
		}
		all.Wait()
		return errors.Join(append(errs, sumUp(insiders, out))...)
	}
}

// sumUp closes the insiders that have got in, and notes what they did. The error tells of most sessions being ended at once: they did nothing.
func sumUp(insiders []*insider, out *outcome) (err error) {
	answers, atOnce, byes := 0, 0, map[string]int{}
	for _, p := range insiders {
		if p == nil {
			continue
		}
		out.sent += p.sent
		answers += p.answers
		err = errors.Join(err, p.conn.Close())
		if p.bye != "" {
			byes[p.bye]++
			if p.lived < time.Second {
				atOnce++
			}
		}
	}
	out.note = fmt.Sprintf("%d answers", answers)
	if len(byes) > 0 {
		out.note += ", ended " + strings.TrimPrefix(fmt.Sprint(byes), "map")
	}
	if atOnce > len(insiders)/2 {
		err = errors.Join(err, fmt.Errorf("%d of %d sessions were ended at once: %v", atOnce, len(insiders), byes))
	}
	return err
}

// join is a Join of the live room.
func join(hear bool) []byte { return joinOf(liveRoom, hear) }

func joinOf(room string, hear bool) []byte {
	return wire.Encode(&wire.Message_Join{Join: &wire.Join{Room: room, Hear: hear}})
}

// asking keeps so many requests on their way.
func asking(requests ...[]byte) func(p *insider, now time.Time) {
	next := 0
	return func(p *insider, _ time.Time) {
		for p.requests < 256 {
			p.say(requests[next%len(requests)])
			p.requests++
			next++
		}
	}
}

// publishing sends all that its credit allows, as lines of a size.
func publishing(room string, size int) func(int) func(p *insider, now time.Time) {
	return func(i int) func(p *insider, now time.Time) {
		return func(p *insider, _ time.Time) {
			for p.stream.Queued() < 256<<10 {
				m := wire.Encode(&wire.Message_Publish{Publish: &wire.Publish{Room: room, Id: uint64(i)<<32 | p.id, Body: make([]byte, size)}})
				if !p.credit.Spend(len(m)) {
					return
				}
				p.id++
				p.say(m)
			}
		}
	}
}

// changing joins and leaves, and changes its nick.
func changing(i int) func(p *insider, now time.Time) {
	return asking(
		join(true), wire.Encode(&wire.Message_Leave{Leave: &wire.Leave{Room: liveRoom}}), join(false),
		wire.Encode(&wire.Message_SetNick{SetNick: &wire.SetNick{Nick: fmt.Sprint("a", i)}}),
		wire.Encode(&wire.Message_SetNick{SetNick: &wire.SetNick{Nick: fmt.Sprint("b", i)}}),
	)
}

// listing asks who is there, and for a replay.
func listing(int) func(p *insider, now time.Time) {
	return asking(
		wire.Encode(&wire.Message_Who{Who: &wire.Who{Room: liveRoom}}), wire.Encode(&wire.Message_Rooms{Rooms: &wire.Rooms{}}),
		wire.Encode(&wire.Message_Join{Join: &wire.Join{Room: liveRoom, Observe: true, From: &wire.Join_Last{Last: 1_000_000}}}),
	)
}

// nagging asks for packets of the voice, of those that were sent and of others.
func nagging(int) func(p *insider, now time.Time) {
	joined := false
	return func(p *insider, _ time.Time) {
		if !joined {
			p.say(join(true))
			joined = true
		}
		for _, ssrc := range p.talks {
			pairs := make([]rtcp.NackPair, 250)
			for i := range pairs {
				pairs[i] = rtcp.NackPair{PacketID: uint16(262*i) + uint16(p.sent), LostPackets: 0xffff}
			}
			if plain, err := (&rtcp.TransportLayerNack{SenderSSRC: wire.SSRCPeer, MediaSSRC: ssrc, Nacks: pairs}).Marshal(); err == nil {
				p.sendRTCP(plain)
			}
		}
	}
}

// deafening asks without end and acknowledges nothing.
func deafening(i int) func(p *insider, now time.Time) {
	ask := listing(i)
	return func(p *insider, now time.Time) {
		p.deaf = true
		p.requests = 0
		if p.stream.Queued() < 64<<10 {
			ask(p, now)
		}
	}
}

// bombing sends beginnings of messages that never end, with packet numbers of its own beyond those that Hello had.
func bombing(int) func(p *insider, now time.Time) {
	number, message := uint64(0), uint64(0)
	return func(p *insider, _ time.Time) {
		if !p.astray {
			if !p.stream.Idle() {
				return // Hello first
			}
			p.astray, number = true, p.first+1000
		}
		for range 100 {
			b := append(p.out[:0], 0x80, wire.PayloadMessage, byte(number>>8), byte(number), 0, 0, 0, 0, 0, 0, 0, wire.SSRCPeer)
			b = wire.AppendChunk(wire.AppendDistance(b, 0), wire.Chunk{
				Message: 1 + message%4000, Offset: int(message/4000) * 7 % 60_000, Total: wire.MaxMessage, Data: []byte{1},
			})
			p.sendRTP(b, number)
			number++
			message++
		}
	}
}

// talking begins and ends talks as fast as they are granted.
func talking(int) func(p *insider, now time.Time) {
	joined := false
	return func(p *insider, _ time.Time) {
		if !joined {
			p.say(join(false))
			joined = true
		}
		for ; p.requests < 8; p.requests++ {
			p.say(wire.Encode(&wire.Message_Talk{Talk: &wire.Talk{Request: 1, Room: liveRoom, PayloadType: wire.PayloadOpus}}))
		}
		for _, ssrc := range p.granted {
			p.say(wire.Encode(&wire.Message_TalkStart{TalkStart: &wire.TalkStart{Room: liveRoom, Ssrc: ssrc, PayloadType: wire.PayloadOpus}}))
			p.audio(ssrc, 0)
			p.say(wire.Encode(&wire.Message_TalkEnd{TalkEnd: &wire.TalkEnd{Room: liveRoom, Ssrc: ssrc}}))
		}
		p.granted = p.granted[:0]
	}
}

// Whatever members of a room do with their sessions, a voice in it is heard, and others are served.
func TestInside(t *testing.T) {
	try(t, []attack{
		{name: "publishes of one session, another room", least: 500, run: by(1, publishing("other", 200))},
		{name: "publishes of 50 sessions, the voice's room", short: true, least: 500, run: by(50, publishing(liveRoom, 200))},
		{name: "publishes of 50 sessions, long ones", least: 2_000, run: by(50, publishing("other", 60_000))},
		{name: "joins, leaves and nicks of 50 sessions", short: true, least: 100, run: by(50, changing)},
		{name: "lists and replays for 50 sessions", least: 300, run: by(50, listing)},
		{name: "NACKs of 10 sessions", short: true, least: 500, run: by(10, nagging)},
		{name: "50 sessions that acknowledge nothing", least: 100, run: by(50, deafening)},
		{name: "unfinished messages of 20 sessions", least: 5_000, run: by(20, bombing)},
		{name: "talks of 20 sessions", short: true, least: 500, run: by(20, talking)},
	})
}
