package audio

import (
	"syscall"
	"testing"
	"time"
)

// BenchmarkMix plays voices for 20 ms of real time an operation; it tells the share of a core that this takes, by the time of the process.
func BenchmarkMix(b *testing.B) {
	for name, c := range map[string]struct {
		codec  Codec
		voices int
		ppm    int64
	}{
		"1 opus":            {Available()[0], 1, 0},
		"20 opus, drifting": {Available()[0], 20, 200},
		"50 opus":           {Available()[0], 50, 0},
		"50 opus, drifting": {Available()[0], 50, 200},
		"50 L16":            {L16, 50, 0},
		"1 opus, drifting":  {Available()[0], 1, 200},
	} {
		b.Run(name, func(b *testing.B) {
			p := NewPlayout(PlayoutConfig{Lead: 60 * time.Millisecond})
			n := c.codec.FrameSamples
			payloads := encodeAll(b, c.codec, speech(b)[:n*50])
			frame := make([]int16, 960)
			k := int64(0)
			step := func() {
				for ; k*int64(n) < p.Next()+960; k++ {
					for ssrc := range uint32(c.voices) {
						at := k*int64(n) + k*int64(n)*c.ppm/1e6
						pkt := Packet{SSRC: ssrc, Seq: uint16(k), Timestamp: uint32(k) * uint32(n), PayloadType: c.codec.PayloadType, Payload: payloads[(int(k)+int(ssrc))%len(payloads)]}
						if err := p.Push(at, pkt); err != nil {
							b.Fatal(err)
						}
					}
				}
				p.Pull(p.Next(), frame)
			}
			for range 25 * 60 { // half a minute: the drift is met
				step()
			}
			before := cpuTime(b)
			for b.Loop() {
				step()
			}
			b.ReportMetric(100*(cpuTime(b)-before).Seconds()/(0.02*float64(b.N)), "%core")
		})
	}
}

// cpuTime is what the process has used.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
