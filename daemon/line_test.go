package daemon

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var epoch = time.Unix(1_700_000_000, 0)

func ms(n int) time.Time { return epoch.Add(time.Duration(n) * time.Millisecond) }

// came is a packet's arrival.
func came(at time.Time, seq uint16, timestamp uint32, plain []byte) *arrival {
	return &arrival{at: at, seq: seq, timestamp: timestamp, plain: plain}
}

// play drives a line as a voice does and notes what goes out when.
type play struct {
	t    *testing.T
	line line
	now  time.Time
	out  []sent
	nack []uint16
}

type sent struct {
	Seq uint16
	At  int // ms
}

func newPlay(t *testing.T, delay, lead time.Duration) *play {
	p := &play{t: t, now: epoch}
	p.line = line{clock: 48000, delay: delay, lead: lead}
	return p
}

// at moves the clock, doing what is due on the way.
func (p *play) at(n int) {
	p.t.Helper()
	for turns := 0; ; turns++ {
		if turns > 1_000_000 {
			p.t.Fatalf("a million turns until %v", p.now.Sub(epoch))
		}
		d := p.line.deadline()
		if d.IsZero() || d.After(ms(n)) {
			break
		}
		if d.After(p.now) {
			p.now = d
		}
		p.run()
		if next := p.line.deadline(); next.Equal(d) && !d.After(p.now) {
			p.t.Fatalf("the line stays due at %v", d.Sub(epoch))
		}
	}
	p.now = ms(n)
	p.run()
}

func (p *play) run() {
	for s := p.line.pop(p.now); s != nil; s = p.line.pop(p.now) {
		if got := binary.BigEndian.Uint16(s.packet.data); got != uint16(s.seq) {
			p.t.Fatalf("packet %d has the bytes of %d", s.seq, got)
		}
		p.out = append(p.out, sent{uint16(s.seq), int(p.now.Sub(epoch) / time.Millisecond)})
	}
	p.line.tidy(p.now)
	p.nack = p.line.asks.Missing(p.now, 30*time.Millisecond, p.nack)
}

// packet brings packet n of a stream of 20 ms frames.
func (p *play) packet(n int) verdict {
	p.t.Helper()
	return p.stamped(n, uint32(n)*960)
}

// stamped brings packet n with a timestamp of its own.
func (p *play) stamped(n int, timestamp uint32) verdict {
	p.t.Helper()
	b := make([]byte, 92)
	binary.BigEndian.PutUint16(b, uint16(n))
	if p.line.jumps(uint16(n)) {
		return late
	}
	v := p.line.arrive(p.now, came(p.now, uint16(n), timestamp, b))
	p.run()
	return v
}

func (p *play) wantOut(want ...sent) {
	p.t.Helper()
	if d := cmp.Diff(want, p.out); d != "" {
		p.t.Errorf("sent (-want +got)\n%s", d)
	}
}

func TestLiveRoomPassesAtOnce(t *testing.T) {
	p := newPlay(t, 0, 0)
	p.line.start(ms(0), 100)
	for i := range 3 {
		p.at(i * 20)
		p.packet(100 + i)
	}
	p.wantOut(sent{100, 0}, sent{101, 20}, sent{102, 40})
}

func TestDelayKeepsSpacingWhateverTheJitter(t *testing.T) {
	p := newPlay(t, 2*time.Second, 1500*time.Millisecond)
	p.line.start(ms(0), 7)
	for i, jitter := range []int{0, 15, 3, 39, 8} { // the fourth comes after the fifth's time
		p.at(i*20 + jitter)
		p.packet(7 + i)
	}
	p.at(5000)
	p.wantOut(sent{7, 500}, sent{8, 520}, sent{9, 540}, sent{10, 560}, sent{11, 580})
}

