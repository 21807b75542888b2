package daemon

import (
	"container/heap"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"yodel/wire"
	"yodel/wire/repair"
)

// twoHops is a talkspurt on its way over both hops in simulated time: a talker that resends, the daemon's line, and one who hears
// and asks for what is missing. Every path loses, delays and reorders.
type twoHops struct {
	*play
	r      *rand.Rand
	paths  [4]path
	events events
	frame  time.Duration
	frames int

	sent  repair.Resender // the talker's
	said  int
	feed  repair.Resender // the daemon's
	asks  repair.Requester
	waits []wait // of the hearer
	heard map[uint64]bool
	high  uint64
	base  time.Time // when packet 0 came, or would have come
	close time.Time // the end was told to the hearer

	count [4]int // packets that were given to a path
}

// The paths of twoHops.
const (
	talkerUp = iota
	talkerDown
	hearerUp
	hearerDown
)

// path is one way of one hop.
type path struct {
	loss          float64
	delay, jitter time.Duration
	out           [2]time.Duration // black-out from, to
	drop          map[uint64]int   // how often a packet is lost
}

// noPacket is for what is no audio packet.
const noPacket = 1 << 63

func (p *path) loses(r *rand.Rand, now time.Time, seq uint64) bool {
	if p.drop[seq] > 0 {
		p.drop[seq]--
		return true
	}
	at := now.Sub(epoch)
	return at >= p.out[0] && at < p.out[1] || r.Float64() < p.loss
}

type wait struct {
	seq uint64
	due time.Time
}

type event struct {
	at time.Time
	do func()
}

type events []event

