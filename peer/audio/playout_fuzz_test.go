package audio

import (
	"encoding/binary"
	"testing"
	"time"
)

// op is one operation on a Playout, eight bytes: kind and SSRC, payload type and length, sequence number, timestamp or time.
func op(b []byte, p *Playout, at *int64, heard map[uint32]int, t *testing.T) {
	ssrc := uint32(b[0] >> 4)
	types := [4]uint8{PayloadL16, PayloadOpus, PayloadPCMU, PayloadPCMA}
	seq := binary.LittleEndian.Uint16(b[2:])
	switch value := binary.LittleEndian.Uint32(b[4:]); b[0] & 7 {
	case 0:
		_ = p.Start(ssrc, Stream{PayloadType: types[b[1]&3], FirstSeq: &seq})
	case 1:
		p.End(ssrc, seq)
	case 2:
		frame := make([]int16, seq%2000)
		for _, e := range p.Pull(p.Next()+int64(value%5000)-100, frame) {
			checkEvent(t, e, heard)
		}
		*at = max(*at, p.Next())
	case 3:
		*at += int64(value % 100_000)
	default:
		payload := make([]byte, b[1]>>2)
		for i := range payload {
			payload[i] = byte(value>>8) + byte(i*7)
		}
		_ = p.Push(*at, Packet{SSRC: ssrc, Seq: seq, Timestamp: value, PayloadType: types[b[1]&3], Payload: payload, Redundant: value&1 != 0})
	}
}

// checkEvent holds that talks begin and end in turn, and that a talk is not shorter than nothing.
func checkEvent(t *testing.T, e Event, heard map[uint32]int) {
	t.Helper()
	switch {
	case e.Kind == TalkStarted && heard[e.SSRC] == 0:
		heard[e.SSRC] = 1
	case e.Kind == TalkMissed && heard[e.SSRC] == 0 && e.Stats.Played == 0:
	case e.Kind == TalkEnded && heard[e.SSRC] == 1 && e.Samples >= 0 && e.Stats.Lost >= 0 && e.Stats.Received >= e.Stats.Played:
		heard[e.SSRC] = 0
	default:
		t.Fatalf("unexpected: %+v", e)
	}
}

// checkStreams holds what must be true of the streams at any time.
func checkStreams(t *testing.T, p *Playout) {
	t.Helper()
	for _, s := range p.streams {
		held := 0
		for i := range s.ring.slots {
			if s.ring.slots[i].pkt != nil {
				held++
			}
		}
		if held != s.ring.count {
			t.Fatalf("%d packets are held, counted are %d", held, s.ring.count)
		}
		if s.state == playing && s.anchor+s.playTS != p.next+int64(len(s.line.next())) {
			t.Fatalf("what is decoded ends at %d, on the timeline at %d", s.anchor+s.playTS, p.next+int64(len(s.line.next())))
		}
	}
}

func FuzzPlayout(f *testing.F) {
	word := func(kind, ssrc, length, codec byte, seq uint16, value uint32) []byte {
		b := []byte{kind | ssrc<<4, length<<2 | codec}
		b = binary.LittleEndian.AppendUint16(b, seq)
		return binary.LittleEndian.AppendUint32(b, value)
	}
	join := func(words ...[]byte) (all []byte) {
		for _, w := range words {
			all = append(all, w...)
		}
		return all
	}
	f.Add(uint8(0), join(word(4, 1, 20, 0, 5, 0), word(4, 1, 20, 0, 6, 10), word(2, 0, 0, 0, 900, 100), word(1, 1, 0, 0, 6, 0), word(2, 0, 0, 0, 1999, 100)))
	f.Add(uint8(60), join(word(0, 1, 0, 1, 9, 0), word(4, 1, 30, 1, 11, 960), word(3, 0, 0, 0, 0, 4800), word(4, 1, 30, 1, 10, 0), word(2, 0, 0, 0, 1900, 4000), word(1, 1, 0, 0, 12, 0)))
	f.Add(uint8(20), join(word(4, 2, 20, 2, 65535, 1<<31), word(4, 2, 20, 2, 0, 1<<31+160), word(2, 0, 0, 0, 1000, 2000), word(4, 2, 20, 2, 1, 7)))
	f.Add(uint8(5), join(word(4, 3, 10, 3, 1, 0), word(2, 0, 0, 0, 1000, 100), word(4, 3, 10, 3, 40000, 0), word(4, 3, 10, 3, 600, 9), word(2, 0, 0, 0, 1000, 100)))
	f.Add(uint8(255), join(word(4, 1, 20, 0, 5, 0), word(2, 0, 0, 0, 1900, 4000), word(3, 0, 0, 0, 0, 9000), word(4, 1, 20, 0, 6, 10), word(2, 0, 0, 0, 1900, 100), word(4, 1, 20, 0, 7, 21)))
	f.Fuzz(func(t *testing.T, lead uint8, ops []byte) {
		p := NewPlayout(PlayoutConfig{Lead: time.Duration(lead) * time.Millisecond})
		if lead == 255 {
			p.SetAdaptive()
		}
		at, heard := int64(0), map[uint32]int{}
		for n := 0; len(ops) >= 8 && n < 300; n++ {
			op(ops[:8], p, &at, heard, t)
			ops = ops[8:]
			checkStreams(t, p)
		}
	})
}
