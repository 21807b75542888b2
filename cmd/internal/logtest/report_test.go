//go:build linux

package logtest

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// result is what came of a trial.
type result struct {
	trial   string
	place   int // of the trial in the table
	seed    uint64
	took    time.Duration
	figures string
	err     error
}

// table collects the results of all trials.
type table struct {
	mu   sync.Mutex
	rows []result
}

var results table

func (t *table) add(r result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows = append(t.rows, r)
	fmt.Printf("%-32s %s %s\n", r.trial, seconds(r.took), r.verdict())
}

func (r result) verdict() string {
	if r.err != nil {
		return "FAILED"
	}
	return "ok"
}

// print writes the table in the order of the trials' definition.
func (t *table) print(w io.Writer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.rows) == 0 {
		return
	}
	slices.SortStableFunc(t.rows, func(a, b result) int { return a.place - b.place })
	fmt.Fprintf(w, "\nseed %d\n", settings.Seed)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "trial\ttook\toutcome\tfigures")
	for _, r := range t.rows {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", r.trial, seconds(r.took), r.verdict(), r.figures)
	}
	_ = tw.Flush()
	for _, r := range t.rows {
		if r.err != nil {
			fmt.Fprintf(w, "%s: %s\n", r.trial, strings.ReplaceAll(r.err.Error(), "\n", "\n\t"))
		}
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
