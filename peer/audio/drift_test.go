package audio

import (
	"fmt"
	"math"
	"testing"
	"time"
)

const toneAmplitude = 0.3

// tone is a sine by its samples.
func tone(hz float64) func(i int) int16 {
	return func(i int) int16 {
		return int16(math.Round(toneAmplitude * 32767 * math.Sin(2*math.Pi*hz*float64(i)/SampleRate)))
	}
}

// wantNoStep checks that a tone is never bent more than a tone can be: in a repeated or shortened period, twice as much.
func (d *desk) wantNoStep(hz float64, from, to int) {
	d.t.Helper()
	w := 2 * math.Pi * hz / SampleRate
	most := 2*toneAmplitude*32767*w*w + 4
	for i := from + 1; i < to-1; i++ {
		if bend := math.Abs(float64(d.out[i-1]) - 2*float64(d.out[i]) + float64(d.out[i+1])); bend > most {
			d.t.Fatalf("at %d the sound is bent by %.0f, at most %.0f: %v", i, bend, most, d.out[i-2:i+3])
		}
	}
}

// In ten minutes the talker's clock is off by up to 300 ms. What is heard stays within 10 ms of what was heard first, without a step.
func TestDriftIsMetByResampling(t *testing.T) {
	for _, ppm := range []float64{200, -200, 500, -500} {
		t.Run(fmt.Sprintf("%v ppm", ppm), func(t *testing.T) {
			driftFor(newDesk(t, 60*time.Millisecond), drifting{ppm: ppm, seconds: 600 / slowdown, delay: 0.060})
		})
		t.Run(fmt.Sprintf("adaptive, %v ppm", ppm), func(t *testing.T) {
			driftFor(adaptiveDesk(t), drifting{ppm: ppm, seconds: max(60/slowdown, 20), delay: 0.050})
		})
	}
}

// drifting is a tone from a clock that is off, and how much later it is heard.
type drifting struct {
	ppm     float64
	seconds int
	delay   float64
}

// driftFor plays a tone for a time and measures its delay by its phase.
func driftFor(d *desk, c drifting) {
	const hz, dur, block = 50.0, 480, 960 // the phase tells the delay within 10 ms of what it should be
	d.t.Helper()
	period := sine(SampleRate/hz, hz, SampleRate, toneAmplitude)
	v := talker{ssrc: 1, dur: dur, sample: func(i int) int16 { return period[i%len(period)] }}
	clock := 1 + c.ppm/1e6
	least, most := math.Inf(1), math.Inf(-1)
	for k := range c.seconds * SampleRate / dur {
		d.run(v, 960, []parcel{{at: int64(math.Round(float64(k*dur) * clock)), k: k}})
		if k%100 != 99 || k < 200 {
			continue
		}
		from := len(d.out) - 2*block
		heard := float64(from) / SampleRate
		_, phase := toneRatio(d.out[from:from+block], hz)
		off := math.Remainder((heard-c.delay)/clock-phase/(2*math.Pi*hz), 1/hz)
		least, most = min(least, off), max(most, off)
	}
	d.t.Logf("the delay is off by %.1f to %.1f ms", 1000*least, 1000*most)
	if least < -0.0085 || most > 0.0085 { // it could not be told from its opposite if it were 10
		d.t.Errorf("the delay is off by %.1f to %.1f ms", 1000*least, 1000*most)
	}
	d.wantNoStep(hz, SampleRate, len(d.out))
	if st, _ := d.Stats(1); st.Lost != 0 || st.Late != 0 {
		d.t.Errorf("%+v", st)
	}
}

func TestDriftAllocatesNothing(t *testing.T) {
	d := newDesk(t, 60*time.Millisecond)
	v := talker{ssrc: 1, dur: 480, sample: tone(440)}
	pkt, k, frame := v.packet(0), 0, make([]int16, 480)
	step := func() {
		pkt.Seq, pkt.Timestamp = uint16(k), uint32(480*k)
		if err := d.Push(int64(480*k)+int64(480*k/2000), pkt); err != nil {
			t.Fatal(err)
		}
		d.Pull(d.Next(), frame)
		k++
	}
	for range 3000 {
		step()
	}
	if !d.find(1).speed.on {
		t.Fatal("the drift is not met")
	}
	if allocs := testing.AllocsPerRun(500, step); allocs != 0 {
		t.Errorf("%v allocations a frame", allocs)
	}
}
