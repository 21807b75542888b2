package main

import (
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"yodel/cmd/internal/through"
	"yodel/peer"
	"yodel/peer/audio"
)

// speech is a recorded voice, 48 kHz mono.
func speech(t *testing.T) []int16 {
	t.Helper()
	f, err := os.Open("../../testdata/speech.wav")
	if err != nil {
		t.Fatal(err)
	}
	defer closeRead(f)
	src, err := audio.Open(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	pcm, err := decode(src, math.MaxInt)
	if err != nil {
		t.Fatal(err)
	}
	return pcm
}

// listening is a check that listens to a talk of SSRC 7.
func listening(room int) *soundCheck {
	return &soundCheck{ssrcs: []uint32{7}, heard: make([]int16, 0, room)}
}

func TestOnlyTheOwnTalkIsGathered(t *testing.T) {
	own, other, another := &peer.Talking{SSRC: 7, Self: true}, &peer.Talking{SSRC: 7}, &peer.Talking{SSRC: 8, Self: true}
	s := listening(10)
	for _, p := range []peer.Part{
		{Talk: another, At: 90, PCM: []int16{9, 9}},
		{Talk: own, At: 100, Payload: []byte{1}, Samples: 2},
		{Talk: own, At: 100, PCM: []int16{1, 2}},
		{Talk: other, At: 101, PCM: []int16{9}},
		{Talk: own, At: 104, PCM: []int16{5, 6}},                // after a pause
		{Talk: own, At: 103, PCM: []int16{9}},                   // again
		{Talk: own, At: 106, PCM: []int16{7, 8, 9, 10, 11, 12}}, // more than is kept
		{Talk: own, At: 112, PCM: []int16{13}},
		{Talk: own, At: math.MaxInt64, PCM: []int16{14}},
		{Talk: own, At: 113, End: true},
	} {
		s.take(p)
	}
	if want := []int16{1, 2, 0, 0, 5, 6, 7, 8, 9, 10}; s.first != 100 || !slices.Equal(s.heard, want) {
		t.Errorf("got %v from %d, want %v from 100", s.heard, s.first, want)
	}
	for _, ev := range []peer.Talking{
		{SSRC: 8, Self: true, Packets: 9},
		{SSRC: 7, Self: true, Start: true},
		{SSRC: 7, Self: true, Packets: 45, Lost: 6, Late: 2, Recovered: 1, Latency: 60 * time.Millisecond},
	} {
		s.note(&ev)
	}
	var o echoObject
	s.count(&o, audio.Opus, 48000)
	if o.Frames != 51 || o.Lost != 8 || o.Recovered != 1 || o.Latency != 0.06 {
		t.Errorf("of 49 frames that were to be heard and 51 that were said: %+v", o)
	}
}

func TestTheEchoIsFoundWhereItIs(t *testing.T) {
	said := speech(t)
	for _, codec := range audio.Available() {
		alone, err := through.Codec(codec, 0, said)
		if err != nil {
			t.Fatal(err)
		}
		best := compare(said, alone, codec.Lookahead)
		if max(best.lag, -best.lag) > 5 || best.quality < 15 {
			t.Errorf("%s alone: %+v", codec.Name, best)
		}
		late := append(make([]int16, 1000), alone...)
		if c := compare(said, late, codec.Lookahead); c.lag != best.lag+1000 || c.quality < best.quality-0.5 {
			t.Errorf("%s, 1000 samples late: %+v, alone %+v", codec.Name, c, best)
		}
		holed := slices.Clone(alone)
		for at := 24000; at+1920 < len(holed); at += 9600 {
			clear(holed[at : at+1920])
		}
		if c := compare(said, holed, codec.Lookahead); c.quality > best.quality-1 {
			t.Errorf("%s, with holes: %+v, alone %+v", codec.Name, c, best)
		}
		if c := compare(said, alone[:len(alone)/2], codec.Lookahead); c.quality > best.quality-3 {
			t.Errorf("half of %s: %+v, alone %+v", codec.Name, c, best)
		}
	}
	if c := compare(said, nil, 0); c.lag != 0 || c.quality > 0 {
		t.Errorf("nothing: %+v", c)
	}
}

// The echo of a long talk is looked for piece by piece, each where it is.
func TestADelayThatGrowsInMidTalkIsNoNoise(t *testing.T) {
	said := slices.Concat(speech(t), speech(t), speech(t))
	at := len(said) / 2
	heard := slices.Concat(said[:at], make([]int16, 1440), said[at:])
	if c := compare(said, heard, 0); c.quality < 20 {
		t.Errorf("30 ms more in the middle: %+v", c)
	}
}

// A tone is like itself one period later; it is found where it is looked for.
func TestAToneIsFoundInItsFirstPeriod(t *testing.T) {
	tone := make([]int16, 10*audio.SampleRate)
	for i := range tone {
		tone[i] = int16(8000 * math.Sin(2*math.Pi*440*float64(i)/audio.SampleRate))
	}
	for _, codec := range audio.Available() {
		heard, err := through.Codec(codec, 0, tone)
		if err != nil {
			t.Fatal(err)
		}
		if c := compare(tone, heard, codec.Lookahead); max(c.lag, -c.lag) > 10 {
			t.Errorf("through %s: %+v", codec.Name, c)
		}
	}
}

// When its first frames are lost, all that is left of it fits at many lags.
func TestAToneWithLossesIsFoundNearWhereItIs(t *testing.T) {
	tone := make([]int16, 2*audio.SampleRate)
	for i := range tone {
		tone[i] = int16(8000 * math.Sin(2*math.Pi*440*float64(i)/audio.SampleRate))
	}
	heard := slices.Clone(tone)
	for _, at := range []int{0, 19200, 40000} { // the first frames, and two more where those that stand in for them end out of step
		clear(heard[at : at+1920])
	}
	heard = heard[1920:] // what is heard begins with the first that came
	if c := compare(tone, heard, 0); max(c.lag, -c.lag) > 60 {
		t.Errorf("%+v", c)
	}
}

func TestTheSoundCheckSaysWhatItMeans(t *testing.T) {
	good := echoObject{
		Delay: 2.0042, RoomDelay: 2, Latency: 1.5, Frames: 205, Recovered: 3, Level: -18.3, Peak: -3.1,
		Quality: new(19.2), CodecQuality: new(19.3),
	}
	silent, live, quietOne, loud, cut, bad := good, good, good, good, good, good
	silent.Quality, silent.CodecQuality = nil, nil
	live.RoomDelay, live.Delay, live.Latency = 0, 0.0605, 0.04
	quietOne.Level = -40
	loud.Level = -5
	cut.clipped = true
	bad.Lost, bad.Quality = 90, new(11.0)
	for _, tt := range []struct {
		o    echoObject
		want string
	}{
		{good, "echo    2.004 s after it was said (the room's delay 2 s)"},
		{good, "loss    0 of 205 frames (3 recovered)"},
		{good, "level   -18.3 dBFS, peak -3.1\n"},
		{good, "quality 19.2 dB fwSNRseg, the codec alone 19.3: as good as it gets"},
		{silent, "level   there was no sound: nothing above -60 dBFS"},
		{live, "echo    0.060 s after it was said (a live room; held back 40 ms against jitter)"},
		{quietOne, "peak -3.1: too quiet"},
		{loud, "peak -3.1: too loud"},
		{cut, "peak -3.1: clipped, turn the microphone down"},
		{bad, "11.0 dB fwSNRseg, the codec alone 19.3: the network spoils it"},
	} {
		if got := strings.Join(echoLines(tt.o), "\n") + "\n"; !strings.Contains(got, tt.want) {
			t.Errorf("got\n%swant %q", got, tt.want)
		}
	}
}

func TestLevelIsOfWhereThereIsSound(t *testing.T) {
	sound := speech(t)
	padded := slices.Concat(make([]int16, len(sound)/960*960), sound)
	if a, b := levelOf(sound), levelOf(padded); a != b || a > -15 || a < -30 {
		t.Errorf("with silence before it %v, without %v", b, a)
	}
	if got := levelOf(make([]int16, 4800)); got != audio.Silence {
		t.Errorf("of silence: %v", got)
	}
	full := []int16{0, math.MaxInt16, math.MaxInt16, 5, math.MinInt16, math.MinInt16}
	if isClipped(full) || !isClipped(append(full, math.MinInt16)) {
		t.Error("three samples in a row at full scale are clipped, two are not")
	}
}

func TestNoMoreIsReadThanIsShouted(t *testing.T) {
	src, err := recordedSource(make([]int16, 40*audio.SampleRate))
	if err != nil {
		t.Fatal(err)
	}
	most := int(samples(maxEcho))
	if pcm, err := decode(src, most+1); err != nil || len(pcm) <= most || len(pcm) > most+audio.SampleRate {
		t.Errorf("got %d samples and %v", len(pcm), err)
	}
}
