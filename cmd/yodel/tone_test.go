package main

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"yodel/peer/audio"
)

// toneLevel is the amplitude of the tone.
const toneLevel = 8000

// cmdTone writes a WAV with a tone of 440 Hz.
func cmdTone(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: tone FILE seconds rate")
	}
	seconds, err := strconv.ParseFloat(args[1], 64)
	ts.Check(err)
	rate, err := strconv.Atoi(args[2])
	ts.Check(err)
	n := int(seconds * float64(rate))
	b := append([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, uint32(36+2*n))...)
	b = append(b, "WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(2*rate))
	b = append(b, "\x02\x00\x10\x00data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(2*n))
	for i := range n {
		v := toneLevel * math.Sin(2*math.Pi*440*float64(i)/float64(rate))
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(v)))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o600))
}

// cmdSounds checks how much sound is in a file. Pauses are not counted, and no fault: a machine with much else to do makes
// them, and those who shout and hear do not lose what is around them.
func cmdSounds(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: sounds FILE seconds-at-least seconds-at-most")
	}
	least, err := strconv.ParseFloat(args[1], 64)
	ts.Check(err)
	most, err := strconv.ParseFloat(args[2], 64)
	ts.Check(err)
	loud := heard(ts, args[0])
	ts.Logf("%s: %.3f s of sound", args[0], loud)
	if ok := loud >= least && loud <= most; ok == neg {
		ts.Fatalf("%s: %.3f s of sound, want %v to %v", args[0], loud, least, most)
	}
}

// heard gives how many seconds of a file are sound, in steps of 10 ms.
func heard(ts *testscript.TestScript, file string) (seconds float64) {
	f, err := os.Open(ts.MkAbs(file))
	ts.Check(err)
	defer closeRead(f)
	src, err := audio.Open(f, nil)
	ts.Check(err)
	frame := make([]int16, audio.SampleRate/100)
	for loud := 0; ; {
		n, err := src.Read(frame)
		if errors.Is(err, io.EOF) {
			return float64(loud) / 100
		}
		ts.Check(err)
		if audio.Peak(frame[:n]) > quiet {
			loud++
		}
	}
}
