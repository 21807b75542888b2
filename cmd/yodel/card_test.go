package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// cardConf is an ALSA configuration whose sound card is a FIFO.
const cardConf = `
pcm.null { type null }
pcm.card { type file  slave.pcm "null"  file "%s"  format "raw" }
pcm.!default { type plug  slave { pcm "card"  format S16_LE  channels 1  rate 48000 } }
`

// cmdCard makes a sound card for the programs that follow: a FIFO that is read at the pace of a card into FILE, a WAV that grows.
func cmdCard(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: card FILE")
	}
	fifo, conf := ts.MkAbs("card.fifo"), ts.MkAbs("card.conf")
	ts.Check(unix.Mkfifo(fifo, 0o600))
	ts.Check(os.WriteFile(conf, fmt.Appendf(nil, cardConf, fifo), 0o600))
	ts.Setenv("ALSA_CONFIG_PATH", conf)
	card, err := unix.Open(fifo, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0) // also a writer: the programs may come and go
	ts.Check(err)
	_, err = unix.FcntlInt(uintptr(card), unix.F_SETPIPE_SZ, 4096) // a card has little room
	ts.Check(err)
	out, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	_, err = out.Write(streamingHeader())
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	worldOf(ts).stopCard = cancel
	done := make(chan struct{})
	go func() {
		defer close(done)
		playCard(ctx, card, out)
	}()
	ts.Defer(func() {
		cancel()
		<-done
		_, _ = unix.Close(card), out.Close()
	})
}

// cmdCardHangs lets the sound card take no more, and give no error either.
func cmdCardHangs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: card-hangs")
	}
	worldOf(ts).stopCard()
}

// streamingHeader begins a WAV of 48 kHz mono whose end is that of the file.
func streamingHeader() []byte {
	b := append([]byte("RIFF"), "\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00"...)
	b = binary.LittleEndian.AppendUint32(b, 48000)
	b = binary.LittleEndian.AppendUint32(b, 96000)
	return append(b, "\x02\x00\x10\x00data\xff\xff\xff\xff"...)
}

// playCard takes 10 ms each 10 ms.
func playCard(ctx context.Context, card int, out io.Writer) {
	pace := time.NewTicker(10 * time.Millisecond)
	defer pace.Stop()
	frame := make([]byte, 960)
	for {
		select {
		case <-pace.C:
			if n, err := unix.Read(card, frame); err == nil {
				_, _ = out.Write(frame[:n])
			}
		case <-ctx.Done():
			return
		}
	}
}

// cmdPlays waits until a WAV that grows has so many seconds of sound.
func cmdPlays(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: plays FILE seconds")
	}
	var want float64
	_, err := fmt.Sscan(args[1], &want)
	ts.Check(err)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		got := heard(ts, args[0])
		if got >= want {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			ts.Fatalf("%s: %.3f s of sound, want %v", args[0], got, want)
		}
	}
}
