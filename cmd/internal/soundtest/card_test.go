//go:build linux

package soundtest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"yodel/cmd/internal/programs"
	"yodel/cmd/internal/speech"
	"yodel/peer/audio"
)

// asound has ALSA's file plugin write to a FIFO what a sound card would play.
const asound = `
pcm.null { type null }
pcm.card { type file  slave.pcm "null"  file "FIFO"  format "raw" }
pcm.!default { type plug  slave { pcm "card"  format S16_LE  channels 1  rate 48000 } }
`

const (
	cardFIFO  = 4096                          // bytes that wait for the card: 43 ms
	cardSlack = 30 * audio.SampleRate / 1000  // samples that it has itself
	cardTick  = 5 * ms                        // how often it takes what is due
	cardLate  = 30 * ms                       // a tick that comes so late is this machine's: the card's clock stands still meanwhile
	stillMost = 5.0                           // ms of that; beyond it the tone can not be whole
	setPipe   = 1031                          // F_SETPIPE_SZ
	cardOnce  = 100 * audio.SampleRate / 1000 // samples taken at once at most
)

// card is a sound card: the reading end of the FIFO. It plays in real time, silence where there is nothing, and keeps what it has played.
type card struct {
	fd     int
	stop   chan struct{}
	done   chan struct{}
	once   sync.Once
	played []int16
	began  time.Time     // the first sample
	still  time.Duration // how long its clock stood
}

func newCard(fifo string) (*card, error) {
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		return nil, err
	}
	fd, err := syscall.Open(fifo, syscall.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if _, _, e := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), setPipe, cardFIFO); e != 0 {
		return nil, errors.Join(e, syscall.Close(fd))
	}
	c := &card{fd: fd, stop: make(chan struct{}), done: make(chan struct{})}
	go c.play()
	return c, nil
}

// close stops the card; what it has played may be looked at then.
func (c *card) close() error {
	var err error
	c.once.Do(func() {
		close(c.stop)
		<-c.done
		err = syscall.Close(c.fd)
	})
	return err
}

// play takes what is due until the card is closed.
func (c *card) play() {
	defer close(c.done)
	tick := time.NewTicker(cardTick)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-c.stop:
			return
		case <-tick.C:
		}
		now := time.Now()
		if late := now.Sub(last) - cardTick; late > cardLate && len(c.played) > 0 {
			c.still += late
		}
		last = now
		c.take(now)
	}
}

// take plays what is due, or has been.
func (c *card) take(now time.Time) {
	due := cardOnce
	if len(c.played) > 0 {
		due = int((now.Sub(c.began) - c.still) * audio.SampleRate / time.Second)
	}
	for due > len(c.played) && c.read(min(due-len(c.played), cardOnce)) {
	}
	if len(c.played) > 0 && c.began.IsZero() {
		c.began = now.Add(-clock{}.at(len(c.played)))
	}
	if missing := due - cardSlack - len(c.played); missing > 0 && !c.began.IsZero() {
		c.played = append(c.played, make([]int16, missing)...)
	}
}

// read takes up to n samples out of the FIFO, and tells whether there was one.
func (c *card) read(n int) bool {
	var b [2 * cardOnce]byte
	got, err := syscall.Read(c.fd, b[:2*n])
	if err != nil || got < 2 {
		return false
	}
	for i := 0; i+1 < got; i += 2 {
		c.played = append(c.played, int16(binary.LittleEndian.Uint16(b[i:])))
	}
	return true
}

// speakers are the rows of the speaker.
func speakers() []row {
	return []row{{name: "440 Hz on the speaker", short: true, alone: true, course: onSpeaker}}
}

// onSpeaker has a tone played by `yodel hear` on a sound card.
func onSpeaker(w *world, out *outcome) (err error) {
	conf, fifo := w.path("asound.conf"), w.path("card")
	if err := os.WriteFile(conf, []byte(strings.ReplaceAll(asound, "FIFO", fifo)), 0o600); err != nil {
		return err
	}
	c, err := newCard(fifo)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	sine := a440.samples(form(30*time.Second, 4*time.Second))
	if err := speech.Save(w.path("tone.wav"), sine); err != nil {
		return err
	}
	ear, _, err := w.hearWith("bob", liveRoom, command{args: []string{"hear"}, env: []string{"ALSA_CONFIG_PATH=" + conf}})
	if err != nil {
		return err
	}
	mouth, began, err := w.talk("alice", liveRoom, w.path("tone.wav"), lossless...)
	if err != nil {
		return err
	}
	before := cpuTime(ear)
	err = w.within(length(sine), func(ctx context.Context) error { return mouth.Ends(ctx, 0, 0) })
	if err != nil {
		return err
	}
	used := cpuTime(ear) - before
	if err := errors.Join(w.heard(ear, 1), c.close()); err != nil {
		return err
	}
	if err := speech.Save(w.path("card.wav"), c.played); err != nil {
		return err
	}
	c.measure(out, length(sine), began)
	lost(out, ear)
	out.take(figure{what: "of a core, with the sound library", unit: "%", value: 100 * used.Seconds() / length(sine).Seconds()})
	return nil
}

// measure looks for a tone of a length, begun at an instant, in what was played.
func (c *card) measure(out *outcome, d time.Duration, began time.Time) {
	out.stalled = milli(c.still) > stillMost
	first, last := a440.span(c.played)
	breaks, worst := a440.steady(c.played)
	out.take(
		figure{what: "length off by", unit: "ms", value: math.Abs(milli(clock{}.at(last-first) - d)), bar: most(5, 200)},
		figure{what: "breaks", value: float64(breaks), bar: most(0, 250)}, // on a busy machine all of the opening
		figure{what: "breaks after the opening", value: float64(a440.steadyAfterOpening(c.played)), bar: most(0, 20)},
		figure{what: "greatest step of its phase", unit: "rad", value: worst},
		figure{what: "mouth to card", unit: "ms", value: milli(c.began.Add(clock{}.at(first)).Sub(began))},
		figure{what: "the card stood still", unit: "ms", value: milli(c.still), bar: most(stillMost, 1000)},
	)
}

// cpuTime is what a process has used so far; 0 when it has ended.
func cpuTime(p *programs.Process) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // behind the name; proc_pid_stat(5)
	fields := strings.Fields(rest)
	var user, system int
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		return 0
	}
	return time.Duration(user+system) * time.Second / 100 // USER_HZ
}
