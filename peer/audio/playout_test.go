package audio

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const ms = SampleRate / 1000

// desk is a Playout with what was pulled from it. Packets are 10 ms of L16 whose samples tell SSRC and position: see voice.
type desk struct {
	*Playout
	t      *testing.T
	out    []int16 // from position 0
	events []Event
}

func newDesk(t *testing.T, lead time.Duration) *desk {
	return &desk{Playout: NewPlayout(PlayoutConfig{Lead: lead}), t: t}
}

// voice is sample i of a talk: noise, never the same.
func voice(ssrc uint32, i int) int16 {
	x := uint32(i)*2654435761 ^ ssrc*40503
	x ^= x >> 15
	x *= 2246822519
	return int16(x>>16)/8 | 1
}

// speak pushes packet k of a talk whose first packet has sequence number seq0 and timestamp ts0.
func (d *desk) speak(at int64, ssrc uint32, k int, seq0 uint16, ts0 uint32) {
	d.t.Helper()
	frame := make([]int16, 480)
	for i := range frame {
		frame[i] = voice(ssrc, 480*k+i)
	}
	payload := encodeAll(d.t, L16, frame)[0]
	err := d.Push(at, Packet{SSRC: ssrc, Seq: seq0 + uint16(k), Timestamp: ts0 + uint32(480*k), PayloadType: PayloadL16, Payload: payload})
	if err != nil {
		d.t.Fatal(err)
	}
}

// pullTo pulls up to a position in frames of 10 ms.
func (d *desk) pullTo(pos int) {
	for len(d.out) < pos {
		frame := make([]int16, min(480, pos-len(d.out)))
		d.events = append(d.events, d.Pull(int64(len(d.out)), frame)...)
		d.out = append(d.out, frame...)
	}
}

// wantVoice checks that samples from … to of a talk are heard, bit by bit, when its sample 0 is at pos.
func (d *desk) wantVoice(ssrc uint32, pos, from, to int) {
	d.t.Helper()
	for i := from; i < to; i++ {
		if d.out[pos+i] != voice(ssrc, i) {
			d.t.Fatalf("sample %d of talk %d, at %d, is %d, want %d", i, ssrc, pos+i, d.out[pos+i], voice(ssrc, i))
		}
	}
}

// wantSilence checks positions from … to.
func (d *desk) wantSilence(from, to int) {
	d.t.Helper()
	if i := slices.IndexFunc(d.out[from:to], func(v int16) bool { return v != 0 }); i >= 0 {
		d.t.Fatalf("position %d is not silent", from+i)
	}
}

func (d *desk) wantEvents(want ...Event) {
	d.t.Helper()
	if diff := cmp.Diff(want, d.events); diff != "" {
		d.t.Error(diff)
	}
}

func (d *desk) wantStats(ssrc uint32, want Stats) {
	d.t.Helper()
	got, _ := d.Stats(ssrc)
	if diff := cmp.Diff(want, got); diff != "" {
		d.t.Error(diff)
	}
}

func TestATalkIsPlayedAtItsPlaceBitByBit(t *testing.T) {
	for name, c := range map[string]struct {
		seq0 uint16
		ts0  uint32
		late func(k int) int64 // of packet k, after 10 ms × k
	}{
		"smooth":                {100, 4711, func(int) int64 { return 0 }},
		"sequence number wraps": {65530, 4711, func(int) int64 { return 0 }},
		"timestamp wraps":       {0, 1<<32 - 4800, func(int) int64 { return 0 }},
		"both wrap":             {65533, 1<<32 - 4700, func(int) int64 { return 0 }},
		"jitter":                {7, 7, func(k int) int64 { return int64(k * 31 % 50 * ms) }},
		"the quickest is third": {7, 7, func(k int) int64 { return int64(max(20-10*k, 0) * ms) }},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, 60*time.Millisecond)
			first := c.seq0
			if err := d.Start(1, Stream{PayloadType: PayloadL16, FirstSeq: &first}); err != nil {
				t.Fatal(err)
			}
			type due struct {
				at int64
				k  int
			}
			var packets []due
			for k := range 50 {
				packets = append(packets, due{4800 + int64(480*k) + c.late(k), k})
			}
			slices.SortStableFunc(packets, func(a, b due) int { return int(a.at - b.at) })
			for _, p := range packets {
				d.pullTo(int(p.at) / 480 * 480)
				d.speak(p.at, 1, p.k, c.seq0, c.ts0)
			}
			d.End(1, c.seq0+49)
			d.pullTo(60 * 480 * 2)
			start := 4800 + 60*ms
			d.wantSilence(0, start)
			d.wantVoice(1, start, 0, 50*480)
			d.wantSilence(start+50*480, len(d.out))
			d.wantEvents(
				Event{Kind: TalkStarted, SSRC: 1, At: int64(start), Depth: 60 * time.Millisecond},
				Event{Kind: TalkEnded, SSRC: 1, At: int64(start + 50*480), Samples: 50 * 480, Depth: 60 * time.Millisecond, Stats: Stats{Received: 50, Played: 50}},
			)
		})
	}
}