func TestDuplicatesAreCutAndOrderIsRestored(t *testing.T) {
	p := newPlay(t, time.Second, 0)
	p.line.start(ms(0), 1)
	p.packet(1)
	p.at(20)
	p.packet(3)
	p.at(25)
	p.packet(2)
	if v := p.packet(3); v != duplicate {
		t.Errorf("a packet that came twice is %v", v)
	}
	p.at(5000)
	got := make([]uint16, 0, 3)
	for _, s := range p.out {
		got = append(got, s.Seq)
	}
	if !slices.Equal(got, []uint16{1, 2, 3}) {
		t.Errorf("order %v", got)
	}
	if len(p.nack) != 0 {
		t.Errorf("asked for %v, which came by itself", p.nack)
	}
}

func TestGapIsAskedForAndFilledInTime(t *testing.T) {
	p := newPlay(t, time.Second, 750*time.Millisecond)
	p.line.start(ms(0), 1)
	p.packet(1)
	p.at(40)
	p.packet(3)
	p.at(65)
	if !slices.Equal(p.nack, []uint16{2}) {
		t.Fatalf("asked for %v, want 2", p.nack)
	}
	p.at(100)
	p.packet(2)
	p.at(3000)
	p.wantOut(sent{1, 250}, sent{2, 270}, sent{3, 290})
}

func TestRepairAfterItsTurnGoesOutAtOnceUntilItIsDue(t *testing.T) {
	p := newPlay(t, time.Second, 750*time.Millisecond)
	p.line.start(ms(0), 1)
	for i := range 10 {
		if i == 1 || i == 4 {
			continue
		}
		p.at(i * 20)
		p.packet(1 + i)
	}
	p.at(800) // packet 2 had its turn at 270 and is due at 1020
	if v := p.packet(2); v != accepted {
		t.Fatalf("a repair before its due time is %v", v)
	}
	p.at(1100) // packet 5 was due at 1080
	if v := p.packet(5); v == accepted {
		t.Fatal("a repair after its due time is accepted")
	}
	if !slices.Contains(p.out, sent{2, 800}) {
		t.Errorf("the repair did not go out at once: %v", p.out)
	}
}

func TestLostFirstAndLastPacketAreAskedFor(t *testing.T) {
	p := newPlay(t, time.Second, 0)
	p.line.start(ms(0), 5)
	p.at(20)
	p.packet(6)
	p.at(40)
	p.line.end(p.now, 7)
	p.at(70)
	slices.Sort(p.nack)
	if !slices.Equal(slices.Compact(p.nack), []uint16{5, 7}) {
		t.Fatalf("asked for %v, want 5 and 7", p.nack)
	}
	p.packet(5)
	p.packet(7)
	if !p.line.complete() {
		t.Error("not complete when all is there")
	}
	p.at(10_000)
	p.wantOut(sent{5, 1000}, sent{6, 1020}, sent{7, 1040})
	if p.line.free(); !p.line.drained() || p.line.bytes != 0 {
		t.Errorf("drained %v with %d bytes", p.line.drained(), p.line.bytes)
	}
}

func TestLostTailIsGivenUp(t *testing.T) {
	for _, got := range []int{0, 1} {
		p := newPlay(t, time.Second, 0)
		p.line.start(ms(0), 5)
		if got == 1 {
			p.packet(5)
		}
		p.line.end(ms(0), 9)
		p.at(20_000)
		if !p.line.complete() || !p.line.drained() {
			t.Errorf("with %d of 5 packets: complete %v, drained %v, lost %d", got, p.line.complete(), p.line.drained(), p.line.lost())
		}
		if n := int(p.line.lost()); n != 5-got {
			t.Errorf("with %d of 5 packets: %d lost", got, n)
		}
	}
}

func TestWrapOfSequenceNumbersAndTimestamps(t *testing.T) {
	p := newPlay(t, time.Second, 0)
	const first = 65530
	p.line.start(ms(0), first)
	var want []sent
	for i := range 20 {
		p.at(i * 20)
		seq := uint16(first + i)
		b := make([]byte, 92)
		binary.BigEndian.PutUint16(b, seq)
		start := ^uint32(0) - 3*960
		p.line.arrive(p.now, came(p.now, seq, start+uint32(i)*960, b))
		p.run()
		want = append(want, sent{seq, 1000 + 20*i})
	}
	p.at(3000)
	p.wantOut(want...)
}

