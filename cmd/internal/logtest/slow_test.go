//go:build linux

package logtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"yodel/cmd/internal/load"
	"yodel/peer"
	"yodel/wire/secure"
)

const (
	slowSpan    = 2 * time.Second
	slowTries   = 6
	manySenders = 16
	growth      = 4.0 // of the rate, from one sender to many
	echoRoom    = "echo"
	tick        = 10 * time.Millisecond // half of the daemon's grid: how early or late a packet may leave by intent
)

// syncDelay is how much longer every sync takes.
func syncDelay() time.Duration {
	if settings.Full {
		return 50 * time.Millisecond
	}
	return 200 * time.Millisecond
}

// maxLate is how late the voice may be at the 99th percentile: the bar, or in the short form, which runs on machines that others use, what is still less
// than a sync: a voice that waits for the disk is later.
func maxLate() time.Duration {
	if settings.Full {
		return tick + 10*time.Millisecond
	}
	return syncDelay() - tick
}

// slowDisk makes every sync of the daemon longer. Its other system calls are not stopped (--seccomp-bpf): under strace without the delay, and
// without strace, the voice is as late (5 to 13 ms at the 99th percentile), but for what others do on the machine. So the best of
// several counts.
func slowDisk(w *world) (figures string, err error) {
	w.wrap = []string{
		"strace", "-D", "-f", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=fsync,fdatasync",
		"-e", fmt.Sprintf("inject=fsync,fdatasync:delay_exit=%d", syncDelay().Microseconds()),
	}
	w.args = []string{"--room", echoRoom + "=500ms"}
	if err := w.serve(); err != nil {
		return "", err
	}
	one, err := publishRate(w, 1, slowSpan)
	if err != nil {
		return "", err
	}
	var many float64
	var best *load.Audio
	for try := 0; try < slowTries && (best == nil || onTime(best) != nil); try++ {
		rate, a, err := w.voiceAmong(manySenders)
		if err != nil {
			return "", err
		}
		many = max(many, rate)
		if best == nil || onTime(a) == nil || a.Latency.P99 < best.Latency.P99 {
			best = a
		}
	}
	figures = fmt.Sprintf("1 sender %.0f/s, %d senders %.0f/s; voice late by p50 %s p99 %s max %s, %d of %d lost", one, manySenders, many,
		millis(best.Latency.P50), millis(best.Latency.P99), millis(best.Latency.Max), best.Lost, best.Expected)
	return figures, errors.Join(slowEnough(one), grows(one, many), onTime(best))
}

func millis(s load.Seconds) string { return fmt.Sprintf("%.2f ms", float64(s)*1e3) }

// voiceAmong has so many clients publish while two talk in a room with delay.
func (w *world) voiceAmong(clients int) (rate float64, a *load.Audio, err error) {
	published := make(chan error, 1)
	go func() {
		var err error
		rate, err = publishRate(w, clients, slowSpan+2*time.Second)
		published <- err
	}()
	heard, err := w.bench("-r", echoRoom, "--talkers", "2", "--listeners", "3", "--for", slowSpan.String())
	if err := errors.Join(err, <-published); err != nil {
		return 0, nil, err
	}
	return rate, &heard.Audio, nil
}

// slowEnough tells whether the disk was slow at all.
func slowEnough(one float64) error {
	if most := float64(time.Second / syncDelay()); one > most {
		return fmt.Errorf("%.0f messages a second one after the other: a sync of %v allows %.0f", one, syncDelay(), most)
	}
	return nil
}

func grows(one, many float64) error {
	if many < growth*one {
		return fmt.Errorf("%d senders have %.0f messages a second, one alone has %.0f: it must be %v times as many", manySenders, many, one, growth)
	}
	return nil
}

// onTime tells whether a voice has come whole and in time.
func onTime(a *load.Audio) (err error) {
	if a.Expected == 0 || a.Lost > 0 || a.False > 0 {
		err = fmt.Errorf("of %d voice packets %d are lost and %d false", a.Expected, a.Lost, a.False)
	}
	if late := a.Latency.P99.Duration(); late > maxLate() {
		err = errors.Join(err, fmt.Errorf("voice is late by %v at the 99th percentile, at most %v", late, maxLate()))
	}
	return err
}

// publishRate has so many clients publish for a time, each one message after the other's receipt, and gives how many a second have one.
func publishRate(w *world, clients int, span time.Duration) (rate float64, err error) {
	var all sync.WaitGroup
	var done atomic.Int64
	errs := make([]error, clients)
	open := make([]*peer.Client, clients)
	for i := range open {
		if open[i], err = w.dial(fmt.Sprintf("pub-%x", rand.Uint64())); err != nil { // a nick stays with its key
			return 0, err
		}
		defer open[i].Close()
	}
	ctx, cancel := context.WithTimeout(w.ctx, span)
	defer cancel()
	for i, c := range open {
		all.Go(func() {
			for ctx.Err() == nil && errs[i] == nil {
				if _, errs[i] = publish(ctx, c, fmt.Sprintf("a message of client %d of %d", i, clients)); errs[i] == nil {
					done.Add(1)
				}
			}
			if ctx.Err() != nil {
				errs[i] = nil
			}
		})
	}
	all.Wait()
	return float64(done.Load()) / span.Seconds(), errors.Join(errs...)
}

// publish sends a message and waits for its receipt.
func publish(ctx context.Context, c *peer.Client, text string) (peer.Receipt, error) {
	p, err := c.Publish(ctx, peer.Outgoing{Room: room, Body: []byte(text)})
	if err != nil {
		return peer.Receipt{}, err
	}
	return p.Receipt(ctx)
}

// dial makes a client in this process, with a key of its own.
func (w *world) dial(nick string) (*peer.Client, error) {
	id, err := secure.NewIdentity()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(w.ctx, settle)
	defer cancel()
	return peer.Dial(ctx, peer.Config{
		Server: w.server, Identity: id, Nick: nick, Software: "logtest/1",
		KnownHosts: &secure.KnownHosts{Path: filepath.Join(w.dir, "known_hosts")},
	})
}
