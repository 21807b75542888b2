//go:build cgo && linux

package audio

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func init() {
	programs["tone"] = playTone
	programs["no card"] = openNothing
}

// playTone plays two seconds of 440 Hz and stops.
func playTone() int {
	const length = 2 * SampleRate
	played, over := 0, make(chan struct{})
	s, err := OpenSpeaker(func(frame []int16) {
		for i := range frame {
			frame[i] = 0
			if played < length {
				frame[i] = int16(16000 * math.Sin(2*math.Pi*440*float64(played)/SampleRate))
			}
			if played++; played == length {
				close(over)
			}
		}
	})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	<-over
	if err := errors.Join(s.Close(), s.Err(), s.Close()); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// openNothing wants to hear that there is no sound card, twice.
func openNothing() int {
	for range 2 {
		start := time.Now()
		_, err := OpenSpeaker(func([]int16) {})
		if !errors.Is(err, ErrNoSpeaker) || time.Since(start) > 20*time.Second {
			fmt.Println("after", time.Since(start), "got", err)
			return 1
		}
	}
	return 0
}

// start starts a program of this test binary with an ALSA configuration.
func start(ctx context.Context, t *testing.T, program, asound string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	conf := filepath.Join(t.TempDir(), "asound.conf")
	if err := os.WriteFile(conf, []byte(asound), 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), "AUDIO_TEST_PROGRAM="+program, "ALSA_CONFIG_PATH="+conf)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, &output
}

func TestWithoutASoundCardTheErrorComesAtOnceAndAlone(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd, output := start(ctx, t, "no card", "# no device at all\n")
	if err := cmd.Wait(); err != nil || output.Len() > 0 {
		t.Errorf("%v, output: %q", err, output)
	}
}

// A FIFO that is read at real-time pace is the sound card: ALSA's file plugin writes to it what a card would play. On a machine that is
// too busy any card runs dry, so there are ten tries.
func TestTheSpeakerPlaysTwoSecondsOfToneWithoutABreak(t *testing.T) {
	const tries = 10
	for try := range tries {
		heard := recordTone(t)
		first, last := soundIn(heard)
		seconds := float64(last-first) / SampleRate
		db, _ := toneRatio(heard[first:last], 440)
		if math.Abs(seconds-2) < 0.05 && db > 40 {
			return
		}
		t.Logf("try %d: %.3f s of tone, %.1f dB above the rest", try, seconds, db)
	}
	t.Errorf("the tone is broken in each of %d tries", tries)
}

// recordTone lets a process play the tone, and returns what the card got.
func recordTone(t *testing.T) []int16 {
	t.Helper()
	fifo := filepath.Join(t.TempDir(), "card")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	card := openCard(t, fifo)
	cmd, output := start(ctx, t, "tone", strings.ReplaceAll(`
pcm.null { type null }
pcm.card { type file  slave.pcm "null"  file "FIFO"  format "raw" }
pcm.!default { type plug  slave { pcm "card"  format S16_LE  channels 1  rate 48000 } }
`, "FIFO", fifo))
	heard := card.listen()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return heard
}

// card is the reading end of a FIFO.
type card struct {
	fifo   *os.File
	keeper *os.File // a writing end: without one there is nothing to wait for
}

// openCard opens the FIFO with room for one page: a card has little.
func openCard(t *testing.T, fifo string) card {
	t.Helper()
	keeper, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	const setPipeSize = 1031 // F_SETPIPE_SZ
	if _, _, e := syscall.Syscall(syscall.SYS_FCNTL, keeper.Fd(), setPipeSize, 4096); e != 0 {
		t.Fatal(e)
	}
	f, err := os.Open(fifo)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := f.SetReadDeadline(time.Now().Add(45 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return card{f, keeper}
}

// listen reads as a card plays, 10 ms at a time, until the player is gone.
func (c card) listen() []int16 {
	pace := time.NewTicker(10 * time.Millisecond)
	defer pace.Stop()
	var heard []int16
	for b := make([]byte, 960); ; <-pace.C {
		n, err := io.ReadFull(c.fifo, b)
		c.keeper.Close()
		for i := 0; i+1 < n; i += 2 {
			heard = append(heard, int16(binary.LittleEndian.Uint16(b[i:])))
		}
		if err != nil {
			return heard
		}
	}
}

// soundIn returns where the sound in x begins and ends.
func soundIn(x []int16) (first, last int) {
	first = -1
	for i, v := range x {
		if v != 0 {
			if first < 0 {
				first = i
			}
			last = i + 1
		}
	}
	return max(first, 0), last
}
