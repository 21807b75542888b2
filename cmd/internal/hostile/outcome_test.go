//go:build linux

package hostile

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"yodel/peer/audio/score"
)

// The bars of every attack. The short form has little of a voice and any machine: there the score is told and not judged.
const (
	maxLost    = 0.01     // of the victim's frames
	shortLost  = 0.25     // of them in the short form
	maxGrowth  = 32 << 20 // bytes of resident memory
	shortMore  = 16 << 20 // of it in the short form: a collector that does not run in time
	maxThreads = 16       // more than before
	maxOpen    = 4        // descriptors more than before
	minQuality = 12.0     // dB of fwSNRseg; a voice without losses has 19
)

// outcome is what came of an attack. The attack itself sets the first part.
type outcome struct {
	sent    int64         // datagrams, or what else the attack is made of
	during  time.Duration // in which they were sent
	in, out int64         // bytes of UDP payload to the daemon and back, of addresses that have not shown to be there
	note    string

	attack             string
	least              float64 // datagrams a second: fewer are no attack
	frames, framesLost int     // the victim's, 20 ms each
	score              score.Score
	before, after      figures
	cpu                float64       // of one core, while it went on
	newcomer, later    time.Duration // until the newcomer had its receipt, in the attack and after it
	faults             []error
	late               bool // somebody was not served in time, by a daemon that goes on
	again              bool // the faults may be the machine's or the attacker's: another try tells
}

// fault takes what went wrong, if something did.
func (o *outcome) fault(errs ...error) {
	for _, err := range errs {
		if err != nil {
			o.faults = append(o.faults, err)
		}
	}
}

// judge holds an outcome against the bars.
func (o *outcome) judge() {
	others := len(o.faults)
	if o.late {
		others = 0
	}
	if rate := o.rate(); rate < o.least {
		o.fault(fmt.Errorf("no attack took place: %.0f datagrams a second, at least %.0f", rate, o.least))
	}
	o.judgeVoice()
	soft := len(o.faults)
	most := int64(maxGrowth)
	if !settings.Full {
		most += shortMore
	}
	if grown := o.after.peak - o.before.resident; grown > most {
		o.fault(fmt.Errorf("the daemon has grown by %d KiB, at most %d", grown>>10, most>>10))
	}
	if more := o.after.threads - o.before.threads; more > maxThreads {
		o.fault(fmt.Errorf("%d threads more, at most %d", more, maxThreads))
	}
	if more := o.after.descriptors - o.before.descriptors; more > maxOpen {
		o.fault(fmt.Errorf("%d descriptors more, at most %d", more, maxOpen))
	}
	if o.out > o.in {
		o.fault(fmt.Errorf("%d bytes came back for %d", o.out, o.in))
	}
	o.again = others == 0 && soft == len(o.faults)
}

// judgeVoice holds the victim's voice against its bars.
func (o *outcome) judgeVoice() {
	share := shortLost
	if settings.Full {
		share = maxLost
	}
	if most := int(share * float64(o.frames)); o.framesLost > most {
		o.fault(fmt.Errorf("%d of %d frames lost, at most %d", o.framesLost, o.frames, most))
	}
	if settings.Full && o.score.FwSNRseg < minQuality {
		o.fault(fmt.Errorf("the voice is worse than %v dB: %v", minQuality, o.score))
	}
}

// rate is how much was sent a second; 0 when nothing was.
func (o *outcome) rate() float64 {
	if o.during <= 0 {
		return 0
	}
	return float64(o.sent) / o.during.Seconds()
}

// columns is a line of the table.
func (o *outcome) columns() []string {
	rate, ratio := "-", "-"
	if o.during > 0 {
		rate = fmt.Sprintf("%.0f", o.rate())
	}
	if o.in > 0 {
		ratio = fmt.Sprintf("%.2g", float64(o.out)/float64(o.in))
	}
	verdict := "ok"
	if len(o.faults) > 0 {
		verdict = "FAILED"
	}
	mib := func(n int64) string { return fmt.Sprintf("%.1f", float64(n)/(1<<20)) }
	return []string{
		o.attack, rate, mib(o.in), mib(o.out), ratio, fmt.Sprintf("%d/%d", o.framesLost, o.frames), fmt.Sprintf("%.1f", o.score.FwSNRseg),
		mib(o.before.resident), mib(o.after.peak), mib(o.after.resident), fmt.Sprintf("%.0f %%", 100*o.cpu), seconds(o.newcomer), seconds(o.later), strings.TrimSpace(verdict + " " + o.note),
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// table collects the outcomes of all attacks.
type table struct {
	mu   sync.Mutex
	rows []*outcome
}

var results table

func (t *table) add(o *outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows = append(t.rows, o)
}

// print writes the table.
func (t *table) print(w io.Writer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.rows) == 0 {
		return
	}
	fmt.Fprintf(w, "\nseed %d\n", settings.Seed)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, strings.Join([]string{
		"attack", "sent/s", "MiB in", "MiB out", "out/in", "frames lost", "fwSNR dB", "MiB before", "peak", "after", "CPU", "newcomer", "later", "outcome",
	}, "\t"))
	for _, o := range t.rows {
		fmt.Fprintln(tw, strings.Join(o.columns(), "\t"))
	}
	_ = tw.Flush()
	for _, o := range t.rows {
		for _, err := range o.faults {
			line, _, _ := strings.Cut(err.Error(), "\n")
			fmt.Fprintf(w, "%s: %s\n", o.attack, line)
		}
	}
}
