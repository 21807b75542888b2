//go:build linux

package logtest

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"yodel/cmd/internal/load"
)

// latencyBar is what messages may take that are stored.
type latencyBar struct {
	listeners int
	p50, p99  time.Duration // to receipt and to delivery; 0: any
	cpu       time.Duration // of the daemon, for a delivered message
}

var latencyBars = []latencyBar{
	{listeners: 10, p50: 400 * time.Microsecond, p99: 2 * time.Millisecond, cpu: 22 * time.Microsecond},
	{listeners: 100, cpu: 7 * time.Microsecond},
}

// latency measures how long a message takes to its receipt and to those who follow, 1000 a second of 200 bytes.
func latency(bar latencyBar) func(*world) (string, error) {
	return func(w *world) (figures string, err error) {
		if err := w.serve(); err != nil {
			return "", err
		}
		var best *load.Result
		for range speedAttempts {
			r, err := w.bench("-r", room, "--talkers", "0", "--listeners", strconv.Itoa(bar.listeners), "--chat-rate", "1000", "--for", "10s")
			if err != nil {
				return "", err
			}
			if r.Chat == nil || r.Chat.Entries == 0 {
				return "", errors.New("no messages")
			}
			if best == nil || r.Chat.Entry.P99 < best.Chat.Entry.P99 {
				best = r
			}
		}
		c := best.Chat
		each := cpuOfEach(best)
		figures = fmt.Sprintf("receipt p50 %v p99 %v, delivery p50 %v p99 %v, daemon's CPU %v a delivered message", c.Receipt.P50.Duration(),
			c.Receipt.P99.Duration(), c.Entry.P50.Duration(), c.Entry.P99.Duration(), each)
		return figures, bar.check(c, each)
	}
}

// cpuOfEach is the daemon's CPU time for one message at one listener.
func cpuOfEach(r *load.Result) time.Duration {
	used := r.Daemon.CPU / 100 * r.Seconds.Duration().Seconds()
	return time.Duration(used / float64(r.Chat.Entries) * float64(time.Second)).Round(10 * time.Nanosecond)
}

func (b latencyBar) check(c *load.Chat, each time.Duration) (err error) {
	if c.Receipts != c.Published || c.Lost > 0 || c.Doubled > 0 || c.Held > 0 {
		err = fmt.Errorf("%d published, %d held back, %d receipts, %d entries lost, %d twice", c.Published, c.Held, c.Receipts, c.Lost, c.Doubled)
	}
	for _, is := range []struct {
		what       string
		value, bar time.Duration
	}{
		{"receipts at the median", c.Receipt.P50.Duration(), b.p50},
		{"deliveries at the median", c.Entry.P50.Duration(), b.p50},
		{"receipts at the 99th percentile", c.Receipt.P99.Duration(), b.p99},
		{"deliveries at the 99th percentile", c.Entry.P99.Duration(), b.p99},
		{"CPU of a delivered message", each, b.cpu},
	} {
		if is.bar > 0 && is.value > is.bar {
			err = errors.Join(err, fmt.Errorf("%s: %v, at most %v", is.what, is.value, is.bar))
		}
	}
	return err
}
