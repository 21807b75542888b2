package audio

import (
	"cmp"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// parcel is packet k of a talk on its way, or a copy of it.
type parcel struct {
	at   int64
	k    int
	copy bool
}

// talker is a talk whose packets are dur samples of L16 at most 600 long; its sound is given by sample. Its clock is off by ppm.
type talker struct {
	ssrc   uint32
	dur    int
	sample func(i int) int16
}

// way20 is the talk of a simulated network: packets of 20 ms of PCMU noise that breaks off for a fifth of each second.
func way20() talker { return talker{ssrc: 1, dur: 960} }

func (v talker) packet(k int) Packet {
	pkt := Packet{SSRC: v.ssrc, Seq: uint16(k), Timestamp: uint32(k * v.dur), PayloadType: PayloadL16}
	if v.sample == nil {
		pkt.PayloadType, pkt.Timestamp = PayloadPCMU, uint32(k*v.dur/g711Upsampling)
		pkt.Payload = make([]byte, v.dur/g711Upsampling)
		for i := range pkt.Payload {
			pkt.Payload[i] = 0xff
			if k%50 < 40 {
				pkt.Payload[i] = byte(voice(v.ssrc, k*v.dur+i)) & 0xbf
			}
		}
		return pkt
	}
	for i := range v.dur {
		pkt.Payload = binary.BigEndian.AppendUint16(pkt.Payload, uint16(v.sample(k*v.dur+i)))
	}
	return pkt
}

// run pushes parcels in the order in which they come. The reader takes frames at their end, so that it never is before the clock.
func (d *desk) run(v talker, frame int, parcels []parcel) {
	d.t.Helper()
	slices.SortStableFunc(parcels, func(a, b parcel) int { return cmp.Compare(a.at, b.at) })
	for _, c := range parcels {
		d.pullFrames(int(c.at), frame)
		pkt := v.packet(c.k)
		pkt.Redundant = c.copy
		if err := d.Push(c.at, pkt); err != nil {
			d.t.Fatal(err)
		}
	}
}

// pullFrames takes all frames that have ended.
func (d *desk) pullFrames(now, frame int) {
	for len(d.out)+frame <= now {
		at := len(d.out)
		d.out = append(d.out, make([]int16, frame)...)
		d.events = append(d.events, d.Pull(int64(at), d.out[at:])...)
	}
}

// adaptiveDesk is a desk of a live room.
func adaptiveDesk(t *testing.T) *desk {
	d := newDesk(t, 0)
	d.SetAdaptive()
	return d
}

// jittered are n packets that take 0 … jitter longer on each of two hops.
func jittered(rng *rand.Rand, v talker, from, n int, jitter time.Duration) (all []parcel) {
	j := int64(jitter * SampleRate / time.Second)
	for k := from; k < from+n; k++ {
		all = append(all, parcel{at: int64(k*v.dur) + rng.Int64N(j+1) + rng.Int64N(j+1), k: k})
	}
	return all
}

func seeded(t *testing.T, seed uint64) *rand.Rand {
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 2))
}