func TestJumpShows(t *testing.T) {
	p := newPlay(t, time.Second, 0)
	if p.line.jumps(10) {
		t.Error("the first packet jumps")
	}
	p.line.start(ms(0), 10)
	p.packet(10)
	for seq, want := range map[uint16]bool{9: false, 11: false, 10 + maxJump: false, 11 + maxJump: true, 10 + 1<<15 - 1: true, 10 + 1<<15: false} {
		if got := p.line.jumps(seq); got != want {
			t.Errorf("%d after 10 jumps: %v, want %v", seq, got, want)
		}
	}
}

func TestRingKeepsNoMoreThanItsSlots(t *testing.T) {
	p := newPlay(t, time.Minute, 0)
	p.line.start(ms(0), 0)
	for i := range 3 * lineSlots {
		p.packet(i % 65536)
	}
	if n := p.line.top - p.line.base; n > lineSlots {
		t.Errorf("%d packets are kept, at most %d may be", n, lineSlots)
	}
	if p.line.bytes > lineSlots*(92+slotSize) {
		t.Errorf("%d bytes are kept", p.line.bytes)
	}
}

// Whatever the network does, each packet goes out once at most, all that came in time go out, in a room with
// delay never before their turn.
func TestEachPacketGoesOutOnce(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 100 {
		p := newPlay(t, time.Second, 500*time.Millisecond)
		first := r.IntN(65536)
		p.line.start(ms(0), uint16(first))
		n := 1 + r.IntN(200)
		type arriving struct{ i, at int }
		var net []arriving
		for i := range n {
			for range 1 + r.IntN(2) {
				net = append(net, arriving{i, i*20 + r.IntN(300)})
			}
		}
		slices.SortFunc(net, func(a, b arriving) int { return a.at - b.at })
		for _, a := range net {
			p.at(a.at)
			b := make([]byte, 92)
			binary.BigEndian.PutUint16(b, uint16(first+a.i))
			p.line.arrive(p.now, came(p.now, uint16(first+a.i), uint32(a.i)*960, b))
			p.run()
		}
		p.line.end(p.now, uint16(first+n-1))
		p.at(n*20 + 20_000)
		seen := make(map[uint16]bool)
		for _, s := range p.out {
			if seen[s.Seq] {
				t.Fatalf("packet %d went out twice", s.Seq)
			}
			seen[s.Seq] = true
		}
		if len(seen) != n {
			t.Fatalf("%d of %d packets went out", len(seen), n)
		}
		if !p.line.drained() {
			t.Fatal("not drained in the end")
		}
	}
}

func TestLineAllocatesNothingPerPacket(t *testing.T) {
	for name, delay := range map[string]time.Duration{"live": 0, "echo": time.Second} {
		p := newPlay(t, delay, 0)
		p.line.start(ms(0), 0)
		b := make([]byte, 92)
		i := 0
		step := func() {
			now := ms(i * 20)
			p.line.arrive(now, came(now, uint16(i), uint32(i)*960, b))
			for s := p.line.pop(now); s != nil; s = p.line.pop(now) {
			}
			p.line.tidy(now)
			i++
		}
		for range 1000 {
			step()
		}
		if n := testing.AllocsPerRun(1000, step); n != 0 {
			t.Errorf("%s: %v allocations a packet", name, n)
		}
	}
}

// A packet that was read a round after it came is due as if it had been read at once.
func TestLineGoesByTheArrival(t *testing.T) {
	p := newPlay(t, time.Second, 0)
	p.line.start(ms(0), 0)
	for i, at := range []int{0, 21, 39} {
		p.at(20 * (i + 1))
		p.line.arrive(p.now, came(ms(at), uint16(i), uint32(i)*960, binary.BigEndian.AppendUint16(nil, uint16(i))))
		p.run()
	}
	p.at(2000)
	p.wantOut(sent{0, 1000}, sent{1, 1020}, sent{2, 1039})
}

