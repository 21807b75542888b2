package daemon

import (
	"math/rand/v2"
	"testing"
	"time"
)

// A talker's clock may do what it wants: no packet is held longer than the room's delay and maxAstray after it came, and no more go out at once than
// the shortest frames would be.
func TestLineWithAClockThatJumps(t *testing.T) {
	const frame, packets = 20, 3000
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for name, clock := range map[string]func(i int) uint32{
		"frozen":             func(int) uint32 { return 7 },
		"slow":               func(i int) uint32 { return uint32(i) },
		"ten times as fast":  func(i int) uint32 { return uint32(i) * 9600 },
		"backward":           func(i int) uint32 { return uint32(-i) * 960 },
		"forward once":       func(i int) uint32 { return uint32(i)*960 + uint32(i/1500)<<30 },
		"backward once":      func(i int) uint32 { return uint32(i)*960 - uint32(i/1500)*48_000*60 },
		"half a turn a time": func(i int) uint32 { return uint32(i) << 31 },
		"4.9 s to and fro":   func(i int) uint32 { return uint32(i)*960 + uint32(i/10%2)*49*4800 },
		"4.9 s at each":      func(i int) uint32 { return uint32(i) * 49 * 4800 },
		"random":             func(int) uint32 { return random.Uint32() },
		"random, up to 9 s":  func(int) uint32 { return random.Uint32N(9 * 48_000) },
	} {
		for _, delay := range []time.Duration{0, time.Second, 20 * time.Second} {
			t.Run(name+" "+delay.String(), func(t *testing.T) {
				p := newPlay(t, delay, delay*3/4)
				p.line.start(ms(0), 0)
				late := 0
				for i := range packets {
					p.at(i * frame)
					if p.stamped(i, clock(i)) != accepted {
						late++
					}
				}
				p.line.end(p.now, packets-1)
				p.at(packets*frame + int((delay + 20*time.Second).Milliseconds()))
				if !p.line.drained() {
					t.Error("not drained")
				}
				if len(p.out) != packets || late != 0 {
					t.Errorf("%d of %d packets went out, %d were late", len(p.out), packets, late)
				}
				most := int((delay + maxAstray).Milliseconds())
				for i, s := range p.out {
					if held := s.At - int(s.Seq)*frame; held < 0 || held > most {
						t.Fatalf("packet %d was held for %d ms, at most %d", s.Seq, held, most)
					}
					if j := i - 50; j >= 0 && s.At-p.out[j].At < 49*5/2 {
						t.Fatalf("51 packets went out in %d ms", s.At-p.out[j].At)
					}
				}
			})
		}
	}
}
