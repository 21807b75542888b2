//go:build linux

package nettest

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"yodel/cmd/internal/speech"
	"yodel/peer/audio/score"
)

// outcome is what came of a row.
type outcome struct {
	row             string
	lines, receipts int // sent, and what the daemon has said to them
	frames          int // of the voice, 20 ms each
	framesLost      int // of these, not played to bob, or too late
	gap             time.Duration
	scored          bool
	score           score.Score
	sessionsLost    int           // lines "connection lost" of all programs
	back            time.Duration // the last program's, after the network or the daemon was there again; 0: none was away
	presence        int           // lines of who came and went that nobody should have seen
	note            string
	faults          []error
	again           bool // the faults may be the machine's: another try tells
	took            time.Duration
}

// fault takes what went wrong, if something did.
func (o *outcome) fault(errs ...error) {
	for _, err := range errs {
		if err != nil {
			o.faults = append(o.faults, err)
		}
	}
}

// bars are what an outcome must not exceed.
type bars struct {
	lost     float64       // the share of frames
	gap      time.Duration // in what bob hears, and what is lost of it in all; 0: any
	shortGap time.Duration // gap in the short form, where a busy machine may make more; 0: as in the full one
	holes    bool          // lost does not hold
	sessions bool          // sessions may be lost
	presence bool          // and be seen to be lost
	back     time.Duration // how long after the network's return the programs are back at the latest; 0: any
	quality  float64       // dB of fwSNRseg at least; 0: any
}

// Of a voice without holes what bob has in his file is held against what was said, whatever his program counts: measured are 19 dB and
// no gap, 14 dB and 140 ms on a machine so busy that alice came to a stand.
const (
	wholeQuality = 12.0
	wholeGap     = 400 * time.Millisecond
)

// withDefaults fills in the bars of a voice without holes.
func (b bars) withDefaults() bars {
	if !b.holes {
		b.gap, b.quality = wholeGap, wholeQuality
	}
	return b
}

// judge holds an outcome against its bars.
func (o *outcome) judge(b bars) {
	if most := int(b.lost * float64(o.frames)); !b.holes && o.framesLost > most {
		o.fault(fmt.Errorf("%d of %d frames lost, at most %d", o.framesLost, o.frames, most))
	}
	if b.gap > 0 && o.gap > b.gap {
		o.fault(fmt.Errorf("a gap of %v in the voice, at most %v", o.gap, b.gap))
	}
	if lost := time.Duration(o.framesLost) * speech.FrameTime; b.holes && b.gap > 0 && lost > b.gap { // a voice that never came back has no gap
		o.fault(fmt.Errorf("%v of the voice lost, at most %v", lost, b.gap))
	}
	if !b.sessions && o.sessionsLost > 0 {
		o.fault(fmt.Errorf("%d sessions were lost", o.sessionsLost))
	}
	if !b.presence && o.presence > 0 {
		o.fault(fmt.Errorf("%d lines of join and leave were shown", o.presence))
	}
	if b.back > 0 && o.back > b.back {
		o.fault(fmt.Errorf("back after %v, at most %v", o.back, b.back))
	}
	if b.quality > 0 && o.score.FwSNRseg < b.quality {
		o.fault(fmt.Errorf("the voice is worse than %v dB: %v", b.quality, o.score))
	}
}

// columns is a line of the table.
func (o *outcome) columns() []string {
	lost, gap, quality, back, presence := "-", "-", "-", "-", "-"
	if o.frames > 0 {
		lost = fmt.Sprintf("%d/%d", o.framesLost, o.frames)
		presence = strconv.Itoa(o.presence)
	}
	if o.scored {
		gap = seconds(o.gap)
		quality = fmt.Sprintf("%.1f", o.score.FwSNRseg)
	}
	if o.back > 0 {
		back = seconds(o.back)
	}
	verdict := "ok"
	if len(o.faults) > 0 {
		verdict = "FAILED"
	}
	return []string{
		o.row, fmt.Sprintf("%d/%d", o.receipts, o.lines), lost, gap, quality,
		strconv.Itoa(o.sessionsLost), back, presence, seconds(o.took), strings.TrimSpace(verdict + " " + o.note),
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

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
	fmt.Printf("%-24s %s\n", o.row, strings.Join(o.columns()[8:], " "))
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
	fmt.Fprintln(tw, strings.Join([]string{
		"condition", "receipts", "frames lost", "gap", "fwSNR dB", "lost", "back after", "left/joined", "took", "outcome",
	}, "\t"))
	for _, o := range t.rows {
		fmt.Fprintln(tw, strings.Join(o.columns(), "\t"))
	}
	_ = tw.Flush()
	for _, o := range t.rows {
		for _, err := range o.faults {
			fmt.Fprintf(w, "%s: %s\n", o.row, firstLine(err.Error()))
		}
	}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