// A talkspurt whose timestamps run backwards has no turn in which there is nothing to do, and ends when all of it has been kept for its time.
func TestLineWithTimestampsThatRunBackwards(t *testing.T) {
	p := newPlay(t, time.Second, 0)
	p.line.start(ms(0), 0)
	p.stamped(0, 0)
	p.stamped(1, 4*48_000)
	p.stamped(2, 0)
	p.line.end(ms(0), 2)
	p.at(2_999)
	if p.line.drained() {
		t.Error("over before its time")
	}
	p.at(3_010)
	if !p.line.drained() {
		t.Error("not over when its time was")
	}
}

func FuzzLine(f *testing.F) {
	f.Add([]byte{0, 0, 1, 2, 3, 4, 200, 5, 6})
	f.Add([]byte{9, 255, 0, 128, 1, 127, 3, 3, 3, 250, 251})
	f.Fuzz(func(t *testing.T, ops []byte) {
		p := newPlay(t, 100*time.Millisecond, 75*time.Millisecond)
		seq, clock := 0, 0
		for len(ops) >= 2 {
			op, x := ops[0], int(int8(ops[1]))
			ops = ops[2:]
			switch op % 7 {
			case 0, 1:
				seq += x
				p.packet(int(uint16(seq)))
			case 2:
				p.line.start(p.now, uint16(seq+x))
			case 3:
				p.line.end(p.now, uint16(seq+x))
			case 4:
				clock += int(uint8(x))
				p.at(clock)
			case 5:
				seq += x * 257
				p.packet(int(uint16(seq)))
			case 6:
				seq++
				p.stamped(int(uint16(seq)), uint32((seq+x*20)*960))
			}
			if p.line.bytes < 0 || p.line.top-p.line.base > lineSlots {
				t.Fatalf("%d bytes, %d slots", p.line.bytes, p.line.top-p.line.base)
			}
		}
		p.line.end(p.now, uint16(seq))
		p.at(clock + 100_000)
	})
}

// A packet that was overtaken is passed on until it is due, also when it is the first, or the first after a pause.
func TestOvertakenPacketIsPassedOn(t *testing.T) {
	for _, delay := range []time.Duration{0, time.Second} {
		p := newPlay(t, delay, delay*3/4)
		p.line.start(ms(0), 0)
		p.packet(1)
		p.at(10)
		if v := p.packet(0); v != accepted {
			t.Errorf("delay %v: the first packet is %v when the second has come", delay, v)
		}
		p.at(10_000)
		at := func(n int) verdict {
			b := make([]byte, 92)
			binary.BigEndian.PutUint16(b, uint16(n))
			v := p.line.arrive(p.now, came(p.now, uint16(n), uint32(500+n)*960, b))
			p.run()
			return v
		}
		at(3)
		p.at(10_010)
		if v := at(2); v != accepted {
			t.Errorf("delay %v: a packet after a pause is %v when the next has come", delay, v)
		}
		p.at(20_000)
		if len(p.out) != 4 {
			t.Errorf("delay %v: %v", delay, p.out)
		}
	}
}

func TestPacketAfterTheEndIsLate(t *testing.T) {
	p := newPlay(t, time.Second, 0)
	p.line.start(ms(0), 1)
	p.packet(1)
	p.line.end(p.now, 1)
	if v := p.packet(2); v != late {
		t.Errorf("a packet after the last one is %v", v)
	}
}

func TestTalkspurtThatBeginsBeforeItsStartDrains(t *testing.T) {
	p := newPlay(t, time.Second, 0)
	p.line.start(ms(0), 10)
	p.packet(5)
	p.line.end(p.now, 5)
	p.at(60_000)
	if !p.line.drained() {
		t.Errorf("not drained: base %d next %d top %d, outstanding %d", p.line.base, p.line.next, p.line.top, p.line.asks.Outstanding())
	}
}

func TestFarTimestampOutOfOrderDoesNotHoldTheLine(t *testing.T) {
	p := newPlay(t, time.Second, 0)
	p.line.start(ms(0), 0)
	p.packet(0)
	p.packet(2)
	b := make([]byte, 92)
	binary.BigEndian.PutUint16(b, 1)
	p.line.arrive(p.now, came(p.now, 1, 1<<31-1, b))
	p.line.end(p.now, 2)
	p.at(20_000)
	if !p.line.drained() {
		t.Error("a packet waits for a time far ahead")
	}
}