func TestALostPacketIsConcealedAndMovesNothing(t *testing.T) {
	d := newDesk(t, 60*time.Millisecond)
	for k := range 30 {
		if k != 10 && k != 20 && k != 21 {
			d.speak(int64(480*k), 1, k, 5, 0)
		}
		d.pullTo(480 * k)
	}
	d.End(1, 5+29)
	d.pullTo(48000)
	start := 60 * ms
	d.wantVoice(1, start, 0, 10*480)
	d.wantVoice(1, start, 11*480+rejoin, 20*480)
	d.wantVoice(1, start, 22*480+rejoin, 30*480)
	if Level(d.out[start+10*480:start+11*480]) < -30 {
		t.Error("the lost packet is silence")
	}
	d.wantStats(1, Stats{Received: 27, Played: 27, Lost: 3})
}

func TestARepairedPacketIsPlayedAndALateOneIsNot(t *testing.T) {
	d := newDesk(t, 60*time.Millisecond)
	for k := range 30 {
		d.pullTo(480 * k)
		if k != 10 && k != 20 {
			d.speak(int64(480*k), 1, k, 0, 0)
		}
		switch k {
		case 15: // 10 is due at 16 × 480: just in time
			d.speak(int64(480*k), 1, 10, 0, 0)
			d.speak(int64(480*k), 1, 10, 0, 0)
		case 28: // 20 was due at 26 × 480
			d.speak(int64(480*k), 1, 20, 0, 0)
			d.speak(int64(480*k), 1, 20, 0, 0)
			d.speak(int64(480*k), 1, 27, 0, 0)
		}
	}
	d.End(1, 29)
	d.pullTo(48000)
	d.wantVoice(1, 60*ms, 0, 20*480)
	d.wantVoice(1, 60*ms, 21*480+rejoin, 30*480)
	d.wantStats(1, Stats{Received: 30, Played: 29, Lost: 1, Late: 1, Duplicates: 3})
}

func TestAPacketWhoseTimeHasPartlyPassedIsPlayedFromThere(t *testing.T) {
	d := newDesk(t, 60*time.Millisecond)
	push := func(seq uint16, from, to int) {
		t.Helper()
		var payload []byte
		for i := from; i < to; i++ {
			payload = binary.BigEndian.AppendUint16(payload, uint16(voice(1, i)))
		}
		if err := d.Push(int64(from), Packet{SSRC: 1, Seq: seq, Timestamp: uint32(from), PayloadType: PayloadL16, Payload: payload}); err != nil {
			t.Fatal(err)
		}
	}
	push(0, 0, 600)
	d.pullTo(60*ms + 700) // packet 1, of 300 samples, is lost; 600 are concealed, as long as packet 0 was
	push(2, 900, 1500)
	push(3, 1000, 1100) // overlaps with packet 2: nothing is left of it
	push(4, 1500, 2000)
	d.End(1, 4)
	d.pullTo(48000)
	d.wantVoice(1, 60*ms, 0, 600)
	d.wantVoice(1, 60*ms, 1200, 2000)
	d.wantStats(1, Stats{Received: 4, Played: 3, Lost: 2, Late: 1})
}

func TestALostFirstPacketKeepsItsPlace(t *testing.T) {
	for name, repaired := range map[string]bool{"repaired": true, "lost": false} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, 60*time.Millisecond)
			first := uint16(65535)
			if err := d.Start(9, Stream{PayloadType: PayloadL16, FirstSeq: &first}); err != nil {
				t.Fatal(err)
			}
			for k := 2; k < 20; k++ { // 0 and 1 are lost
				d.pullTo(480 * k)
				d.speak(int64(480*k), 9, k, first, 0)
				if k == 5 && repaired {
					d.speak(int64(480*k), 9, 0, first, 0)
					d.speak(int64(480*k), 9, 1, first, 0)
				}
			}
			d.End(9, first+19)
			d.pullTo(48000)
			if repaired {
				d.wantVoice(9, 60*ms, 0, 20*480)
				d.wantStats(9, Stats{Received: 20, Played: 20})
				return
			}
			d.wantSilence(0, 60*ms+2*480)
			d.wantVoice(9, 60*ms, 2*480+rejoin, 20*480)
			d.wantStats(9, Stats{Received: 18, Played: 18, Lost: 2})
			if d.events[0].At != int64(60*ms+2*480) || d.events[1].Samples != 18*480 {
				t.Errorf("%+v", d.events)
			}
		})
	}
}

