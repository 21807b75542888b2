package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// row is one load of the first table.
type row struct {
	name string
	args string  // of yodel bench
	room string  // of the daemon: live or echo; empty: live ones of their own
	most float64 // times the yardstick's CPU a datagram
}

var rows = []row{
	{"1 talker, 100 listeners, live", "--talkers 1 --listeners 100", "live", 1.20},
	{"1 talker, 500 listeners, live", "--talkers 1 --listeners 500", "live", 1.20},
	{"1 talker, 1000 listeners, live", "--talkers 1 --listeners 1000", "live", 1.20},
	{"1 talker, 1000 listeners, echo 2 s", "--talkers 1 --listeners 1000", "echo", 1.15},
	{"8 talkers, 50 listeners, live", "--talkers 8 --listeners 50", "live", 0.80},
	{"8 talkers, 50 listeners, echo 2 s", "--talkers 8 --listeners 50", "echo", 0.42},
	{"20 in a room, all talking, live", "--talkers 20 --listeners 0 --hear", "live", 0.60},
	{"20 in a room, all talking, echo 2 s", "--talkers 20 --listeners 0 --hear", "echo", 0.34},
	{"200 rooms × 5, 1 talking each, live", "--rooms 200 --talkers 1 --listeners 4 --hear", "", 1.30},
}

// compared is what the rounds of a row have shown.
type compared struct {
	daemon, relay, ratio []float64 // ns a datagram, and what they are to each other, a round
	lost                 int       // of the daemon's datagrams
	late                 int       // rounds in which the load generator was
}

// tooLate is a p99 of the load generator's lag that spoils a round, in seconds.
const tooLate = 0.005

// ratios is the first table.
func (b *bench) ratios(ctx context.Context) error {
	titled := false
	for _, r := range rows {
		if !b.rows.MatchString(r.name) {
			continue
		}
		if !titled {
			fmt.Printf("\nCPU of the daemon for a delivered datagram: median of %d rounds of %v\n\n%s\n", b.rounds, b.length, ratioHeader)
			titled = true
		}
		c, err := b.compare(ctx, &r)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		fmt.Println(c.line(&r))
		if !c.met(&r) {
			b.missed++
		}
	}
	return nil
}

// compare runs the rounds of a row; who is first changes.
func (b *bench) compare(ctx context.Context, r *row) (*compared, error) {
	args := append(strings.Fields(r.args), "--for", b.length.String())
	if r.room != "" {
		args = append(args, "--room", r.room)
	}
	c := &compared{}
	starts := []func(context.Context) (*server, error){b.relay, b.daemon}
	for round := range b.rounds {
		var nanos [2]float64
		for i := range starts {
			who := (i + round) % 2
			result, err := b.once(ctx, starts[who], args...)
			if err != nil {
				return nil, err
			}
			nanos[who] = result.Daemon.Nanos
			if result.Audio.Lag.P99 > tooLate {
				c.late++
			}
			if who == 1 {
				c.lost += result.Audio.Lost
			}
		}
		c.relay, c.daemon = append(c.relay, nanos[0]), append(c.daemon, nanos[1])
		c.ratio = append(c.ratio, nanos[1]/nanos[0])
	}
	return c, nil
}

const ratioHeader = "| load | yodeld, ns | yardstick, ns | ratio | of the rounds | at most | met |\n|---|---|---|---|---|---|---|"

// met tells whether the bar was.
func (c *compared) met(r *row) bool { return median(c.ratio) <= r.most && c.lost == 0 }

func (c *compared) line(r *row) string {
	met := yes(c.met(r))
	if c.lost > 0 {
		met += fmt.Sprintf(", %d datagrams lost", c.lost)
	}
	if c.late > 0 {
		met += fmt.Sprintf(", %d of %d runs on a busy machine", c.late, 2*len(c.ratio))
	}
	return fmt.Sprintf("| %s | %.0f | %.0f | %.2f | %.2f–%.2f | %.2f | %s |", r.name, median(c.daemon), median(c.relay), median(c.ratio),
		slices.Min(c.ratio), slices.Max(c.ratio), r.most, met)
}

func yes(met bool) string {
	if met {
		return "yes"
	}
	return "**no**"
}

// median is the middle value; of an even number the mean of the two.
func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	if len(v) == 0 {
		return 0
	}
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