func (e events) Len() int           { return len(e) }
func (e events) Less(i, j int) bool { return e[i].at.Before(e[j].at) }
func (e events) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)        { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

func (y *twoHops) after(d time.Duration, do func()) { heap.Push(&y.events, event{y.now.Add(d), do}) }

// over sends something over a path.
func (y *twoHops) over(n int, seq uint64, do func()) {
	p := &y.paths[n]
	y.count[n]++
	if p.loses(y.r, y.now, seq) {
		return
	}
	y.after(p.delay+time.Duration(y.r.Int64N(int64(2*p.jitter)+1))-p.jitter, do)
}

// surely sends a message of the stream: it comes, after a while.
func (y *twoHops) surely(n int, do func()) {
	p := &y.paths[n]
	if p.loses(y.r, y.now, noPacket) {
		y.after(50*time.Millisecond, func() { y.surely(n, do) })
		return
	}
	y.after(p.delay, do)
}

// run plays the talkspurt and gives how many frames were not heard.
func (y *twoHops) run() (lost int) {
	y.heard = make(map[uint64]bool)
	y.surely(talkerUp, func() {
		y.line.start(y.now, 0)
		y.surely(hearerDown, func() { y.after(y.line.delay-y.line.lead+100*time.Millisecond, func() { y.asks.Start(y.now, 0) }) })
	})
	for i := range y.frames {
		y.after(time.Duration(i)*y.frame, func() { y.said++; y.sent.Sent(); y.talk(uint64(i)) })
	}
	y.after(time.Duration(y.frames)*y.frame, func() {
		y.surely(talkerUp, func() {
			y.line.end(y.now, uint16(y.frames-1))
			y.surely(hearerDown, func() { y.close = y.now })
		})
	})
	for end := y.now.Add(time.Duration(y.frames)*y.frame + y.line.delay + 10*time.Second); y.now.Before(end); y.now = y.now.Add(time.Millisecond) {
		for len(y.events) > 0 && !y.events[0].at.After(y.now) {
			heap.Pop(&y.events).(event).do()
		}
		y.daemon()
		y.hear()
	}
	return y.frames - len(y.heard)
}

func (y *twoHops) talk(i uint64) {
	y.over(talkerUp, i, func() {
		b := make([]byte, 92)
		binary.BigEndian.PutUint16(b, uint16(i))
		y.line.arrive(y.now, came(y.now, uint16(i), uint32(i)*uint32(y.frame.Seconds()*48000), b))
	})
}

func (y *twoHops) daemon() {
	for s := y.line.pop(y.now); s != nil; s = y.line.pop(y.now) {
		y.feed.Sent()
		y.pass(s.seq)
	}
	y.line.tidy(y.now)
	rtt := 2 * y.paths[talkerUp].delay
	if y.nack = y.line.asks.Missing(y.now, rtt, y.nack[:0]); len(y.nack) > 0 {
		y.ask(talkerDown, y.nack, func(seq uint16) {
			if i := uint64(wire.Nearest(int64(y.said), seq)); i < uint64(y.said) && y.sent.Allow(i) {
				y.talk(i)
			}
		})
	}
}

// ask sends a NACK: what fits into one.
func (y *twoHops) ask(n int, seqs []uint16, take func(seq uint16)) {
	b, err := wire.AppendNack(nil, 1, 1, seqs)
	if err != nil {
		y.t.Fatal(err)
	}
	y.over(n, noPacket, func() {
		packets, err := wire.ParseRTCP(b)
		if err != nil {
			y.t.Fatal(err)
		}
		for _, pair := range packets[0].(*rtcp.TransportLayerNack).Nacks {
			for _, seq := range pair.PacketList() {
				take(seq)
			}
		}
	})
}

// pass sends a packet to the hearer, who plays it lead after it came by the clock of the stream.
func (y *twoHops) pass(seq uint64) {
	y.over(hearerDown, seq, func() {
		if base := y.now.Add(-time.Duration(seq) * y.frame); len(y.heard) == 0 || base.Before(y.base) {
			y.base = base
		}
		if !y.now.After(y.base.Add(time.Duration(seq)*y.frame + y.line.lead)) {
			y.heard[seq] = true
		}
		y.asks.Start(y.now, 0)
		y.asks.Received(y.now, seq)
		if seq >= y.high {
			y.high = seq
			y.waits = append(y.waits, wait{seq, y.now.Add(y.line.lead)})
		}
	})
}

func (y *twoHops) hear() {
	if last := uint64(y.frames - 1); !y.close.IsZero() && y.high < last && y.now.Sub(y.base) > time.Duration(last)*y.frame+100*time.Millisecond {
		y.asks.Through(y.now, last)
		y.high = last
	}
	for len(y.waits) > 0 && y.now.After(y.waits[0].due) {
		y.asks.GiveUp(y.waits[0].seq)
		y.waits = y.waits[1:]
	}
	rtt := 2 * y.paths[hearerUp].delay
	if lost := y.asks.Missing(y.now, rtt, nil); len(lost) > 0 {
		y.ask(hearerUp, lost, func(seq uint16) {
			if s := y.line.sentPacket(seq); s != nil && y.feed.Allow(s.seq) {
				y.pass(s.seq)
			}
		})
	}
}

// newTwoHops makes a minute of voice in a room of 2 s.
func newTwoHops(t *testing.T, seed uint64, all path) *twoHops {
	y := &twoHops{
		play: newPlay(t, 2*time.Second, wire.Lead(2*time.Second)), r: rand.New(rand.NewPCG(seed, 7)),
		frame: 20 * time.Millisecond, frames: 3000,
	}
	for i := range y.paths {
		y.paths[i] = all
	}
	return y
}

func TestVoiceOverALossyPath(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for _, c := range []struct {
		loss, most float64
		delay      time.Duration
	}{
		{0.05, 0, 30 * time.Millisecond},
		{0.2, 0.001, time.Millisecond},
		{0.2, 0.001, 30 * time.Millisecond},
		{0.2, 0.001, 60 * time.Millisecond},
		{0.4, 0.01, time.Millisecond},
		{0.4, 0.01, 30 * time.Millisecond},
		{0.4, 0.01, 60 * time.Millisecond},
	} {
		y := newTwoHops(t, seed, path{loss: c.loss, delay: c.delay, jitter: c.delay / 3})
		lost := float64(y.run()) / float64(y.frames)
		if lost > c.most {
			t.Errorf("at %v loss and %v each way %.2f %% of the frames are lost, at most %v may be", c.loss, c.delay, 100*lost, c.most)
		}
		for i, n := range y.count {
			if n > 2*y.frames {
				t.Errorf("at %v loss %d packets went over path %d for %d frames", c.loss, n, i, y.frames)
			}
		}
	}
}

func TestBlackOutLeavesNoHole(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for name, dead := range map[string][]int{
		"first hop": {talkerUp, talkerDown}, "its way up": {talkerUp}, "its way down": {talkerDown},
		"second hop": {hearerUp, hearerDown}, "its way up ": {hearerUp}, "its way down ": {hearerDown},
		"both hops": {talkerUp, talkerDown, hearerUp, hearerDown},
	} {
		for _, frame := range []time.Duration{10 * time.Millisecond, 20 * time.Millisecond} {
			y := newTwoHops(t, seed, path{delay: 30 * time.Millisecond, jitter: 10 * time.Millisecond})
			y.frame, y.frames = frame, int(12*time.Second/frame)
			from := 2*time.Second + time.Duration(y.r.Int64N(int64(11*time.Second)))
			for _, i := range dead {
				y.paths[i].out = [2]time.Duration{from, from + time.Second}
			}
			if n := y.run(); n > 0 {
				t.Errorf("%s: a second without network from %v on cost %d frames of %v", name, from, n, frame)
			}
		}
	}
}

func TestFirstAndLastPacketAreRepairedOnEitherHop(t *testing.T) {
	for _, n := range []int{talkerUp, hearerDown} {
		for _, seq := range []uint64{0, 1, 98, 99} {
			y := newTwoHops(t, 1, path{delay: 30 * time.Millisecond})
			y.frames = 100
			y.paths[n].drop = map[uint64]int{seq: 3, 99 - seq: 3}
			if lost := y.run(); lost > 0 {
				t.Errorf("path %d: %d frames lost when packets %d and %d were lost three times", n, lost, seq, 99-seq)
			}
		}
	}
}
