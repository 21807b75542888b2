package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

const (
	rows = 20
	// growKiB and growPart are how much the resident memory may grow from the second quarter to the last.
	growKiB, growPart = 8 << 10, 10
	// growFDs is how many descriptors more there may be.
	growFDs = 4
	// warm is how long a run must be for its memory to be judged: a process that has just begun grows.
	warm = 2 * time.Minute
)

// table is the figures of a run.
type table struct {
	out   io.Writer
	began time.Time
	all   []figures
}

func newTable(out io.Writer) *table {
	fmt.Fprintf(out, "%6s %8s %4s %4s %8s %8s %8s %7s %7s %6s %5s %14s %14s %9s\n", "s", "RSS KiB", "thr", "fds",
		"sent", "receipts", "came", "missing", "doubled", "joined", "lost", "live lost/of", "echo lost/of", "dropped")
	return &table{out: out, began: time.Now()}
}

func (t *table) row(f figures, l *ledger, dropped int) {
	t.all = append(t.all, f)
	of := func(v *voiceCount) string { return fmt.Sprintf("%d/%d", v.lost.Load(), v.packets.Load()) }
	fmt.Fprintf(t.out, "%6.0f %8d %4d %4d %8d %8d %8d %7d %7d %6d %5d %14s %14s %9d\n", time.Since(t.began).Seconds(), f.rss, f.threads, f.fds,
		l.published.Load(), l.receipts.Load(), l.came.Load(), l.missing(), l.doubled.Load(), l.sessions.Load(), l.lost.Load(),
		of(&l.voice[0]), of(&l.voice[1]), dropped)
}

// faults tells what has grown in a run of a length: the first quarter is for getting warm.
func (t *table) faults(last time.Duration) (all []string) {
	n := len(t.all)
	if n < 8 || last < warm {
		return nil
	}
	before, after := t.all[n/4:n/2], t.all[n*3/4:]
	of := func(fs []figures, get func(figures) int) int {
		var values []int
		for _, f := range fs {
			values = append(values, get(f))
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	rss := func(f figures) int { return f.rss }
	if from, to := of(before, rss), of(after, rss); to-from > max(growKiB, from/growPart) {
		all = append(all, fmt.Sprintf("the daemon's memory has grown from %d to %d KiB", from, to))
	}
	fds := func(f figures) int { return f.fds }
	if from, to := of(before, fds), of(after, fds); to-from > growFDs {
		all = append(all, fmt.Sprintf("the daemon's descriptors have grown from %d to %d", from, to))
	}
	return all
}
