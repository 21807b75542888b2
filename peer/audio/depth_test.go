package audio

import (
	"testing"
	"time"
)

// ±10 ms on each of two hops.
func TestTheDepthCoversTheJitterAndNoMore(t *testing.T) {
	const seeds uint64 = max(5/slowdown, 1)
	for seed := range seeds {
		d, v := adaptiveDesk(t), way20()
		all := jittered(seeded(t, seed), v, 0, 1500, 20*time.Millisecond)
		d.run(v, 960, all[:200])
		first, _ := d.Stats(1)
		least, most := time.Hour, time.Duration(0)
		for from := 200; from < 1500; from += 50 {
			d.run(v, 960, all[from:from+50])
			s := d.find(1)
			least, most = min(least, d.Depth(1)), max(most, d.Depth(1))
			if depth := d.Depth(1); depth < minDepth/ms*time.Millisecond-2*time.Millisecond || depth > 70*time.Millisecond {
				t.Errorf("%d: a depth of %v", from, depth)
			}
			// The quickest packets arrive at once, and the codec takes 6.5 ms.
			if ear := samplesTime(s.anchor) + 6500*time.Microsecond; ear > 80*time.Millisecond {
				t.Errorf("%d: %v from mouth to ear", from, ear)
			}
		}
		t.Logf("a depth of %v to %v; %d packets lost, in the first 4 s", least, most, first.Lost)
		if st, _ := d.Stats(1); st.Lost != first.Lost || st.Late != first.Late || first.Lost > 5 {
			t.Errorf("after 4 s %+v, after 30 s %+v", first, st)
		}
	}
}

// For a minute with a clock that is off and ±5 ms of jitter on two hops, in packets of 20 and 60 ms.
func TestTheDepthHoldsWhenClocksDrift(t *testing.T) {
	for _, dur := range []int{20 * ms, 60 * ms} {
		for _, ppm := range []int64{300, -300} {
			d, v := adaptiveDesk(t), way20()
			v.dur = dur
			all := jittered(seeded(t, uint64(dur)), v, 0, max(60/slowdown, 10)*SampleRate/dur, 10*time.Millisecond)
			for i := range all {
				all[i].at += all[i].at / 1000 * ppm / 1000
			}
			for len(all) > 0 {
				n := min(len(all), 5*SampleRate/dur)
				d.run(v, 960, all[:n])
				all = all[n:]
				if depth := d.Depth(1); depth < 28*time.Millisecond || depth > 65*time.Millisecond {
					t.Errorf("%d samples, %d ppm: a depth of %v", dur, ppm, depth)
				}
			}
			if st, _ := d.Stats(1); st.Lost > 2 {
				t.Errorf("%d samples, %d ppm: %+v", dur, ppm, st)
			}
		}
	}
}

func TestASteadyWayIsPlayedBitByBitAtTheLeastDepth(t *testing.T) {
	d := adaptiveDesk(t)
	for k := range 2000 {
		d.pullTo(480 * k)
		if k != 500 && k != 1200 {
			d.speak(int64(480*k), 1, k, 0, 0)
		}
		if k == 507 || k == 1207 { // one single late packet does not move anything
			d.speak(int64(480*k), 1, k-7, 0, 0)
		}
	}
	d.wantVoice(1, 50*ms, 0, 500*480)
	d.wantVoice(1, 50*ms, 501*480+rejoin, 1200*480)
	d.wantVoice(1, 50*ms, 1201*480+rejoin, 1990*480)
	if st, _ := d.Stats(1); st.Late != 2 || st.Lost != 2 || d.Depth(1) != 50*time.Millisecond {
		t.Errorf("%+v, a depth of %v", st, d.Depth(1))
	}
}

// For 200 ms nothing comes, then all at once: nothing of the voice is left out, and in its pauses the delay goes back.
func TestASpikeIsWaitedForAndForgotten(t *testing.T) {
	d, v := adaptiveDesk(t), way20()
	var all []parcel
	for k := range 1000 {
		at := int64(k * v.dur)
		if k >= 300 && k < 310 {
			at = 310 * int64(v.dur)
		}
		all = append(all, parcel{at: at, k: k})
	}
	d.run(v, 960, all[:320])
	if st, _ := d.Stats(1); st.Lost != 0 || st.Late != 0 {
		t.Errorf("after the spike: %+v", st)
	}
	if depth := d.Depth(1); depth < 160*time.Millisecond || depth > 260*time.Millisecond {
		t.Errorf("after the spike: a depth of %v", depth)
	}
	d.run(v, 960, all[320:])
	d.End(1, 999)
	d.pullFrames(1100*960, 960)
	if depth := d.events[1].Depth; depth > 65*time.Millisecond {
		t.Errorf("14 s after the spike: a depth of %v", depth)
	}
	d.wantStats(1, Stats{Received: 1000, Played: 1000})
}

