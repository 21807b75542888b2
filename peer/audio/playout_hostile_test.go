package audio

import "testing"

// Opus packets of 120 ms whose timestamps crawl are not decoded for a sample each: of a second of sound there are four times as many decoded as it
// takes, however many come.
func TestTimestampsThatCrawlCostNothing(t *testing.T) {
	for _, p := range []*Playout{NewPlayout(PlayoutConfig{}), adaptiveDesk(t).Playout} {
		crawl(t, p)
	}
}

func crawl(t *testing.T, p *Playout) {
	t.Helper()
	const second, perPull = SampleRate, 480
	payload := []byte{1<<3 | 3, 6, 0, 0, 0, 0, 0, 0} // six frames of 20 ms: TOC, count, sound
	n, err := PacketSamples(PayloadOpus, payload)
	if err != nil || n != 120*ms {
		t.Fatal(n, err)
	}
	seq, decoded := 0, 0
	for at := int64(0); at < second; at += perPull {
		for range 200 {
			if err := p.Push(at, Packet{SSRC: 1, Seq: uint16(seq), Timestamp: uint32(seq), PayloadType: PayloadOpus, Payload: payload}); err != nil {
				t.Fatal(err)
			}
			seq++
		}
		p.Pull(at, make([]int16, perPull))
		s, _ := p.Stats(1)
		decoded = s.Played + s.Malformed
	}
	if most := 4*second/n + 1; decoded == 0 || decoded > most {
		t.Errorf("%d packets decoded, at most %d", decoded, most)
	}
}

// Timestamps, sequence numbers and arrivals of any size, in all codecs: what is held is bounded, and each pull ends.
func TestAbsurdPacketsAreBounded(t *testing.T) {
	p := NewPlayout(PlayoutConfig{Lead: maxOpusFrame})
	codecs := []uint8{PayloadL16, PayloadOpus, PayloadPCMU, PayloadPCMA}
	payloads := [][]byte{make([]byte, 1), make([]byte, 2), {1<<3 | 3, 63}, make([]byte, MaxPayload), {0xff, 0xff, 0xff}}
	at, dst := int64(0), make([]int16, 480)
	for i := range 20_000 {
		x := uint32(i) * 2654435761
		_ = p.Push(at+int64(x%7)*SampleRate, Packet{
			SSRC: x % 100, Seq: uint16(x >> 3), Timestamp: x * x, PayloadType: codecs[x>>5%4], Payload: payloads[x>>9%5],
		})
		p.End(x%100, uint16(x>>7))
		if i%100 == 0 {
			p.Pull(at, dst)
			at += int64(len(dst))
		}
	}
	held := 0
	for _, s := range p.streams {
		held += s.ring.count
	}
	if len(p.streams) > MaxAnnounced+MaxStreams+maxRemembered || held > MaxStreams*ringSize {
		t.Errorf("%d streams, %d packets", len(p.streams), held)
	}
}
