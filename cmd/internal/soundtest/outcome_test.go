//go:build linux

package soundtest

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// figure is something that was measured. Less is better.
type figure struct {
	what  string
	value float64
	unit  string
	bar   bar
}

// bar is the most that a figure may be. The zero bar is none: the figure is only shown.
type bar struct {
	held        bool
	full, short float64 // the short form runs on machines that others use
}

func most(full, short float64) bar { return bar{true, full, short} }

// limit is the bar of the form that runs.
func (b bar) limit() float64 {
	if settings.Full {
		return b.full
	}
	return b.short
}

// met tells whether a value keeps to the bar; one that is no number does not.
func (b bar) met(value float64) bool { return !b.held || value <= b.limit() }

func (f figure) String() string { return shown(f.value, f.unit) }

func shown(value float64, unit string) string {
	return strings.TrimSpace(strconv.FormatFloat(value, 'f', decimals[unit], 64) + " " + unit)
}

// decimals are how many a unit is worth.
var decimals = map[string]int{"ms": 1, "dB": 2, "%": 2, "s": 1, "rad": 3, "×": 2}

// outcome is what came of a row.
type outcome struct {
	row     string
	figures []figure
	faults  []error
	tries   int
	stalled bool // this machine did not let the suite itself play: nothing can be told of Yodel
	took    time.Duration
}

// fault takes what went wrong, if something did.
func (o *outcome) fault(errs ...error) {
	for _, err := range errs {
		if err != nil {
			o.faults = append(o.faults, err)
		}
	}
}

// take takes figures, and holds them to their bars.
func (o *outcome) take(figures ...figure) {
	for _, f := range figures {
		o.figures = append(o.figures, f)
		if !f.bar.met(f.value) {
			o.fault(fmt.Errorf("%s: %v, at most %s", f.what, f, shown(f.bar.limit(), f.unit)))
		}
	}
}

// lines are those of the table: one a figure, the row's name and end on the first.
func (o *outcome) lines() (all [][]string) {
	verdict := "ok"
	if len(o.faults) > 0 {
		verdict = "FAILED"
	}
	if o.tries > 1 {
		verdict += fmt.Sprintf(", try %d", o.tries)
	}
	for _, f := range o.figures {
		limit := ""
		if f.bar.held {
			limit = "≤ " + shown(f.bar.limit(), f.unit)
		}
		mark := ""
		if !f.bar.met(f.value) {
			mark = "over"
		}
		all = append(all, []string{"", f.what, f.String(), limit, mark, "", ""})
	}
	if len(all) == 0 {
		all = [][]string{make([]string, 7)}
	}
	all[0][0], all[0][5], all[0][6] = o.row, shown(o.took.Seconds(), "s"), verdict
	return all
}

// table collects the outcomes of all rows.
type table struct {
	mu   sync.Mutex
	rows []*outcome
}

var results table

func (t *table) add(o *outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows = append(t.rows, o)
	first := o.lines()[0]
	fmt.Printf("%-28s %s %s\n", o.row, first[5], first[6])
}

// print writes the table in the order of the rows' definition.
func (t *table) print(w io.Writer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.rows) == 0 {
		return
	}
	slices.SortStableFunc(t.rows, func(a, b *outcome) int { return place(a.row) - place(b.row) })
	fmt.Fprintf(w, "\nseed %d\n", settings.Seed)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "condition\tfigure\tmeasured\tbar\t\ttook\toutcome")
	for _, o := range t.rows {
		for _, line := range o.lines() {
			fmt.Fprintln(tw, strings.Join(line, "\t"))
		}
	}
	_ = tw.Flush()
	for _, r := range rows {
		if settings.Only == nil && !r.wanted() {
			fmt.Fprintf(w, "%s: only in the full form\n", r.name)
		}
	}
	for _, o := range t.rows {
		for _, err := range o.faults {
			line, _, _ := strings.Cut(err.Error(), "\n")
			fmt.Fprintf(w, "%s: %s\n", o.row, line)
		}
	}
}