// In sound that never pauses the way back is taken by playing it faster.
func TestUnbrokenSoundIsPlayedFasterUntilTheDelayIsBack(t *testing.T) {
	d := adaptiveDesk(t)
	v := talker{ssrc: 1, dur: 480, sample: tone(440)}
	var all []parcel
	for k := range 6000 {
		at := int64(k * v.dur)
		if k < 600 {
			at += 60 * ms // then the way gets shorter
		}
		all = append(all, parcel{at: at, k: k})
	}
	d.run(v, 960, all)
	if depth := d.Depth(1); depth > 60*time.Millisecond {
		t.Errorf("a depth of %v after 54 s", depth)
	}
	d.wantNoStep(440, 500*ms, len(d.out))
	if st, _ := d.Stats(1); st.Lost != 0 {
		t.Errorf("%+v", st)
	}
}

// A way that has become 30 ms longer, or shorter, is no drift: the depth is what it was some seconds later, and nothing clicks.
func TestAStepOfTheWay(t *testing.T) {
	for name, by := range map[string]int64{"longer": 30 * ms, "shorter": -30 * ms} {
		t.Run(name, func(t *testing.T) {
			d := adaptiveDesk(t)
			v := talker{ssrc: 1, dur: 480, sample: tone(300)}
			var all []parcel
			for k := range 4000 {
				at := int64(k*v.dur) + 30*ms
				if k >= 1000 {
					at += by
				}
				all = append(all, parcel{at: at, k: k})
			}
			d.run(v, 960, all)
			if depth := d.Depth(1); depth < 48*time.Millisecond || depth > 70*time.Millisecond {
				t.Errorf("a depth of %v", depth)
			}
			d.wantNoStep(300, 500*ms, len(d.out))
			if st, _ := d.Stats(1); st.Lost != 0 || st.Late != 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}

func TestAFixedDepthIsHeldExactly(t *testing.T) {
	d := newDesk(t, 20*time.Millisecond)
	rng := seeded(t, 9)
	for k := range 3000 {
		at := 480*k + rng.IntN(15*ms)
		if k == 0 {
			at = 0
		}
		d.pullTo(at / 480 * 480)
		d.speak(int64(at), 1, k, 0, 0)
	}
	d.wantVoice(1, 20*ms, 0, 2990*480)
	if st, _ := d.Stats(1); st.Lost != 0 {
		t.Errorf("%+v", st)
	}
}

// A talk whose first packet was slow is not played so much later for its whole length.
func TestASlowFirstPacketIsMadeGood(t *testing.T) {
	for name, desk := range map[string]*desk{"adaptive": adaptiveDesk(t), "fixed": newDesk(t, 40*time.Millisecond)} {
		t.Run(name, func(t *testing.T) {
			v := way20()
			all := []parcel{{at: 35 * ms}}
			for k := 1; k < 150; k++ {
				all = append(all, parcel{at: max(int64(k*v.dur), 36*ms), k: k})
			}
			desk.run(v, 960, all)
			if depth := desk.Depth(1); depth > 50*time.Millisecond {
				t.Errorf("a depth of %v after 3 s", depth)
			}
		})
	}
}

func TestTheNextTalkBeginsWithWhatWasLearned(t *testing.T) {
	d, v := adaptiveDesk(t), way20()
	rng := seeded(t, 3)
	d.run(v, 960, jittered(rng, v, 0, 500, 60*time.Millisecond))
	d.End(1, 499)
	d.pullFrames(520*960, 960)
	second := v
	second.ssrc = 2
	d.run(second, 960, jittered(rng, second, 520, 300, 60*time.Millisecond))
	d.End(2, 819)
	d.pullFrames(900*960, 960)
	if st := d.events[3].Stats; len(d.events) != 4 || st.Lost > 2 || d.events[2].Depth < 100*time.Millisecond {
		t.Errorf("%+v", d.events)
	}
	// A quiet network is learned again, by talks that are shorter than what is looked at.
	for i := range 10 {
		short := talker{ssrc: uint32(3 + i), dur: 960}
		from := 1000 + 100*i
		d.run(short, 960, jittered(rng, short, from, 50, 0))
		d.End(short.ssrc, uint16(from+49))
		d.pullFrames((from+90)*960, 960)
	}
	if depth := d.Depth(99); depth > 60*time.Millisecond {
		t.Errorf("a talk would begin with %v", depth)
	}
}

func TestCopiesFillHoles(t *testing.T) {
	const seeds uint64 = max(3/slowdown, 1)
	for seed := range seeds {
		d, v := adaptiveDesk(t), way20()
		rng := seeded(t, seed)
		var all []parcel
		lost, came := 0, [2000]bool{}
		for k := range 2000 {
			at := int64(k*v.dur) + rng.Int64N(10*ms)
			if k > 0 && rng.IntN(100) < 19 {
				lost++
				continue
			}
			for i := max(0, k-2); i < k; i++ {
				all = append(all, parcel{at: at, k: i, copy: true})
				came[i] = true
			}
			all = append(all, parcel{at: at, k: k})
			came[k] = true
		}
		gone := 0
		for k := range came {
			if !came[k] {
				gone++
			}
		}
		d.run(v, 960, all)
		d.End(1, 1999)
		d.pullFrames(2100*960, 960)
		st := d.events[1].Stats
		if st.Lost > gone+4 || st.Duplicates != 0 || st.Recovered < lost-st.Lost-4 || d.events[1].Depth > 70*time.Millisecond {
			t.Errorf("%d lost on the way, %d without a copy: %+v, a depth of %v", lost, gone, st, d.events[1].Depth)
		}
	}
}

// A sound card takes 60 ms at once, each time when they are just over; the arrivals are told with what it is ahead.
func TestAReaderInBurstsIsNoJitter(t *testing.T) {
	d := adaptiveDesk(t)
	const burst = 60 * ms
	for k := range 3000 {
		at := 480 * k
		for len(d.out) <= at {
			d.pullFrames(len(d.out)+burst, burst)
		}
		d.speak(int64(at+burst), 1, k, 0, 0)
	}
	if st, _ := d.Stats(1); st.Lost != 0 || d.Depth(1) != 50*time.Millisecond {
		t.Errorf("%+v, a depth of %v", st, d.Depth(1))
	}
	d.wantVoice(1, 110*ms, 0, 2980*480)
}

// A talker who says nothing, with a microphone that is off, has no periods to repeat: silence is made longer.
func TestTheDepthGrowsInSilenceToo(t *testing.T) {
	d := adaptiveDesk(t)
	v := talker{ssrc: 1, dur: 480, sample: func(int) int16 { return 0 }}
	rng := seeded(t, 4)
	var all []parcel
	for k := range 1200 {
		at := int64(k * v.dur)
		if k >= 300 {
			at += rng.Int64N(40*ms) + rng.Int64N(40*ms)
		}
		all = append(all, parcel{at: at, k: k})
	}
	d.run(v, 960, all)
	if st, _ := d.Stats(1); d.Depth(1) < 70*time.Millisecond || st.Lost > 30 {
		t.Errorf("%+v, a depth of %v", st, d.Depth(1))
	}
}

// A few packets do not tell what the way is like.
func TestAShortTalkTeachesNothing(t *testing.T) {
	d, v := adaptiveDesk(t), way20()
	d.run(v, 960, []parcel{{at: 0, k: 0}, {at: 420 * ms, k: 1}, {at: 440 * ms, k: 2}})
	d.End(1, 2)
	d.pullFrames(100*960, 960)
	if depth := d.Depth(99); depth != 50*time.Millisecond {
		t.Errorf("a talk would begin with %v", depth)
	}
}

// When the way has become 10 ms longer once, that is made good, and some minutes later the voice passes bit by bit again.
func TestResamplingEndsWhenThereIsNothingToMeet(t *testing.T) {
	d := adaptiveDesk(t)
	v := talker{ssrc: 1, dur: 480, sample: tone(440)}
	var all []parcel
	for k := range 24000 {
		at := int64(k * v.dur)
		if k >= 1000 {
			at += 10 * ms
		}
		all = append(all, parcel{at: at, k: k})
	}
	d.run(v, 960, all[:2500])
	if !d.find(1).speed.on {
		t.Error("what was 10 ms off was not met")
	}
	d.run(v, 960, all[2500:])
	if s := d.find(1); s.speed.on {
		t.Errorf("after four minutes it is resampled at %v", s.speed)
	}
	d.wantNoStep(440, 500*ms, len(d.out))
}

// What a machine that stood still tells too early makes nobody quicker: the depth stays, and the sound is as it was.
func TestAStandstillOfThisMachineMovesNothing(t *testing.T) {
	d := adaptiveDesk(t)
	for k := range 2000 {
		at := 480 * k
		d.pullTo(at)
		pkt := Packet{SSRC: 1, Seq: uint16(k), Timestamp: uint32(480 * k), PayloadType: PayloadL16, Payload: make([]byte, 960)}
		told := int64(at)
		if k%400 >= 390 {
			told, pkt.Stalled = told-100*ms, true
		}
		if err := d.Push(told, pkt); err != nil {
			t.Fatal(err)
		}
	}
	if depth := d.Depth(1); depth != 50*time.Millisecond {
		t.Errorf("a depth of %v", depth)
	}
}
