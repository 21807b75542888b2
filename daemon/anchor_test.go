package daemon

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"
)

func TestAnchorIsTheEarliestOfTheFirstArrivals(t *testing.T) {
	p := newPlay(t, time.Second, 0)
	p.line.start(ms(0), 1)
	p.at(18) // held up by 18 ms
	p.packet(1)
	p.at(20)
	p.packet(2)
	p.at(41)
	p.packet(3)
	p.at(5000)
	p.wantOut(sent{1, 1018}, sent{2, 1020}, sent{3, 1040})
}

// A talker whose sound card is slower or faster than the daemon's clock is heard with the same delay after ten minutes, in
// order, and without a step that could be heard, whatever the jitter.
func TestClockDriftIsFollowed(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for _, ppm := range []int{-200, 0, 200} {
		r := rand.New(rand.NewPCG(seed, 5))
		p := newPlay(t, time.Second, 0)
		p.line.start(ms(0), 0)
		const n = 10 * 60 * 50
		frame := 20*time.Millisecond + time.Duration(20*ppm)*time.Nanosecond
		var before time.Time
		arrived := epoch
		for i := range n {
			// as in a queue: what was held up does not overtake
			held := time.Duration(r.IntN(20)) * time.Millisecond
			if i == 3 { // one of those that make the anchor comes without being held up
				held = 0
			}
			arrived = latest(arrived, epoch.Add(time.Duration(i)*frame+held))
			p.now = arrived
			p.packet(i % 65536)
			p.out = p.out[:0]
			due := p.line.at(p.line.top - 1).due
			if off := due.Sub(epoch.Add(time.Duration(i)*frame + time.Second)); i > 100 && (off < -3*time.Millisecond || off > 6*time.Millisecond) {
				t.Fatalf("%d ppm: packet %d has a delay that is off by %v", ppm, i, off)
			}
			if gap := due.Sub(before); i > 100 && (gap < 18900*time.Microsecond || gap > 21100*time.Microsecond) {
				t.Fatalf("%d ppm: packet %d is due %v after the one before", ppm, i, gap)
			}
			before = due
		}
	}
}

// A repair that comes after its packet's turn changes nothing for those that follow, and never goes out after it was due.
func TestRepairNeverGoesOutLate(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 6))
	for range 200 {
		p := newPlay(t, time.Second, 750*time.Millisecond)
		p.line.start(ms(0), 0)
		late := r.IntN(1500)
		p.packet(0)
		repaired := false
		for i := 2; i < 100; i++ {
			if at := 20 + late; !repaired && at <= i*20 {
				p.at(at)
				if v := p.packet(1); (v == accepted) != (at <= 1020) {
					t.Fatalf("a packet that is due at 1020 ms and comes at %d is %v", at, v)
				}
				repaired = true
			}
			p.at(i * 20)
			p.packet(i)
		}
		p.at(10_000)
		for _, s := range p.out {
			switch turn := 250 + 20*int(s.Seq); {
			case s.Seq != 1 && s.At != turn, s.Seq == 1 && s.At != max(turn, 20+late):
				t.Fatalf("with a repair %d ms late packet %d went out at %d ms, its turn was %d", late, s.Seq, s.At, turn)
			}
		}
	}
}

func TestTimestampAstrayDoesNotHoldThePacketBack(t *testing.T) {
	p := newPlay(t, time.Second, 0)
	p.line.start(ms(0), 1)
	p.packet(1)
	p.at(20)
	b := make([]byte, 92)
	binary.BigEndian.PutUint16(b, 2)
	p.line.arrive(p.now, came(p.now, 2, 1<<30, b)) // six hours ahead
	p.at(5000)
	p.wantOut(sent{1, 1000}, sent{2, 1020})
}