func TestALostLastPacketIsPartOfTheTalk(t *testing.T) {
	d := newDesk(t, 60*time.Millisecond)
	for k := range 18 {
		d.speak(int64(480*k), 1, k, 0, 0)
	}
	d.End(1, 19)
	d.pullTo(48000)
	d.wantVoice(1, 60*ms, 0, 18*480)
	end := 60*ms + 20*480
	if Level(d.out[60*ms+18*480:end]) < -30 {
		t.Error("the lost packets are silence")
	}
	d.wantSilence(end, 48000)
	d.wantEvents(
		Event{Kind: TalkStarted, SSRC: 1, At: 60 * ms, Depth: 60 * time.Millisecond},
		Event{Kind: TalkEnded, SSRC: 1, At: int64(end), Samples: 20 * 480, Depth: 60 * time.Millisecond, Stats: Stats{Received: 18, Played: 18, Lost: 2}},
	)
}

func TestWhoJoinsInMidTalkHearsTheRest(t *testing.T) {
	d := newDesk(t, 60*time.Millisecond)
	first := uint16(0)
	if err := d.Start(1, Stream{PayloadType: PayloadL16, FirstSeq: &first}); err != nil {
		t.Fatal(err)
	}
	for k := 1000; k < 1020; k++ {
		d.speak(int64(480*(k-1000)), 1, k, 0, 0)
	}
	d.End(1, 1019)
	d.pullTo(48000)
	d.wantVoice(1, 60*ms-1000*480, 1000*480, 1020*480)
	d.wantStats(1, Stats{Received: 20, Played: 20})
}

func TestPullAllocatesNothing(t *testing.T) {
	for _, c := range Available() {
		p := NewPlayout(PlayoutConfig{Lead: 60 * time.Millisecond})
		payloads := encodeAll(t, c, sine(c.FrameSamples, 440, 48000, 0.1))
		frame := make([]int16, c.FrameSamples)
		k := 0
		step := func() {
			for ssrc := range uint32(10) {
				if k%10 == int(ssrc) { // now and then one is lost
					continue
				}
				at := int64(k * c.FrameSamples)
				pkt := Packet{SSRC: ssrc, Seq: uint16(k), Timestamp: uint32(k * c.FrameSamples), PayloadType: c.PayloadType, Payload: payloads[0]}
				if err := p.Push(at, pkt); err != nil {
					t.Fatal(err)
				}
			}
			p.Pull(p.Next(), frame)
			k++
		}
		for range 100 {
			step()
		}
		if allocs := testing.AllocsPerRun(200, step); allocs != 0 {
			t.Errorf("%s: %v allocations a frame", c.Name, allocs)
		}
	}
}

func TestRandomNetworks(t *testing.T) {
	for seed := range uint64(6) {
		t.Logf("seed %d", seed)
		rng := rand.New(rand.NewPCG(seed, 1))
		d := newDesk(t, 200*time.Millisecond)
		type due struct {
			at int64
			k  int
		}
		var packets []due
		lost := map[int]bool{}
		for k := range 300 {
			for range 1 + rng.IntN(2) { // some twice
				packets = append(packets, due{int64(480*k + rng.IntN(150*ms)), k})
			}
			if k > 20 && k < 299 && rng.IntN(10) == 0 {
				lost[k] = true
			}
		}
		packets[0].at = 0
		slices.SortStableFunc(packets, func(a, b due) int { return int(a.at - b.at) })
		for _, p := range packets {
			if lost[p.k] {
				continue
			}
			d.pullTo(int(p.at) / 480 * 480)
			d.speak(p.at, 1, p.k, 65300, 1<<32-480*50)
		}
		seq0 := uint16(65300)
		d.End(1, seq0+299)
		d.pullTo(300*480 + 48000)
		for k := range 300 {
			if !lost[k] {
				from := k * 480
				if lost[k-1] {
					from += rejoin
				}
				d.wantVoice(1, 200*ms, from, (k+1)*480)
			}
		}
		if s, _ := d.Stats(1); s.Lost != len(lost) || s.Late != 0 {
			t.Errorf("%d were lost: %+v", len(lost), s)
		}
	}
}

func BenchmarkPull50Voices(b *testing.B) {
	c := Available()[0]
	p := NewPlayout(PlayoutConfig{Lead: 60 * time.Millisecond})
	payload := encodeAll(b, c, sine(c.FrameSamples, 440, 48000, 0.1))[0]
	frame := make([]int16, c.FrameSamples)
	for k := 0; b.Loop(); k++ {
		for ssrc := range uint32(50) {
			pkt := Packet{SSRC: ssrc, Seq: uint16(k), Timestamp: uint32(k * c.FrameSamples), PayloadType: c.PayloadType, Payload: payload}
			if err := p.Push(int64(k*c.FrameSamples), pkt); err != nil {
				b.Fatal(err)
			}
		}
		p.Pull(p.Next(), frame)
	}
}
